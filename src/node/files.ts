/**
 * Durable files and readable errors. A write is complete on the disk or has not happened; a failed read or
 * write becomes an InputError of one sentence.
 *
 *   write to a temporary sibling → fsync → rename over the name → fsync of the directory
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { InputError, showPath } from "../errors.ts";
import { makerOf, OWNER_TAG, ownerTag } from "./owner.ts";

/**
 * Writes a file durably. When this returns, the bytes are on the disk; when it throws InputError, the old file is as it
 * was and the temporary one is gone. A failed fsync is never retried on the same file: its pages may be lost.
 * @param mode permissions of the file, less the umask. @param like a file whose permissions, and for root its owner,
 * the new one gets instead; null: none.
 */
export function writeDurably(
  path: string,
  content: Uint8Array | string,
  mode: number = 0o644,
  like: fs.Stats | null = null,
): void {
  writePieces(path, [typeof content === "string" ? Buffer.from(content) : content], mode, like);
}

/** The same for a content that comes in pieces. Returns its length in bytes. */
export function writePieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  mode: number = 0o644,
  like: fs.Stats | null = null,
): number {
  const temporary = temporaryName(path);
  let length = 0;
  try {
    const file = fs.openSync(temporary, "wx", like === null ? mode : 0o600);
    try {
      if (like !== null) {
        if (process.getuid?.() === 0) fs.fchownSync(file, like.uid, like.gid);
        fs.fchmodSync(file, like.mode & 0o7777);
      }
      for (const piece of pieces) {
        length += piece.length;
        for (let written = 0; written < piece.length;) written += fs.writeSync(file, piece, written);
      }
      syncFile(file);
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(temporary, path);
    syncDirectory(dirname(path));
    return length;
  } catch (error) {
    removeIfPossible(temporary);
    throw writeError(path, length, error);
  }
}

/** Best-effort cleanup: failures are ignored, because an earlier error matters more or the next start retries. */
export function removeIfPossible(path: string): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch {
    // `removeTemporaries` finds it later
  }
}

/** What `fsync` answers where a file system has none. */
const WITHOUT_SYNC = new Set(["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);
/** … and what some network and FUSE disks answer for a directory: they make a rename durable themselves, or never. */
const WITHOUT_DIRECTORY_SYNC = new Set([...WITHOUT_SYNC, "EPERM", "EACCES", "EBADF", "EISDIR"]);

/** Makes an open file durable, as far as its file system can. */
export function syncFile(file: number): void {
  syncUnless(WITHOUT_SYNC, () => fs.fsyncSync(file));
}

/** Makes the entries of a directory durable, as far as its file system can. Windows neither allows nor needs it. */
export function syncDirectory(path: string): void {
  if (process.platform === "win32") return;
  syncUnless(WITHOUT_DIRECTORY_SYNC, () => {
    const directory = fs.openSync(path, "r");
    try {
      fs.fsyncSync(directory);
    } finally {
      fs.closeSync(directory);
    }
  });
}

function syncUnless(codes: ReadonlySet<string>, sync: () => void): void {
  try {
    sync();
  } catch (error) {
    if (!codes.has(errorCode(error) ?? "")) throw error;
  }
}

/**
 * Makes a directory and its parents, durably: each is on the disk, in its parent, when this returns. (Node's own `recursive` never returns where mkdir answers ENOENT, as in /proc.)
 */
export function makeDirectory(path: string, mode: number = 0o777): void {
  if (fs.existsSync(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path), mode);
  try {
    fs.mkdirSync(path, mode);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error; // another process may have made it first
  }
  syncDirectory(dirname(path));
}

/** As `makeDirectory`. Throws InputError where it cannot be made. */
export function mustMakeDirectory(path: string): void {
  try {
    makeDirectory(path);
  } catch (error) {
    throw writeError(path, 0, error);
  }
}

/** How much of a name a temporary one keeps: with all the rest, within the 143 bytes that the strictest disks allow. */
const KEPT_BYTES = 60;

/** A hidden sibling of `path` for a file that is not complete yet; its name tells which process makes it. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${cutBytes(basename(path), KEPT_BYTES)}.tmp-${ownerTag()}`);
}

/** The longest start of a text that takes at most so many bytes in UTF-8, by whole characters. */
export function cutBytes(text: string, bytes: number): string {
  let [cut, length] = ["", 0];
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    length += Buffer.byteLength(segment);
    if (length > bytes) break;
    cut += segment;
  }
  return cut;
}

/** Temporary names, also those of older versions, which end in `PID-RANDOM`. */
const TEMPORARY = new RegExp(String.raw`^\..+\.tmp-(?:${OWNER_TAG}|\d+-[0-9a-f]{8})$`);

/** Removes temporary files that nobody will complete. */
export function removeTemporaries(directory: string): void {
  for (const name of fs.readdirSync(directory)) {
    if (TEMPORARY.test(name)) removeIfAbandoned(join(directory, name));
  }
}

/** After this time a file is abandoned whose maker is of another container or host. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** Removes what `temporaryName`, or another name with an `ownerTag`, was made for, if its maker will not complete it. */
export function removeIfAbandoned(path: string): void {
  const maker = makerOf(path);
  if (maker === "dead" || (maker === "unknown" && (ageOf(path) ?? 0) > ABANDONED_MS)) {
    fs.rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Milliseconds since a file was written, by the clock of its disk, which all who share it have in common; null if that
 * cannot be told.
 */
export function ageOf(path: string): number | null {
  const probe = temporaryName(join(dirname(path), "clock"));
  try {
    fs.writeFileSync(probe, "", { flag: "wx" });
    const now = fs.statSync(probe).mtimeMs;
    const file = openToRead(path); // opened, because network disks then check the time that they remember
    try {
      return now - fs.fstatSync(file).mtimeMs;
    } finally {
      fs.closeSync(file);
    }
  } catch {
    return null;
  } finally {
    removeIfPossible(probe);
  }
}

/** Waits, and holds up the whole thread: for retries between system calls, where nothing else may happen. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The largest file that is read into memory at once. */
const MAX_FILE_BYTES = 2 ** 30;

/** Reads a regular file. Throws InputError for anything else (a directory, a pipe, a device), without opening it. */
export function readWhole(path: string, limit: number = MAX_FILE_BYTES): Buffer {
  try {
    const status = fs.statSync(path);
    const kind = describeKind(status);
    if (kind !== null) throw new InputError(`${showPath(path)} is ${kind}, not a file`);
    if (status.size > limit) {
      throw new InputError(`${showPath(path)} has ${status.size} bytes; at most ${limit} can be read`);
    }
    return fs.readFileSync(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/**
 * The bytes of a regular file of at most `limit` bytes, never through a link; null for anything else, and for what
 * cannot be read. @param isTrusted whether a file of this owner and mode is read at all.
 */
export function readPlainFile(
  path: string,
  limit: number,
  isTrusted: (status: fs.Stats) => boolean = () => true,
): Buffer | null {
  let file: number | null = null;
  try {
    file = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0));
    const status = fs.fstatSync(file);
    return status.isFile() && status.size <= limit && isTrusted(status) ? fs.readFileSync(file) : null;
  } catch (error) {
    if (errorCode(error) === null) throw error;
    return null;
  } finally {
    if (file !== null) fs.closeSync(file);
  }
}

/** Opens a file to read it. A pipe without a writer is not waited for. */
export const openToRead = (path: string): number =>
  fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));

/** The first bytes of a file, fewer if it is shorter. Throws InputError. */
export function readStart(path: string, length: number): Buffer {
  try {
    const file = openToRead(path);
    try {
      const start = Buffer.alloc(length);
      return start.subarray(0, fs.readSync(file, start, 0, length, 0));
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    throw readError(path, error);
  }
}

/** The kind of a file that is not a regular one, with its article ("a pipe"); null for a regular file. */
export function describeKind(status: fs.Stats): string | null {
  if (status.isFile()) return null;
  if (status.isDirectory()) return "a directory";
  if (status.isFIFO()) return "a pipe";
  if (status.isSocket()) return "a socket";
  return "a device";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "part of the path is not a directory",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the disk is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is exceeded",
  EMFILE: "too many open files",
  EIO: "the disk reports an error",
  ELOOP: "its symbolic links form a loop",
  ENAMETOOLONG: "the name is too long for the file system",
  EPIPE: "its reader has gone",
};

/** The system's code for an error (`ENOENT`), or null for an error of another kind. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** What to do about the limit on open files, as a clause. */
export const TOO_MANY_FILES = "too many open files (EMFILE); raise the limit, for example with ulimit -n 1024";

/**
 * Whether an error says that this process may open no more files: the system's own, or Node's when it loads a module or starts a thread.
 */
export function isOutOfFiles(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  if (code === "EMFILE" || code === "ENFILE") return true;
  return code.startsWith("ERR_") && /EMFILE|too many open files/i.test(String(error));
}

/** An error of a read → an InputError of one sentence (exit code 2). Other errors are returned as they are. */
export function readError(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === null || error instanceof InputError) return error;
  return new InputError(`cannot read ${showPath(path)}: ${REASONS[code] ?? "system error"} (${code})`);
}

/** An error of a write → an InputError of code "machine" (exit code 1); on a full disk with needed and free bytes. */
export function writeError(path: string, bytes: number, error: unknown): unknown {
  const code = errorCode(error);
  if (code === null || error instanceof InputError) return error;
  const space = code === "ENOSPC" ? `, ${bytes} bytes needed, ${freeBytes(dirname(path))} free` : "";
  return new InputError(
    `cannot write ${showPath(path)}: ${REASONS[code] ?? "system error"} (${code}${space})`,
    "machine",
  );
}

function freeBytes(directory: string): string {
  try {
    const { bavail, bsize } = fs.statfsSync(directory);
    return String(bavail * bsize);
  } catch {
    return "unknown";
  }
}
