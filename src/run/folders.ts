/**
 * The files of a folder, and those that a pattern names. Folders that hold no text of the user's are left out, and
 * reported: what microgpt wrote itself, its cache, `node_modules`, hidden folders. So are symbolic links; one that is named
 * itself is followed. What cannot be read is reported.
 */
import * as fs from "node:fs";
import { basename, join, resolve } from "node:path";
import { InputError, showPath } from "../errors.ts";
import { readError } from "../node/files.ts";
import { ownKind } from "../node/own-folders.ts";

/** Where microgpt writes. These folders are left out, except where one of them, or a folder in it, is named itself. */
export interface OwnPlaces {
  /** The directory of runs. */
  readonly runsDir: string;
  /** The directory of cached pages. */
  readonly cacheDir: string;
}

/** The files of a folder or a pattern. */
export interface FolderFiles {
  /** Absolute paths, in order. */
  readonly paths: readonly string[];
  /** What was left out, a sentence each. */
  readonly warnings: readonly string[];
}

const MAGIC = /[*?[{]|[@!+]\(/;

/**
 * An entry of `--data` that is not there as it is written → a folder and a pattern below it; null: it is a plain path.
 * The folder is as long as folders of these very names are there, so that brackets in their names are not a pattern:
 * `texts [old]/*.txt` → `texts [old]`, `*.txt`.
 */
export function parsePattern(entry: string): { readonly folder: string; readonly pattern: string } | null {
  const parts = (process.platform === "win32" ? entry.replaceAll("\\", "/") : entry).split("/");
  let folder = entry.startsWith("/") || process.platform === "win32" ? `${parts.shift()}/` : ".";
  while (parts.length > 1 && isDirectory(join(folder, parts[0]))) folder = join(folder, parts.shift()!);
  const pattern = parts.join("/");
  return MAGIC.test(pattern) ? { folder: resolve(folder), pattern } : null;
}

const isDirectory = (path: string): boolean => {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false; // reading it reports the error
  }
};

/** All files of a folder, at any depth. Throws InputError if the folder itself cannot be read. */
export const filesOf = (folder: string, own: OwnPlaces): Promise<FolderFiles> => find(folder, "**", own);

/** The files of a folder that a pattern names. Throws as `filesOf`. */
export const filesLike = (folder: string, pattern: string, own: OwnPlaces): Promise<FolderFiles> =>
  find(folder, pattern, own);

async function find(folder: string, pattern: string, own: OwnPlaces): Promise<FolderFiles> {
  const { globSync } = await import("tinyglobby");
  const walk = new Walk(folder, own);
  const found = globSync(pattern, { cwd: folder, absolute: true, fs: walk.fileSystem() });
  return { paths: found.map((path) => resolve(path)).toSorted(byName), warnings: walk.warnings(pattern === "**") };
}

/** By code units: the same order on every machine, whatever its language. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Looks on while a folder is walked through: hides what is left out, and remembers what was wrong. */
class Walk {
  readonly #root: string;
  readonly #own: readonly (readonly [path: string, name: string])[];
  /** Why → which folders. */
  readonly #leftOut = new Map<string, string[]>();
  readonly #hidden: string[] = [];
  readonly #problems: string[] = [];
  #links = 0;
  #rootProblem: unknown = null;

  constructor(root: string, { runsDir, cacheDir }: OwnPlaces) {
    this.#root = resolve(root);
    this.#own = [
      [realPath(runsDir), "the directory of runs"],
      [realPath(cacheDir), "the cache"],
    ];
  }

  /** The functions that the walk reads with. */
  fileSystem(): Pick<typeof fs, "readdirSync" | "realpathSync" | "statSync"> {
    const functions = {
      readdirSync: (path: string): fs.Dirent[] => this.#read(resolve(path)),
      realpathSync: (path: string): string => this.#noting(path, () => fs.realpathSync(path)),
      statSync: (path: string): fs.Stats => this.#noting(path, () => fs.statSync(path)),
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node's have overloads, of which the walk uses these
    return functions as unknown as Pick<typeof fs, "readdirSync" | "realpathSync" | "statSync">;
  }

  /**
   * What was left out, a sentence each. Throws InputError if the folder itself could not be read.
   * @param saysHidden whether hidden folders are among it.
   */
  warnings(saysHidden: boolean): readonly string[] {
    if (this.#rootProblem !== null) throw this.#rootProblem;
    if (saysHidden && this.#hidden.length > 0)
      this.#leftOut.set(this.#hidden.length > 1 ? "hidden folders" : "a hidden folder", this.#hidden);
    const groups = [...this.#leftOut]
      .toSorted(([a], [b]) => byName(a, b))
      .map(([why, paths]) => `${why} (${listed(paths)})`);
    if (this.#links > 0) groups.push(this.#links === 1 ? "a symbolic link" : `${this.#links} symbolic links`);
    const folders = groups.length === 0 ? [] : [`left out of ${showPath(this.#root)}: ${groups.join("; ")}`];
    return [...folders, ...this.#problems];
  }

  #read(directory: string): fs.Dirent[] {
    const why = directory === this.#root ? null : this.#whyLeftOut(directory);
    if (why !== null) {
      this.#leftOut.set(why, [...(this.#leftOut.get(why) ?? []), this.#relative(directory)]);
      return [];
    }
    try {
      // A link may lead upwards, into /proc, or to a text that is here under its own name, too.
      const all = fs.readdirSync(directory, { withFileTypes: true });
      const entries = all.filter((entry) => !entry.isSymbolicLink());
      this.#links += all.length - entries.length;
      for (const entry of entries) {
        if (entry.isDirectory() && entry.name.startsWith("."))
          this.#hidden.push(this.#relative(join(directory, entry.name)));
      }
      return entries;
    } catch (error) {
      const problem = readError(directory, error);
      // The walk swallows what is thrown here.
      if (directory === this.#root) this.#rootProblem = problem;
      if (problem instanceof InputError) this.#problems.push(`left out: ${problem.message}`);
      return [];
    }
  }

  #whyLeftOut(directory: string): string | null {
    if (basename(directory) === "node_modules") return "node_modules";
    const real = realPath(directory);
    const place = this.#own.find(([path]) => path === real)?.[1];
    if (place !== undefined) return place;
    const kind = ownKind(directory);
    return kind === null ? null : `${kind}s of microgpt`;
  }

  #noting<Result>(path: string, read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      const problem = readError(path, error);
      if (problem instanceof InputError) this.#problems.push(`left out: ${problem.message}`);
      throw error;
    }
  }

  #relative(path: string): string {
    return path.startsWith(join(this.#root, "/")) ? path.slice(join(this.#root, "/").length) : path;
  }
}

function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    return resolve(path);
  }
}

const MOST_NAMES = 5;

/** `a, b and 3 more` */
function listed(paths: readonly string[]): string {
  const names = paths.toSorted(byName).slice(0, MOST_NAMES).map(showPath);
  const more = paths.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
