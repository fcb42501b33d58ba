/**
 * Matrix products by the machine's BLAS: WebAssembly's vectors have 128 bits, a CPU's up to 512.
 *
 * It needs `koffi`, an optional dependency, and one of the libraries below; without them `findBlas` returns null
 * and WebAssembly computes the products. The library works on the engine's memory by address: nothing is copied.
 */
import { readFileSync } from "node:fs";
import type { Blas } from "../backend/wasm/wasm.ts";
import { loadKoffi } from "./koffi.ts";
import type { Koffi, KoffiLibrary } from "./koffi.ts";

/** Names of BLAS libraries by platform. */
const LIBRARIES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ["libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so"],
  darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate", "libopenblas.dylib"],
  win32: ["libopenblas.dll", "mkl_rt.2.dll"],
};
/** Functions that limit a BLAS to one thread: the engine's workers are the threads. */
const ONE_THREAD = ["openblas_set_num_threads", "MKL_Set_Num_Threads"];

const [ROW_MAJOR, PLAIN, TRANSPOSED] = [101, 111, 112];

/** The first library that can be loaded, or null. */
export function findBlas(): Blas | null {
  const koffi = loadKoffi();
  if (koffi === null) return null;
  helpOpenBlas();
  for (const path of LIBRARIES[process.platform] ?? []) {
    try {
      return openBlas(koffi, path);
    } catch {
      continue; // not there, or not a BLAS
    }
  }
  return null;
}

function openBlas(koffi: Koffi, path: string): Blas {
  const library = koffi.load(path);
  const sgemm = library.func(
    "void cblas_sgemm(int, int, int, int, int, int, float, uintptr_t, int, uintptr_t, int, float, uintptr_t, int)",
  );
  for (const name of ONE_THREAD) {
    try {
      library.func(`void ${name}(int)`)(1);
    } catch {
      continue; // it belongs to the other library
    }
  }
  return {
    name: describe(library, path),
    on(memory) {
      const base = Number(koffi.address(new Float32Array(memory.buffer)));
      return ({ rows, columns, k, a, aRow, aTransposed, b, bRow, c, cRow, accumulate }) => {
        const aLayout = aTransposed ? TRANSPOSED : PLAIN;
        const beta = accumulate ? 1 : 0;
        sgemm(ROW_MAJOR, aLayout, PLAIN, rows, columns, k, 1, base + a, aRow, base + b, bRow, beta, base + c, cRow);
      };
    },
  };
}

/** `OpenBLAS 0.3.21 (SkylakeX)`, or the library's file name. */
function describe(library: KoffiLibrary, path: string): string {
  try {
    const words = String(library.func("str openblas_get_config()")()).split(" ");
    return `${words[0]} ${words[1]} (${words.at(-2) ?? ""})`;
  } catch {
    return path.split("/").at(-1) ?? path;
  }
}

/**
 * An OpenBLAS older than the CPU does not recognise its model and falls back to kernels of 2004; OPENBLAS_CORETYPE, set
 * before the library is loaded, chooses better ones. A value that the user has set is kept.
 */
function helpOpenBlas(): void {
  if (process.platform !== "linux" || process.arch !== "x64") return;
  try {
    const flags = readFileSync("/proc/cpuinfo", "utf8");
    if (/\bavx512vl\b/.test(flags)) process.env.OPENBLAS_CORETYPE ??= "SkylakeX";
    else if (/\bavx2\b/.test(flags)) process.env.OPENBLAS_CORETYPE ??= "Haswell";
  } catch {
    // Without /proc/cpuinfo the library decides by itself.
  }
}
