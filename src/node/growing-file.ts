/**
 * A file that a training appends to. Appended bytes are buffered in memory and are on the disk when `flush` returns. On
 * a full disk nothing is lost and nothing is written in part: the next `flush` tries again.
 */
import * as fs from "node:fs";
import { syncFile, writeError } from "./files.ts";

const FLUSH_BYTES = 64 * 1024;

/** An append-only file with a durable end. */
export class GrowingFile {
  readonly #path: string;
  /** Bytes known to be on the disk. */
  #length: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** @param path of a file that exists. @param length its bytes. */
  constructor(path: string, length: number) {
    this.#path = path;
    this.#length = length;
  }

  /** Adds text or bytes; flushes once 64 KiB are buffered. Throws what `flush` throws. */
  append(content: string | Uint8Array): void {
    const bytes = Buffer.from(content);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= FLUSH_BYTES) this.flush();
  }

  /** Writes the buffered bytes, with fsync. Throws InputError if that fails; the file then keeps its old length. */
  flush(): void {
    if (this.#pendingBytes === 0) return;
    const bytes = Buffer.concat(this.#pending);
    try {
      const file = fs.openSync(this.#path, "r+");
      try {
        for (let written = 0; written < bytes.length;) {
          written += fs.writeSync(file, bytes, written, null, this.#length + written);
        }
        syncFile(file); // otherwise a power cut could leave a checkpoint without the lines of its steps
      } catch (error) {
        fs.ftruncateSync(file, this.#length);
        throw error;
      } finally {
        fs.closeSync(file);
      }
    } catch (error) {
      throw writeError(this.#path, bytes.length, error);
    }
    this.#length += bytes.length;
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}
