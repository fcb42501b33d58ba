/**
 * What Node adds to the library: threads, and the machine's BLAS, for `wasmBackend`. The package's `microgpt/node`.
 */
export { findBlas } from "./blas.ts";
export { startNodeThread } from "./wasm-thread.ts";
