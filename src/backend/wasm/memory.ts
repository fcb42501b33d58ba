/**
 * Where everything lies in the memory of a WASM session, in bytes; the same for every worker.
 *
 * From byte 0: control words and Adam's numbers; the batch (tokens, targets, positions, documents); the layout's
 * weights, gradients and means; the weights packed for the forward products; the sums of squares of the gradients; the
 * activations; scratch for each worker.
 */
import { roundUp } from "../../tensor/instructions.ts";
import type { Weight } from "../../tensor/instructions.ts";
import type { Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { attentionScratchBytes } from "./attention.ts";
import { F32 } from "./vector.ts";

/** Rows, and the numbers of a row, begin at multiples of it: whole panels. */
export const ALIGN = 8;
/** Rows of a weight that are one unit of work: whole panels. */
export const UNIT_ROWS = 8;

/** Where everything lies, in bytes. The same for every worker. */
export interface WasmMemoryMap {
  /** What workers tell each other, and what a run is (`wasm-threads.ts`). */
  readonly control: number;
  readonly adam: number;
  readonly tokens: number;
  readonly targets: number;
  readonly positions: number;
  readonly documents: number;
  /** Byte of the layout's number 0, and of the programs' activations. */
  readonly numbers: number;
  readonly activations: number;
  readonly packed: ReadonlyMap<Weight, number>;
  /** First entry of each weight's sums of squares, one a unit. */
  readonly squares: ReadonlyMap<Weight, number>;
  readonly squaresCount: number;
  readonly scratch: number;
  readonly scratchBytes: number;
  readonly bytes: number;
}

/** Weights that linear layers multiply with; the embedding's tables are only looked up. */
const isMultiplied = ({ name }: Weight): boolean => name !== "wte" && name !== "wpe";

export function mapMemory(layout: Layout, programs: readonly Program[], workers: number): WasmMemoryMap {
  let end = 4096;
  const reserve = (bytes: number): number => {
    const start = end;
    end = roundUp(end + bytes, 64);
    return start;
  };
  const maxTokens = Math.max(...programs.map((program) => program.maxTokens));
  const [tokens, targets, positions, documents] = [0, 1, 2, 3].map(() => reserve((maxTokens + 1) * F32));
  const numbers = reserve(layout.size * F32);
  const weights = [...layout.weights.values()];
  const strideOf = (weight: Weight): number => layout.slots.get(weight.data)!.stride;
  const packed = new Map(
    weights
      .filter(isMultiplied)
      .map((weight) => [weight, reserve(roundUp(weight.shape[0], UNIT_ROWS) * strideOf(weight) * F32)]),
  );
  const squaresStart = reserve(weights.reduce((sum, { shape }) => sum + Math.ceil(shape[0] / UNIT_ROWS), 0) * F32);
  let squaresCount = 0;
  const squares = new Map(
    weights.map((weight) => {
      const start = squaresStart + squaresCount * F32;
      squaresCount += Math.ceil(weight.shape[0] / UNIT_ROWS);
      return [weight, start];
    }),
  );
  const activations = reserve(Math.max(0, ...programs.map(({ size }) => size)) * F32);
  const { config, heads } = layout;
  const scratchBytes = roundUp(attentionScratchBytes(heads.stride, config.blockSize), 64);
  const scratch = reserve(scratchBytes * workers);
  const batch = { tokens, targets, positions, documents };
  const weightBytes = { numbers, packed, squares, squaresCount };
  return { control: 1024, adam: 2048, ...batch, ...weightBytes, activations, scratch, scratchBytes, bytes: end + 4096 };
}
