/** Native code in Node: made by the machine's compiler, or the reason why it cannot be. */
import { join } from "node:path";
import type { CompileNative } from "../backend/native/library.ts";
import { nativeBackend } from "../backend/native/native.ts";
import type { NativeCode } from "../library/machine.ts";
import { makeDirectory, writeError } from "../node/files.ts";
import { missingForNative, nativeCompiler } from "../node/native.ts";
import { writeOutput } from "../node/output.ts";
import { sha256 } from "../node/sha256.ts";

/** This machine's. */
export const nodeNative: NativeCode = {
  missing: () => missingForNative(process.env)?.message ?? null,
  backend({ threads, keepC, warn }) {
    const compile = nativeCompiler({ warn });
    return nativeBackend({ threads, compile: keepC === null ? compile : keeping(keepC, compile) });
  },
};

/** Leaves each source in a directory before it is compiled: also where there is no compiler. */
const keeping =
  (directory: string, compile: CompileNative): CompileNative =>
  async (source) => {
    keepSource(directory, source);
    return await compile(source);
  };

/** The name is made from the source, so that the runs of a sweep can share the directory. Throws InputError. */
function keepSource(directory: string, source: string): void {
  const path = join(directory, `microgpt-${sha256(source).slice(0, 8)}.c`);
  try {
    makeDirectory(directory);
  } catch (error) {
    throw writeError(directory, source.length, error);
  }
  writeOutput(path, source);
}
