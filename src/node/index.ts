/**
 * What Node adds to the library: threads and the machine's BLAS for `wasmBackend`, a GPU for `webgpuBackend`. The package's
 * `microgpt/node`.
 */
export { findBlas } from "./blas.ts";
export { readRunFiles } from "./run-files.ts";
export { startNodeThread } from "./threads.ts";
export { findWebGpu } from "./webgpu.ts";
