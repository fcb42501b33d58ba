/**
 * The library's door in Node: the names of `index.ts`, where `train` and `load` use this machine's threads, BLAS and GPU,
 * and `wasmBackend` the arithmetic of the command. package.json leads Node here and pages to `index.ts`.
 */
export * from "./index.ts";
export { wasmBackend } from "./node/simd.ts";
export { createTrainer, load, loadRun, train } from "./run/library.ts";
