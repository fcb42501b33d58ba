/**
 * `microgpt/node`: what Node adds to the library. Threads and the machine's BLAS for `wasmBackend`, a GPU for
 * `webgpuBackend`, and runs on the disk.
 */
export { findBlas } from "./blas.ts";
export { readRunFiles } from "./run-files.ts";
export { startNodeThread } from "./threads.ts";
export { findWebGpu } from "./webgpu.ts";
