/** A C compiler that does as it is told and keeps a list of its calls, and what compiles with it. */
import * as fs from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { NativeUnavailable } from "../../src/backend/native/unavailable.ts";
import { loadKoffi } from "../../src/node/koffi.ts";
import { findCompiler } from "../../src/node/native-compiler.ts";
import { nativeCompiler } from "../../src/node/native.ts";
import type { NativeSettings } from "../../src/node/native.ts";
import { workspace } from "./microgpt.ts";

/** As users get it; for tests that start processes. */
export const NATIVE: string = fileURLToPath(new URL("../../dist/node/native.js", import.meta.url));

function pathOfCompiler(): string | null {
  try {
    return findCompiler(process.env).path;
  } catch (error) {
    if (error instanceof NativeUnavailable) return null;
    throw error;
  }
}

/** The machine's compiler; null if there is none, or no koffi. */
export const REAL: string | null = loadKoffi() === null ? null : pathOfCompiler();
export const SKIPPED = "skipped where there is no C compiler or no koffi";

/** A program to compile. */
export const answering = (answer: number): string => `int answer(void){return ${answer};}\n`;
export const ANSWER: string = answering(42);

/** Compiles in a process of its own and prints the answer, or why there is none; warnings on standard error. */
export const SCRIPT = `import { appendFileSync } from "node:fs";
const [url, directory, source] = process.argv.slice(1);
const { nativeCompiler } = await import(url);
appendFileSync(process.env.FAKE_READY, "ready\\n");
try {
  const library = await nativeCompiler({ directory, limitMs: 120_000, waitMs: 240_000, warn: (message) => console.error(message) })(source);
  console.log(library.func("int answer(void)")());
} catch (error) {
  if (error.name !== "NativeUnavailable") throw error;
  console.log(error.message);
}`;

/** An empty cache, temporary files of its own, and a compiler; all in paths that a shell would take apart. */
export interface Place {
  /** The cache. */
  readonly directory: string;
  /** The system's directory of temporary files, as this test sees it. */
  readonly temporary: string;
  /** The compiler. */
  readonly program: string;
  /** What a process of this place gets. */
  readonly env: NodeJS.ProcessEnv;
  /** What the cache has warned of. */
  readonly warnings: string[];
  /** The arguments of each call of the compiler. */
  readonly calls: () => string[];
  /** How many of them were to compile. */
  readonly compiles: () => number;
  /** Compiles and calls; settings differ from the default in tests. */
  readonly answer: (source?: string, settings?: Partial<NativeSettings>) => Promise<number>;
  /** The files in the cache that end so. */
  readonly kept: (ending: string) => string[];
  /** The endings of all files in the cache, sorted. */
  readonly endings: () => string[];
}

/** @param instead what the compiler does when it is to compile, as lines of sh: before the real one does, or in its place. */
export function place(instead = ""): Place {
  const parent = join(workspace(), `it's "a" $HOME; of\ttests`);
  const [directory, temporary, tools] = ["the cache", "tmp", "tools"].map((name) => join(parent, name));
  for (const path of [parent, temporary, tools]) fs.mkdirSync(path);
  vi.stubEnv("TMPDIR", temporary);
  const [program, log] = [join(tools, 'my "c" compiler'), join(parent, "log")];
  fs.writeFileSync(
    program,
    `#!/bin/sh
echo "$*" >> "$FAKE_LOG"
case "$*" in
*-o*native.so*) ${instead}
;;
*-dM*) test -z "$FAKE_CPU" || echo "#define $FAKE_CPU 1"
;;
esac
exec "${REAL}" "$@"
`,
    { mode: 0o755 },
  );
  const env = {
    ...process.env,
    TMPDIR: temporary,
    FAKE_LOG: log,
    FAKE_PIDS: join(parent, "pids"),
    FAKE_READY: join(parent, "ready"),
    MICROGPT_CC: program,
  };
  const warnings: string[] = [];
  const calls = (): string[] => (fs.existsSync(log) ? fs.readFileSync(log, "utf8").trimEnd().split("\n") : []);
  return {
    directory,
    temporary,
    program,
    env,
    warnings,
    calls,
    compiles: () => calls().filter((args) => args.includes("-o native.so")).length,
    answer: async (source = ANSWER, settings = {}) => {
      const compile = nativeCompiler({ directory, env, warn: (message) => warnings.push(message), ...settings });
      const library = await compile(source);
      const answer = library.func("int answer(void)")();
      library.close();
      return answer;
    },
    endings: () => fs.readdirSync(directory).map(extname).toSorted(),
    kept: (ending) => fs.readdirSync(directory).filter((name) => name.endsWith(ending)),
  };
}

/** Why something could not be compiled: the sentence, and the file that it names at its end. */
export interface Failure {
  readonly message: string;
  /** Null where it names none. */
  readonly log: string | null;
}

/** Why something could not be compiled. Fails if it was. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof NativeUnavailable)) throw error;
    const [, path] = /; see (".+")$/.exec(error.message) ?? []; // quoted, as all paths of a `place` are
    return { message: error.message, log: path === undefined ? null : (JSON.parse(path) as string) };
  }
  throw new Error("it was compiled");
}
