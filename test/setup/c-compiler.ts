/**
 * The command's own way from C to a loaded library, with a cache for each test file. `MICROGPT_CC` names another compiler,
 * and `MICROGPT_TEST_CFLAGS` has more flags, for example `-mno-avx512f`: vectors of half the width.
 */
import { COMPILER_FLAGS } from "../../src/backend/native/library.ts";
import type { CompileNative } from "../../src/backend/native/library.ts";
import { missingForNative } from "../../src/node/native-needs.ts";
import { nativeCompiler } from "../../src/node/native.ts";
import { sharedWorkspace } from "./microgpt.ts";

const { MICROGPT_TEST_CFLAGS = "" } = process.env;
/** With sanitizers, on a busy machine, a compile takes minutes. */
const LIMIT_MS = 3600_000;

function newCompiler(): CompileNative {
  const flags = [...COMPILER_FLAGS, ...MICROGPT_TEST_CFLAGS.split(" ").filter((flag) => flag !== "")];
  const warn = (message: string): never => {
    throw new Error(message);
  };
  return nativeCompiler({ directory: sharedWorkspace(), flags, limitMs: LIMIT_MS, waitMs: LIMIT_MS, warn });
}

/** Compiles; null where there is none, or no koffi. */
export const compile: CompileNative | null = missingForNative(process.env) === null ? newCompiler() : null;
