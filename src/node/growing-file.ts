/**
 * A file that is appended to for as long as a training goes. What is appended waits in memory, and is on the disk at the
 * latest when `flush` has returned; a disk that is full loses none of it, and leaves no part of it either.
 */
import * as fs from "node:fs";
import { writeError } from "./files.ts";

const FLUSH_BYTES = 64 * 1024;

export class GrowingFile {
  readonly #path: string;
  /** Bytes that are known to be on the disk. */
  #length: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** @param length of the file, which is there. */
  constructor(path: string, length: number) {
    this.#path = path;
    this.#length = length;
  }

  append(content: string | Uint8Array): void {
    const bytes = Buffer.from(content);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= FLUSH_BYTES) this.flush();
  }

  /** Writes out what waits. Throws InputError if that fails; the file then ends as before. */
  flush(): void {
    if (this.#pendingBytes === 0) return;
    const bytes = Buffer.concat(this.#pending);
    try {
      const file = fs.openSync(this.#path, "r+");
      try {
        for (let written = 0; written < bytes.length;) {
          written += fs.writeSync(file, bytes, written, null, this.#length + written);
        }
        fs.fsyncSync(file); // or a power cut could leave a checkpoint that is ahead of its lines
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
