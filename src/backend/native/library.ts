/**
 * The interface to a C compiler and to the libraries that it makes, so that this directory depends on neither Node nor a
 * compiler. Node's is in `node/`.
 */

/** A compiled library: its functions by prototype. */
export interface NativeLibrary {
  /** Name and version of the compiler, for people, such as `gcc 12.2.0`. */
  readonly compiler: string;
  /**
   * A function of the library. Arrays are passed by address and must be kept alive by the caller; nothing is copied.
   * @param prototype in C, such as `double run(int64_t session)`: pointers, int32_t, int64_t, float and double only.
   */
  func(prototype: string): NativeFunction;
  /** Unloads the library; none of its functions may be called or be running. */
  close(): void;
}

/** A function of a library. It blocks until the function returns; one without a result returns 0. */
export type NativeFunction = (...parameters: readonly (number | bigint | ArrayBufferView | ArrayBuffer)[]) => number;

/** Compiles C source and loads the library. Rejects if there is no compiler, or if it fails. */
export type CompileNative = (source: string) => Promise<NativeLibrary>;

/**
 * What the generated source asks of gcc or clang; those that tune for a processor come on top. Vectors are explicit in the
 * source, so -O3 would cost time and gain nothing. Sums stay in their order (no -ffast-math), but a product and a sum may
 * be one instruction. Nobody reads errno or floating-point flags, so square roots and choices stay in vectors.
 */
export const COMPILER_FLAGS: readonly string[] = [
  "-std=gnu11",
  "-O2",
  "-ffp-contract=fast",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-pthread",
  "-fPIC",
  "-shared",
];
