/**
 * `microgpt/node`: what Node adds to the library. Threads for `wasmBackend`, a GPU for
 * `webgpuBackend`, and runs on the disk.
 */
export { readRunFiles } from "./run-files.ts";
export { startNodeThread } from "./threads.ts";
export { findWebGpu } from "./webgpu.ts";
