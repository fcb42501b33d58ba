/**
 * The memory of a native engine, by the formula of its memory map. In a file of its own, because pages have no such engine
 * and need not load it.
 */
import { mapMemory, NATIVE_ALIGNMENT } from "../backend/native/memory.ts";
import type { Config } from "../microgpt.ts";
import { planEngine } from "../tensor/engine-plan.ts";
import { tokensPerPass } from "../tensor/sizing.ts";
import { threadsOf } from "./engines.ts";
import type { EngineMemory, EngineOptions } from "./engines.ts";
import type { Machine } from "./machine.ts";

/** Bytes of a number. */
const F32 = 4;

/** Bytes that a training needs in the native engine, by purpose. */
export function nativeMemory(config: Config, options: EngineOptions, machine: Pick<Machine, "cores">): EngineMemory {
  const { batchSize, dropout } = options;
  const threads = threadsOf(config, options, machine);
  const limits = { maxTokens: tokensPerPass(config, batchSize), dropout };
  const { layout, programs } = planEngine(NATIVE_ALIGNMENT, config, limits);
  const map = mapMemory(layout, Object.values(programs), threads);
  const parameters = (layout.size / 4) * F32;
  return {
    parameters,
    gradients: parameters,
    optimizer: 2 * parameters,
    packed: (map.activations - map.numbers - layout.size) * F32,
    activations: (map.scratch - map.activations) * F32,
    scratch: (map.size - map.scratch) * F32,
    total: map.size * F32,
    threads,
  };
}
