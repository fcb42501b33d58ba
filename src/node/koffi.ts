/** `koffi`, which calls functions of C libraries: an optional dependency that some platforms have no build of. */
import { createRequire } from "node:module";
import type { NativeLibrary } from "../backend/native/library.ts";

/** What a C function takes: numbers, addresses, and memory of ours by its address. */
export type NativeArgument = number | bigint | string | ArrayBufferView | ArrayBuffer;

/** A loaded library. */
export interface KoffiLibrary {
  /** The function of a C prototype. Throws if the library lacks it. */
  func(prototype: string): (...parameters: readonly NativeArgument[]) => unknown;
  /** Unloads the library. A call of one of its functions after that ends the process. */
  unload(): void;
}

/** The part of koffi that is used. */
export interface Koffi {
  /** Throws if the file is missing, or not a library of this system. */
  load(path: string): KoffiLibrary;
  /** The address of an array's first byte. */
  address(value: Float32Array): bigint;
}

/** Loads koffi (10 ms, the first time); null where it is not installed or has no build for this platform. */
export function loadKoffi(): Koffi | null {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- koffi's own types may be missing
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch {
    return null;
  }
}

/** Loads a library, or returns the words of the system's loader. @param compiler what made it, for people. */
export function openLibrary(koffi: Koffi, path: string, compiler: string): NativeLibrary | Error {
  try {
    return guard(koffi.load(path), compiler);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** A call of a function whose library is unloaded would end the process: here, it throws. */
function guard(library: KoffiLibrary, compiler: string): NativeLibrary {
  let isOpen = true;
  return {
    compiler,
    func(prototype) {
      const call = library.func(prototype);
      return (...parameters) => {
        if (!isOpen) throw new Error(`${prototype}: its library is closed`);
        return Number(call(...parameters) ?? 0);
      };
    },
    close() {
      if (isOpen) library.unload();
      isOpen = false;
    },
  };
}
