/** Fused multiply-add in WebAssembly: Node 20 has it behind a flag, which may be set while the process runs. */
import { setFlagsFromString } from "node:v8";
import { hasRelaxedSimd } from "../backend/wasm/assembler.ts";
import { wasmBackend as plainWasmBackend } from "../backend/wasm/wasm.ts";
import type { WasmOptions } from "../backend/wasm/wasm.ts";
import type { Backend } from "../tensor/backend.ts";

/** Switches relaxed SIMD on where it is off, so that a seed gives the same digits here as on a newer Node. */
export function enableRelaxedSimd(): void {
  if (!hasRelaxedSimd()) setFlagsFromString("--experimental-wasm-relaxed-simd");
}

/** The core's `wasmBackend`, with the same arithmetic on every version of Node. */
export function wasmBackend(options: WasmOptions): Backend {
  enableRelaxedSimd();
  return plainWasmBackend(options);
}
