/**
 * The memory map of a WebAssembly session: one memory, shared by all workers. It assigns byte ranges and holds no data.
 * Offsets within weights and activations, in numbers, come from `tensor/layout.ts` and `tensor/program.ts`.
 *
 *   byte 1024    control       i32   words of the workers' protocol, see `threads.ts`
 *        2048    adam          f32   numbers of one Adam step, see `weights.ts`
 *        4096    tokens        i32   [T + 1]       ┐
 *                targets       i32   [T + 1]       │ the packed tokens of a pass
 *                positions     i32   [T + 1]       │
 *                documents     i32   [T + 1]       ┘
 *     numbers    weights       f32   [rows, columns], both rounded up to 8: wte, wpe, lm_head, …
 *                gradients     f32   the same order and size        ┐
 *                means         f32   the same, Adam's first moment  │ training only
 *                mean squares  f32   the same, its second           ┘
 *                packed        f32   weights in the order in which the forward products read them
 *                squares       f32   one sum per 8 rows of each gradient
 *                activations   f32   [T, columns] each, or a window's rows; the programs use the same memory
 *                scratch       f32   one area per worker, see `attention-tiles.ts`
 *                              4096 spare bytes
 *
 * Every range, and each worker's scratch memory, starts at a multiple of 64 bytes: a cache line.
 */
import { isMultiplied, roundUp } from "../../tensor/instructions.ts";
import type { Weight } from "../../tensor/instructions.ts";
import type { Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { attentionScratchBytes } from "./attention-tiles.ts";
import { F32 } from "./vector.ts";

/** Rows of a weight and numbers of a row are padded to a multiple of it: whole panels of a product. */
export const ALIGN = 8;
/** Rows of a weight in a unit of work: one panel. Workers own whole units. */
export const UNIT_ROWS = 8;

/** Byte addresses in the memory of a session, the same for every worker. */
export interface WasmMemoryMap {
  /** Control words (`threads.ts`). */
  readonly control: number;
  /** Numbers of one Adam step (`adamList`). */
  readonly adam: number;
  /** Tokens of the pass, i32. */
  readonly tokens: number;
  /** Target of each token, i32. */
  readonly targets: number;
  /** Position of each token in its document, i32. */
  readonly positions: number;
  /** First row of each document, then the number of tokens, i32. */
  readonly documents: number;
  /** Number 0 of the layout: weights, and in training gradients and Adam's means. */
  readonly numbers: number;
  /** Activations of the programs. */
  readonly activations: number;
  /** The packed copy of each weight that linear layers multiply by. */
  readonly packed: ReadonlyMap<Weight, number>;
  /** Sums of squares of each weight's gradient, one f32 per unit of 8 rows. */
  readonly squares: ReadonlyMap<Weight, number>;
  /** Number of all these sums. They lie side by side. */
  readonly squaresCount: number;
  /** Scratch memory of worker 0; that of worker i is at `scratch + i · scratchBytes`. */
  readonly scratch: number;
  /** Bytes of one worker's scratch memory. */
  readonly scratchBytes: number;
  /** Bytes of the whole memory. */
  readonly bytes: number;
}

/** Lays out the memory for the largest of the programs and for `workers` workers. */
export function mapMemory(layout: Layout, programs: readonly Program[], workers: number): WasmMemoryMap {
  let end = 4096;
  /** @param step what the next range starts at a multiple of. */
  const reserve = (bytes: number, step = 64): number => {
    const start = end;
    end = roundUp(end + bytes, step);
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
  const squaresStart = end;
  const countOf = ({ shape: [rows] }: Weight): number => Math.ceil(rows / UNIT_ROWS);
  const squares = new Map(weights.map((weight) => [weight, reserve(countOf(weight) * F32, F32)]));
  // Nothing more is reserved, but the next range starts at a cache line again.
  const squaresCount = (reserve(0) - squaresStart) / F32;
  const activations = reserve(Math.max(0, ...programs.map(({ size }) => size)) * F32);
  const { config, heads } = layout;
  const scratchBytes = roundUp(attentionScratchBytes(heads.stride, config.blockSize), 64);
  const scratch = reserve(scratchBytes * workers);
  const batch = { tokens, targets, positions, documents };
  const weightBytes = { numbers, packed, squares, squaresCount };
  return { control: 1024, adam: 2048, ...batch, ...weightBytes, activations, scratch, scratchBytes, bytes: end + 4096 };
}
