/**
 * A run as one .zip, which a visitor downloads, keeps and drops on the page again: `microgpt resume` takes what is in it.
 * Packing is the command's (`src/node/run-zip.ts`). Unpacking distrusts the file: it may be anybody's.
 */
import { unzipSync } from "fflate";
import type { UnzipFileInfo } from "fflate";
import { InputError } from "../../src/index.ts";
import type { RunFiles } from "../../src/index.ts";

export { zipRun } from "../../src/node/run-zip.ts";

/** The most bytes that are unpacked: a page that holds them twice stays within the memory of a phone. */
export const MAX_UNPACKED_BYTES: number = 2 ** 30;
/** A run has a file per text, besides some twenty. */
const MAX_ENTRIES = 20_000;
/** Deflate packs at most 1,032 bytes into one; a file that claims more is made to take memory. */
const MAX_RATIO = 1032;
const SLACK_BYTES = 1024;

/** What was in a .zip. */
export interface UnzippedRun {
  /** The folder that the files were in, such as `names-1`; "" if they were in none. */
  readonly name: string;
  /** The run's files. */
  readonly files: RunFiles;
}

/**
 * Unpacks a run. Its files may be in a folder, beside others that are ignored. Throws InputError, in one sentence, for what is
 * not a .zip, is damaged, has no run or several, has a path that leads out of the folder, or is too large.
 */
export function unzipRun(zip: Uint8Array): UnzippedRun {
  const entries = listEntries(zip);
  const folder = folderOfRun(entries);
  const files = new Map<string, Uint8Array>();
  for (const [path, bytes] of unpack(zip, ({ name }) => isOfRun(name, folder))) {
    files.set(path.slice(folder.length), bytes);
  }
  return { name: folder.split("/").at(-2) ?? "", files };
}

/** The paths of all files. Unpacks nothing. Throws InputError for a path, a size or a number that no run has. */
function listEntries(zip: Uint8Array): readonly string[] {
  const paths = new Set<string>();
  let bytes = 0;
  let count = 0;
  const check = ({ name, originalSize, size, compression }: UnzipFileInfo): boolean => {
    if (++count > MAX_ENTRIES) throw new InputError(`the .zip has more than ${MAX_ENTRIES} files; a run has fewer`);
    // A stored file is unpacked to its packed size, whatever it claims.
    const isBomb = compression === 0 ? originalSize !== size : originalSize > MAX_RATIO * size + SLACK_BYTES;
    if ((bytes += originalSize) > MAX_UNPACKED_BYTES || isBomb)
      throw new InputError(`the .zip unpacks to too many bytes; at most ${MAX_UNPACKED_BYTES / 2 ** 20} MiB are taken`);
    if (name.endsWith("/")) return false;
    if (!isWithin(name)) throw new InputError("the .zip has a file with a path that leads out of its folder");
    if (paths.has(name)) throw new InputError("the .zip has two files of the same path");
    paths.add(name);
    return false;
  };
  unpack(zip, check);
  return [...paths];
}

/** `a/b.json`: relative, with `/`, without `.` and `..`, drive letters and control characters. */
function isWithin(path: string): boolean {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\\:\u0000-\u001f\u007f]/.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** The folder of the one run in it, "" or with a `/` at its end. Throws InputError if there is none, or another. */
function folderOfRun(paths: readonly string[]): string {
  const folders = paths.filter((path) => path === "config.json" || path.endsWith("/config.json"));
  const [first, ...others] = folders.map((path) => path.slice(0, -"config.json".length));
  if (first === undefined) throw new InputError("the .zip has no run in it: no config.json");
  if (others.length > 0) throw new InputError(`the .zip has ${folders.length} runs in it; give one of them`);
  return first;
}

/** Hidden files, such as the lock of a process elsewhere, are not a run's content. */
const isOfRun = (path: string, folder: string): boolean =>
  path.startsWith(folder) && !path.split("/").some((part) => part.startsWith("."));

/** The files that a filter takes. Throws InputError if the .zip is damaged. */
function unpack(zip: Uint8Array, filter: (entry: UnzipFileInfo) => boolean): [path: string, bytes: Uint8Array][] {
  try {
    return Object.entries(unzipSync(zip, { filter }));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError("the file is not a .zip, or is damaged or encrypted");
  }
}
