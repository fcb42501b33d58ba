/** `koffi`, which calls functions of C libraries: an optional dependency that some platforms have no build of. */
import { createRequire } from "node:module";
import type { NativeLibrary } from "../backend/native/library.ts";

/** What a C function takes: numbers, addresses, and memory of ours by its address. */
export type NativeArgument = number | bigint | string | ArrayBufferView | ArrayBuffer;

/** A loaded library. */
export interface KoffiLibrary {
  /** The function of a C prototype. Throws if the library lacks it. */
  func(prototype: string): (...parameters: readonly NativeArgument[]) => unknown;
  /** The variable of this name. Throws if the library lacks it. */
  symbol(name: string, type: string): unknown;
  /** Unloads the library. A call of one of its functions after that ends the process. */
  unload(): void;
}

/** The part of koffi that is used. */
export interface Koffi {
  /**
   * Loads a library; null: what the process has loaded. Throws if the file is missing, or not a library of this system.
   * `global`: libraries that are loaded later find its symbols.
   */
  load(path: string | null, options?: { readonly global: boolean }): KoffiLibrary;
  /** The address of an array's first byte, or of a symbol. */
  address(value: unknown): bigint;
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

/** Loads a library, or returns the error of the system's loader. @param compiler what made it, for people. */
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
