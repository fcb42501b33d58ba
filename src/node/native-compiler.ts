/**
 * The machine's C compiler: where it is, what code it makes for this CPU, and one source compiled by it. It keeps nothing:
 * that is `native-cache.ts`.
 */
import * as fs from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { NativeUnavailable } from "../backend/native/unavailable.ts";
import { showPath } from "../errors.ts";
import { runLimited } from "./limited-process.ts";
import type { Ended } from "./limited-process.ts";
import { sha256 } from "./sha256.ts";

/** Looked for on the PATH, in this order, unless `MICROGPT_CC` names a compiler. */
const COMPILERS = ["cc", "clang", "gcc"];

/**
 * Flags for the CPU at hand; a compiler uses the first that it accepts. gcc prefers vectors of 256 bits even where the CPU
 * has 512; what `native` means is -mcpu on ARM and POWER.
 */
export const TUNINGS: readonly (readonly string[])[] = [
  ...(process.arch === "x64" ? [["-march=native", "-mprefer-vector-width=512"]] : [["-mcpu=native"]]),
  ["-march=native"],
  [],
];

/** The file of a compiler, without links. */
export interface CompilerFile {
  /** Its real path. */
  readonly path: string;
  /** Its bytes. */
  readonly size: number;
  /** When it was changed, in milliseconds since 1970. */
  readonly mtimeMs: number;
  /** Its inode. */
  readonly inode: number;
}

/** A compiler, found without starting it. */
export interface Compiler {
  /** As it is started. Not the target of links: a compiler such as ccache acts by the name that it is called by. */
  readonly path: string;
  /** What tells it from another at this path. */
  readonly file: CompilerFile;
}

/** What a compiler makes on this CPU, found by asking it. */
export interface CompilerIdentity {
  /** Name and version, for people, such as `gcc 12.2.0`. */
  readonly name: string;
  /** Index of the flags for this CPU that it accepts. */
  readonly tuning: number;
  /** SHA-256 of its version, its target, its file, its flags, and the features of the CPU, as its macros name them. */
  readonly hash: string;
}

/** Where a compiler works: an empty directory of our own, which takes its temporary files, too. */
export interface BuildDirectory {
  /** The directory. */
  readonly directory: string;
  /** The environment of the compiler. */
  readonly env: NodeJS.ProcessEnv;
  /** What the source asks of the compiler; the flags for the CPU come on top. */
  readonly flags: readonly string[];
  /** Milliseconds that it may take. */
  readonly limitMs: number;
}

/** A compiler that failed or hung; the message is a clause. */
export class CompilerError extends Error {
  /** What the compiler was asked, and its output. */
  readonly output: string;

  /** An error that is not yet explained to the user: `NativeUnavailable` names a file with the output. */
  constructor(message: string, output: string) {
    super(message);
    this.output = output;
  }
}

/** Finds the compiler. Throws NativeUnavailable. */
export function findCompiler(env: NodeJS.ProcessEnv): Compiler {
  const named = env.MICROGPT_CC || null;
  for (const name of process.platform === "win32" ? [] : named === null ? COMPILERS : [named]) {
    for (const path of pathsOf(name, env)) {
      const compiler = programAt(path);
      if (compiler !== null) return compiler;
    }
  }
  const missing =
    named === null
      ? `no C compiler was found (${COMPILERS.join(", ")}; MICROGPT_CC names another)`
      : `MICROGPT_CC: there is no program ${showPath(named)}`;
  throw new NativeUnavailable(missing);
}

/** A name with a slash is a path; any other is looked for on the PATH. */
function pathsOf(name: string, { PATH = "" }: NodeJS.ProcessEnv): string[] {
  if (isAbsolute(name) || name.includes("/")) return [resolve(name)];
  const directories = PATH.split(delimiter).filter((directory) => directory !== "");
  return directories.map((directory) => resolve(join(directory, name)));
}

function programAt(path: string): Compiler | null {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    const status = fs.statSync(path);
    const { size, mtimeMs, ino: inode } = status;
    return status.isFile() ? { path, file: { path: fs.realpathSync(path), size, mtimeMs, inode } } : null;
  } catch {
    return null; // missing, or not for us
  }
}

/** Asks a compiler what it is and what it makes here. Throws CompilerError if it cannot compile at all. */
export async function identify(compiler: Compiler, build: BuildDirectory): Promise<CompilerIdentity> {
  const ask = asker(compiler, build);
  const [version, target] = await Promise.all([ask(["--version"]), ask(["-dumpmachine"])]);
  for (const [tuning, flags] of TUNINGS.entries()) {
    const args = [...build.flags, ...flags, "-dM", "-E", "-x", "c", "/dev/null"];
    const macros = await ask(args);
    if (macros.failure !== null && tuning < TUNINGS.length - 1) continue;
    if (macros.failure !== null) throw failed(compiler, args, macros);
    const { path, size, mtimeMs } = compiler.file; // not the inode: it differs between machines with the same files
    const features = [build.flags, flags, version.stdout, target.stdout, path, size, mtimeMs, macros.stdout];
    return { name: nameOf(macros.stdout), tuning, hash: sha256(JSON.stringify(features)) };
  }
  throw new Error("unreachable"); // the last tuning returns or throws
}

/** The name of a compiler by its own macros: `cc --version` may begin with anything. */
function nameOf(macros: string): string {
  const version = (...names: readonly string[]): string =>
    names.map((name) => new RegExp(`^#define ${name} (\\d+)$`, "m").exec(macros)?.[1] ?? "?").join(".");
  return macros.includes("__clang_major__")
    ? `clang ${version("__clang_major__", "__clang_minor__", "__clang_patchlevel__")}`
    : `gcc ${version("__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__")}`;
}

/** Compiles a source. Resolves to the path of the library, in the build directory. Rejects with CompilerError, or the system's error. */
export async function compile(
  compiler: Compiler,
  { tuning }: CompilerIdentity,
  source: string,
  build: BuildDirectory,
): Promise<string> {
  // Names without a directory: whatever characters its path has, no compiler has to understand them.
  fs.writeFileSync(join(build.directory, "native.c"), source);
  const args = [...build.flags, ...(TUNINGS[tuning] ?? []), "-o", "native.so", "native.c", "-lm"];
  const ended = await asker(compiler, build)(args);
  if (ended.failure !== null) throw failed(compiler, args, ended);
  const library = join(build.directory, "native.so");
  const status = fs.lstatSync(library, { throwIfNoEntry: false });
  if (status?.isFile() === true && status.size > 0) return library;
  throw failed(compiler, args, { ...ended, failure: "it wrote no library" });
}

/** Runs a compiler in its build directory, all calls within one time limit. */
function asker(
  compiler: Compiler,
  { directory, env, limitMs }: BuildDirectory,
): (args: readonly string[]) => Promise<Ended> {
  const deadline = performance.now() + limitMs;
  const limits = { cwd: directory, env: { ...env, LC_ALL: "C", TMPDIR: directory }, deadline };
  return async (args) => {
    const ended = await runLimited(compiler.path, args, limits);
    if (!ended.isTimeout) return ended;
    throw failed(compiler, args, { ...ended, failure: `it did not end within ${limitMs / 1000} s` });
  };
}

function failed({ path }: Compiler, args: readonly string[], { failure, stdout, stderr }: Ended): CompilerError {
  const message = `the C compiler ${showPath(path)} failed (${failure})`;
  const output = `$ ${[path, ...args].map(showPath).join(" ")}\n${failure}\n${stderr}${stdout}`;
  return new CompilerError(message, output);
}
