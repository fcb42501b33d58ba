/**
 * A file that a training appends to. Appended bytes are buffered in memory and are on the disk when `flush` returns. On
 * a full disk nothing is lost and nothing is written in part: the next `flush` tries again.
 *
 * All bytes go to the file that was opened first, whatever its path names by then. A process may be stopped for hours
 * while its run is removed and another made under the same name: it must not write into that one when it continues.
 */
import * as fs from "node:fs";
import { InputError } from "../errors.ts";
import { syncFile, writeError } from "./files.ts";

const FLUSH_BYTES = 64 * 1024;

/** An append-only file with a durable end. */
export class GrowingFile {
  readonly #path: string;
  readonly #checkOwner: () => void;
  /** Open from the first flush on; null where it must be opened again. */
  #file: number | null = null;
  /** Bytes known to be on the disk. */
  #length: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** `append` flushes at this many buffered bytes. */
  #flushAt = FLUSH_BYTES;

  /**
   * @param path of a file that exists. @param length its bytes. @param checkOwner throws InputError if this process may
   * no longer write to what the path names.
   */
  constructor(path: string, length: number, checkOwner: () => void) {
    this.#path = path;
    this.#length = length;
    this.#checkOwner = checkOwner;
  }

  /**
   * Adds text or bytes; flushes whenever another 64 KiB are buffered. Where the machine fails then, the bytes stay
   * buffered. Throws what `checkOwner` throws.
   */
  append(content: string | Uint8Array): void {
    const bytes = Buffer.from(content);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes < this.#flushAt) return;
    try {
      this.flush();
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== "machine") throw error;
      this.#flushAt = this.#pendingBytes + FLUSH_BYTES; // the flush before the next save says what is wrong
    }
  }

  /**
   * Writes the buffered bytes, with fsync. Throws InputError if that fails (code "machine"), the file then keeps its old
   * length, or if another process has the run.
   */
  flush(): void {
    if (this.#pendingBytes === 0) return;
    const bytes = Buffer.concat(this.#pending);
    try {
      this.#write(this.#opened(), bytes);
    } catch (error) {
      throw writeError(this.#path, bytes.length, error);
    }
    this.#length += bytes.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#flushAt = FLUSH_BYTES;
  }

  /** Closes the file; a later flush opens it again. */
  close(): void {
    if (this.#file === null) return;
    const file = this.#file;
    this.#file = null;
    fs.closeSync(file);
  }

  /** The file. What is at its path by now is checked once it is open: from then on nobody can exchange it. */
  #opened(): number {
    if (this.#file !== null && fs.fstatSync(this.#file).nlink > 0) return this.#file;
    this.close(); // it was removed
    let file: number | null = null;
    try {
      file = fs.openSync(this.#path, "r+");
      this.#checkOwner();
      return (this.#file = file);
    } catch (error) {
      if (file === null) this.#checkOwner(); // a run that was removed is not waited for
      else fs.closeSync(file);
      throw error;
    }
  }

  #write(file: number, bytes: Buffer): void {
    try {
      for (let written = 0; written < bytes.length;) {
        written += fs.writeSync(file, bytes, written, null, this.#length + written);
      }
      syncFile(file); // otherwise a power cut could leave a checkpoint without the lines of its steps
    } catch (error) {
      try {
        fs.ftruncateSync(file, this.#length);
      } finally {
        this.close(); // a network disk may have forgotten it (ESTALE), and a failed fsync loses what it was to write
      }
      throw error;
    }
  }
}
