/**
 * Decompresses gzip as a stream, while it is read: neither the file nor its text is ever in memory as a whole. The work
 * is zlib's, which checks each member's length and CRC; minizlib lets it be called without waiting, as texts are read.
 */
import { createRequire } from "node:module";
import type * as Minizlib from "minizlib";
import { InputError } from "../errors.ts";

/** Whether bytes begin as gzip does. */
export const isGzip = (start: Uint8Array): boolean => start[0] === 0x1f && start[1] === 0x8b;

/** Bytes that are given to zlib at once. They become at most 1,032 times as many, which is zlib's highest ratio. */
const SLICE_BYTES = 16_384;

/**
 * Compressed chunks → their content, in chunks of at least `chunkBytes` (the last may be shorter). Throws InputError if
 * they are damaged or incomplete. @param name for the message.
 */
export function* gunzip(
  name: string,
  chunks: Iterable<Uint8Array>,
  chunkBytes: number,
): Generator<Uint8Array, void, void> {
  // Loaded on demand: most texts are not compressed.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types are the package's own
  const { Gunzip } = createRequire(import.meta.url)("minizlib") as typeof Minizlib;
  const decompressor = new Gunzip({});
  let [pieces, length] = [[] as Uint8Array[], 0];
  let failure: Error | null = null;
  decompressor.on("data", (piece) => {
    pieces.push(piece);
    length += piece.length;
  });
  decompressor.on("error", (error) => (failure ??= error instanceof Error ? error : new Error(String(error))));
  const check = (): void => {
    if (failure !== null)
      throw new InputError(`${name} is damaged: it is not whole gzip (${reasonOf(failure)}); get it again`);
  };
  const take = (): Uint8Array => {
    const joined = Buffer.concat(pieces, length);
    [pieces, length] = [[], 0];
    return joined;
  };
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += SLICE_BYTES) {
      decompressor.write(Buffer.from(chunk.subarray(start, start + SLICE_BYTES)));
      check();
      if (length >= chunkBytes) yield take();
    }
  }
  decompressor.end();
  check();
  if (length > 0) yield take();
}

const reasonOf = (error: Error): string => error.message.replace(/^zlib: /, "");
