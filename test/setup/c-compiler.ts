/** The shortest way from C to a loaded library: gcc, a temporary file, koffi. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as Koffi from "koffi";
import { COMPILER_FLAGS } from "../../src/backend/native/library.ts";
import type { CompileNative, NativeFunction } from "../../src/backend/native/library.ts";

async function findKoffi(): Promise<typeof Koffi | null> {
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return (await import("koffi")).default as unknown as typeof Koffi;
  } catch {
    return null;
  }
}

const koffi = await findKoffi();

/** Compiles with gcc; null where there is none, or no koffi. */
export const compile: CompileNative | null =
  koffi === null
    ? null
    : async (source) => {
        const directory = mkdtempSync(join(tmpdir(), "microgpt-c-"));
        const [from, to] = ["a.c", "a.so"].map((name) => join(directory, name));
        try {
          writeFileSync(from, source);
          execFileSync("gcc", [...COMPILER_FLAGS, "-march=native", "-mprefer-vector-width=512", "-o", to, from, "-lm"]);
          const library = koffi.load(to);
          return {
            func: (prototype) => library.func(prototype) as unknown as NativeFunction,
            close: () => library.unload(),
          };
        } finally {
          rmSync(directory, { recursive: true });
        }
      };
