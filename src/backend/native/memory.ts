/**
 * The memory map of a native session: one block of memory, shared by JavaScript and all threads. It assigns ranges and
 * holds no data. Offsets within weights and activations come from `tensor/layout.ts` and `tensor/program.ts`.
 *
 *   number 0     call         what JavaScript asks for and gets back: `INTEGERS` and `DOUBLES`
 *          64    tokens       i32   [T + 1]       ┐
 *                targets      i32   [T + 1]       │ the packed tokens of a pass
 *                positions    i32   [T + 1]       │
 *                documents    i32   [T + 1]       ┘
 *                chunks       i32   [T + 1]   the first document of each chunk
 *     numbers    weights      f32   [rows, columns], both rounded up to 16: wte, wpe, lm_head, …
 *                gradients    f32   the same order and size        ┐
 *                means        f32   the same, Adam's first moment  │ training only
 *                mean squares f32   the same, its second           ┘
 *                packed       f32   weights in the order in which the forward products read them
 *                squares      f32   one sum per slice of each gradient
 *                activations  f32   [T, columns] each, or a window's rows; the programs use the same memory
 *                scratch      f32   one area per thread, see `attention.ts`
 *
 * Offsets are in numbers of 4 bytes. Every range starts at a multiple of 16 of them: a cache line, and the widest vector.
 */
import type { Alignment, Layout } from "../../tensor/layout.ts";
import { isMultiplied, roundUp } from "../../tensor/instructions.ts";
import type { Weight } from "../../tensor/instructions.ts";
import type { Program } from "../../tensor/program.ts";
import { attentionScratch } from "./attention.ts";
import { WIDEST } from "./vectors.ts";

/** Rows are padded to whole vectors; heads are not padded, for no vector lies along one. */
export const NATIVE_ALIGNMENT: Alignment = { align: WIDEST, headAlign: 1, startAlign: WIDEST };

/** Numbers of a cache line. */
const LINE = 16;

/** Values of `command` in a call. */
export const COMMANDS = { run: 0, pack: 1, square: 2, update: 3 } as const;

/** The integers of a call, i32, in order. The struct `Call` in C has the same. */
export const INTEGERS = {
  command: 0,
  program: 1,
  documents: 2,
  firstRow: 3,
  accumulate: 4,
  dropoutSeed: 5,
  firstToken: 6,
  updates: 7,
} as const;
/** Its doubles, behind the integers: where each is, in doubles from the start of the memory. */
export const DOUBLES = {
  lossScale: 4,
  tokens: 5,
  lossBefore: 6,
  stepSize: 7,
  squareScale: 8,
  shrink: 9,
  clipNorm: 10,
  beta1: 11,
  beta2: 12,
  epsilon: 13,
  lossSum: 14,
  gradientSquares: 15,
  applied: 16,
  gradientScale: 17,
} as const;
/** Numbers that a call takes. */
const CALL_SIZE = 64;

/** Rows of a weight that one thread works on at a time. They do not depend on the number of threads. */
export interface WeightSlices {
  /** Rows of each slice but the last; a multiple of 48, so that whole tiles and whole panels are in it. */
  readonly rows: number;
  /** Number of slices. */
  readonly count: number;
}

/** Fewest numbers of a slice: for less, taking it costs more than it shares. */
const MIN_SLICE = 8192;
const [SLICE_STEP, MAX_SLICES] = [48, 16];

/** The slices of a weight. @param stride numbers from row to row. */
export function slicesOf({ shape: [rows] }: Weight, stride: number): WeightSlices {
  const wanted = Math.max(Math.ceil(MIN_SLICE / stride), Math.ceil(rows / MAX_SLICES));
  const each = Math.min(roundUp(wanted, SLICE_STEP), roundUp(rows, SLICE_STEP));
  return { rows: each, count: Math.ceil(rows / each) };
}

/** Offsets in the memory of a session, in numbers of 4 bytes. */
export interface NativeMemoryMap {
  /** Token ids of the pass, i32. */
  readonly tokens: number;
  /** Target of each token, i32. */
  readonly targets: number;
  /** Position of each token in its document, i32. */
  readonly positions: number;
  /** First row of each document, then the number of tokens, i32. */
  readonly documents: number;
  /** First document of each chunk, then the number of documents, i32. */
  readonly chunks: number;
  /** Number 0 of the layout: weights, and in training gradients and Adam's means. */
  readonly numbers: number;
  /** The packed copy of each weight that linear layers multiply by. */
  readonly packed: ReadonlyMap<Weight, number>;
  /** Sums of squares of each weight's gradient, one per slice. */
  readonly squares: ReadonlyMap<Weight, number>;
  /** Number of all these sums. They lie side by side. */
  readonly squaresCount: number;
  /** Activations of the programs. */
  readonly activations: number;
  /** Scratch memory of thread 0; that of thread i is `i · scratchSize` behind it. */
  readonly scratch: number;
  /** Numbers of one thread's scratch memory. */
  readonly scratchSize: number;
  /** Numbers of the whole memory. */
  readonly size: number;
}

/** Lays out the memory for the largest of the programs and for `threads` threads. */
export function mapMemory(layout: Layout, programs: readonly Program[], threads: number): NativeMemoryMap {
  let end = CALL_SIZE;
  /** @param step what the next range starts at a multiple of. */
  const reserve = (size: number, step = LINE): number => {
    const start = end;
    end = roundUp(end + size, step);
    return start;
  };
  const maxTokens = Math.max(...programs.map((program) => program.maxTokens));
  const [tokens, targets, positions, documents, chunks] = [0, 1, 2, 3, 4].map(() => reserve(maxTokens + 2));
  const numbers = reserve(layout.size);
  const weights = [...layout.weights.values()];
  const strideOf = (weight: Weight): number => layout.slots.get(weight.data)!.stride;
  const packed = new Map(
    weights
      .filter(isMultiplied)
      .map((weight) => [weight, reserve(roundUp(weight.shape[0], WIDEST) * strideOf(weight))]),
  );
  const squaresStart = end;
  const countOf = (weight: Weight): number => slicesOf(weight, strideOf(weight)).count;
  const squares = new Map(weights.map((weight) => [weight, reserve(countOf(weight), 1)]));
  // Nothing more is reserved, but the next range starts at a cache line again.
  const squaresCount = reserve(0) - squaresStart;
  const activations = reserve(Math.max(0, ...programs.map(({ size }) => size)));
  const { config, heads } = layout;
  const scratchSize = roundUp(attentionScratch(heads.stride, config.blockSize), LINE);
  const scratch = reserve(scratchSize * threads);
  const batch = { tokens, targets, positions, documents, chunks };
  const weightNumbers = { numbers, packed, squares, squaresCount };
  return { ...batch, ...weightNumbers, activations, scratch, scratchSize, size: end + LINE };
}
