/**
 * The memory plan of a program: a slot for every buffer of activations. Knows buffers and when they are used, not what they
 * are for; `program.ts` does.
 *
 *   memory   │ weights │ embed │ rmsnorm, dembed │ … │ linear │ attention │ … │ add, dattention, drmsnorm │ …
 *
 * Each slot has maxTokens rows. Buffers with disjoint lifetimes and equal strides use the same slot in turn.
 */
import { roundUp } from "./instructions.ts";
import type { Buffer } from "./instructions.ts";
import type { Alignment, Slots } from "./layout.ts";

/** Limits of a program's memory. */
export interface Limits extends Alignment {
  /** Texts of a streaming program. Default: 0. */
  readonly streams?: number;
  /** Numbers at the start of the activations' memory that other programs use and this one leaves alone. Default: 0. */
  readonly reserved?: number;
  /** Maximum tokens of a pass. */
  readonly maxTokens: number;
  /** Maximum number of logits in memory; more are computed window by window. */
  readonly maxLogits: number;
}

/** First and last use of a buffer, in moments. */
export interface Life {
  /** The moment of its first use. */
  first: number;
  /** The moment of its last use. */
  last: number;
}

/** Kernels that process four rows at once may read, but never write, beyond the last row. */
const SPARE_ROWS = 4;

/**
 * Assigns slots. Buffers with disjoint lifetimes share one if their strides are equal: then row t of both is the same
 * memory, and workers with different documents never touch the same row, even at different instructions.
 */
export function planMemory(
  lives: ReadonlyMap<Buffer, Life>,
  start: number,
  { align, startAlign = 1, segment = Infinity, maxTokens, reserved = 0 }: Limits,
  windowRows: number,
): { slots: Slots; size: number } {
  const slots = new Map<Buffer, { start: number; stride: number }>();
  const reusable: { key: string; start: number; until: number }[] = [];
  const rowsOf = ({ rows }: Buffer): number =>
    typeof rows === "number" ? rows : rows === "window" ? windowRows : maxTokens;
  let end = roundUp(reserved, startAlign);
  for (const [buffer, { first, last }] of lives) {
    const stride = roundUp(buffer.columns, align);
    const key = `${stride} ${buffer.rows}`;
    let slot = reusable.find((one) => one.key === key && one.until < first);
    if (slot === undefined) {
      const size = roundUp((rowsOf(buffer) + SPARE_ROWS) * stride, startAlign);
      if (Math.floor(end / segment) < Math.floor((end + size - 1) / segment)) end = roundUp(end, segment);
      slot = { key, start: start + end, until: last };
      reusable.push(slot);
      end += size;
    }
    slot.until = last;
    slots.set(buffer, { start: slot.start, stride });
  }
  return { slots, size: end };
}
