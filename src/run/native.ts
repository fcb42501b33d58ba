/** Native code in Node: made by the machine's compiler, or the reason why it is not available. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { CompileNative } from "../backend/native/library.ts";
import { InputError, showPath } from "../errors.ts";
import type { NativeCode } from "../library/machine.ts";
import { mustMakeDirectory } from "../node/files.ts";
import { missingForNative } from "../node/native-needs.ts";
import { writeOutput } from "../node/output.ts";
import { sha256 } from "../node/sha256.ts";

/** This machine's. */
export const nodeNative: NativeCode = {
  missing: () => missingForNative(process.env)?.message ?? null,
  async backend({ threads, keepC, warn }) {
    const { nativeBackend } = await import("../backend/native/native.ts");
    const { nativeCompiler } = await import("../node/native.ts");
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
  try {
    mustMakeDirectory(directory);
    const isDirectory = statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false; // false: a link to nothing
    if (!isDirectory) throw new InputError(`${showPath(directory)} is not a directory; name one`);
    writeOutput(join(directory, `microgpt-${sha256(source).slice(0, 8)}.c`), source);
  } catch (error) {
    throw error instanceof InputError ? new InputError(`--keep-c: ${error.message}`, error.code) : error;
  }
}
