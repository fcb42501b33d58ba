/**
 * What a power cut may undo of a process's writes, by its system calls in order. A file system keeps bytes only after an
 * fsync of the file, and a name only after an fsync of its directory (POSIX; what ext4 does beyond that, others do not).
 */
import { dirname } from "node:path";

/** What is not kept on purpose: locks, probes of the clock and half-made files; a sweep's logs are for reading. */
const PASSING = /\/\.[^/]*(?:\.lock|\.takeover|\.tmp-[^/]*)$|\/\.lock$|\/logs\/[^/]+\.log$/;
/** A directory that is filled under this name has no name to keep yet. */
const HIDDEN = /\/\.new-run-[^/]*$/;

const isKept = (path: string): boolean => !PASSING.test(path) && !HIDDEN.test(path);

/** A process's files below one directory. */
export class DiskOrder {
  readonly #below: string;
  /** Files with bytes that an fsync has not confirmed. */
  #unsynced = new Set<string>();
  /** Names that the fsync of their directory has not confirmed. */
  #unnamed = new Set<string>();
  /** Rules that were broken, in words. */
  readonly broken: string[] = [];
  /** How often each path was written, by renaming to it. */
  readonly written: Map<string, number> = new Map();

  /** @param below what is elsewhere is not looked at. */
  constructor(below: string) {
    this.#below = below;
  }

  /** Takes a line of `strace -y`. */
  take(line: string): void {
    const match = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(line);
    if (match === null || match[3] === "-1") return;
    const [, call, args] = match;
    const named = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path]) => path);
    const [open = ""] = [...args.matchAll(/^\d+<([^>]*)>/g)].map(([, path]) => path);
    if (call === "fsync" || call === "fdatasync") this.#sync(open);
    else if (/^p?write(?:64|v)?$|^ftruncate$/.test(call)) this.#change(this.#unsynced, open);
    else if (/^open(?:at)?$/.test(call) && args.includes("O_CREAT")) this.#change(this.#unnamed, named[0]);
    else if (/^mkdir(?:at)?$/.test(call)) this.#change(this.#unnamed, named[0]);
    else if (call.startsWith("rename")) this.#rename(named[0], named[1]);
    else if (call.startsWith("unlink")) this.#remove(named[0]);
  }

  /** The process has ended well: nothing may be left that a power cut undoes. */
  end(): void {
    for (const path of this.#unsynced) if (isKept(path)) this.broken.push(`${path}: its last bytes are not synced`);
    for (const path of this.#unnamed) {
      if (isKept(path)) this.broken.push(`${path}: its name is not synced, in ${dirname(path)}`);
    }
  }

  #change(among: Set<string>, path: string): void {
    if (path.startsWith(this.#below)) among.add(path);
  }

  #sync(path: string): void {
    this.#unsynced.delete(path);
    for (const name of this.#unnamed) if (dirname(name) === path) this.#unnamed.delete(name);
  }

  /** A rename shows a file, or a directory with all in it, to everyone: it must be on the disk by then. */
  #rename(from: string, to: string): void {
    if (!to.startsWith(this.#below)) return;
    const within = (path: string): boolean => path === from || path.startsWith(`${from}/`);
    for (const path of this.#unsynced) {
      if (within(path) && !to.endsWith("/.lock") && isKept(path.replace(from, to)))
        this.broken.push(`${path}: renamed to ${to} before an fsync`);
    }
    for (const path of this.#unnamed) {
      if (path !== from && within(path) && isKept(path))
        this.broken.push(`${path}: its name is not synced before ${to}`);
    }
    const moved = (paths: Set<string>): Set<string> =>
      new Set([...paths].map((path) => (within(path) ? path.replace(from, to) : path)));
    [this.#unsynced, this.#unnamed] = [moved(this.#unsynced), moved(this.#unnamed)];
    this.#unnamed.add(to);
    this.written.set(to, (this.written.get(to) ?? 0) + 1);
  }

  /** An old file goes only after the new ones beside it have their names. */
  #remove(path: string): void {
    if (!path.startsWith(this.#below)) return;
    const isOfRun = isKept(path) && !this.#unnamed.has(path);
    for (const name of this.#unnamed) {
      if (isOfRun && dirname(name) === dirname(path) && isKept(name))
        this.broken.push(`${path}: removed before the name of ${name} is synced`);
    }
    this.#unsynced.delete(path);
    this.#unnamed.delete(path);
  }
}
