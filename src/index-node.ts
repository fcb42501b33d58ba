/**
 * The library's entry point in Node: the names of `index.ts`, where `train` and `load` use this machine's threads, C
 * compiler and GPU, and `wasmBackend` the command's arithmetic. package.json maps Node to this file and pages to `index.ts`.
 */
export * from "./index.ts";
export { wasmBackend } from "./node/simd.ts";
export { createTrainer, load, loadRun, resumeTrainer, train } from "./run/library.ts";
