/**
 * The shortest way from C to a loaded library: gcc, a temporary file, koffi. `MICROGPT_CC` names another compiler, and
 * `MICROGPT_TEST_CFLAGS` has flags that come last, for example `-mno-avx512f`: vectors of half the width.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as Koffi from "koffi";
import { COMPILER_FLAGS } from "../../src/backend/native/library.ts";
import type { CompileNative, NativeLibrary } from "../../src/backend/native/library.ts";

const { MICROGPT_CC: compiler = "gcc", MICROGPT_TEST_CFLAGS = "" } = process.env;
const FLAGS = [
  ...COMPILER_FLAGS,
  "-march=native",
  "-mprefer-vector-width=512",
  ...MICROGPT_TEST_CFLAGS.split(" "),
].filter((flag) => flag !== "");

async function findKoffi(): Promise<typeof Koffi | null> {
  try {
    execFileSync(compiler, ["--version"], { stdio: "ignore" });
    return (await import("koffi")).default as unknown as typeof Koffi;
  } catch {
    return null;
  }
}

const koffi = await findKoffi();

/** What has been compiled, by its source; it stays until the process ends. */
const compiled = new Map<string, NativeLibrary>();

function compileAndLoad({ load }: typeof Koffi, source: string): NativeLibrary {
  const directory = mkdtempSync(join(tmpdir(), "microgpt-c-"));
  const [from, to] = ["a.c", "a.so"].map((name) => join(directory, name));
  try {
    writeFileSync(from, source);
    execFileSync(compiler, [...FLAGS, "-o", to, from, "-lm"]);
    const library = load(to);
    return { compiler, func: (prototype) => library.func(prototype), close: () => undefined };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Compiles; null where there is none, or no koffi. */
export const compile: CompileNative | null =
  koffi === null
    ? null
    : async (source) => {
        const library = compiled.get(source) ?? compileAndLoad(koffi, source);
        compiled.set(source, library);
        return library;
      };
