/** What native code needs of a machine. Apart from `native.ts`, so that a command that compiles nothing does not load that. */
import { NativeUnavailable } from "../backend/native/unavailable.ts";
import { loadKoffi } from "./koffi.ts";
import type { Koffi } from "./koffi.ts";
import { findCompiler } from "./native-compiler.ts";

/** What a native compiler lacks here, found without starting anything; null: nothing. */
export function missingForNative(env: NodeJS.ProcessEnv): NativeUnavailable | null {
  try {
    findKoffi();
    findCompiler(env);
    return null;
  } catch (error) {
    if (error instanceof NativeUnavailable) return error;
    throw error;
  }
}

/** Loads koffi. Throws NativeUnavailable. */
export function findKoffi(): Koffi {
  const koffi = loadKoffi();
  if (koffi !== null) return koffi;
  throw new NativeUnavailable("the package koffi is not installed, or has no build for this platform");
}
