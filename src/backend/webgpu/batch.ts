/**
 * The batch buffer: everything that changes from run to run, in one GPU buffer that one `writeBuffer` fills. This file
 * lays it out and fills the host's copy; it touches no device. What stays from run to run is in `memory.ts`.
 *
 *   byte    0         256         512                slots · 256
 *           │ slot 0  │ slot 1    │ slot 2   │ …     │ lists of u32, one after another
 *   for     │ batch   │ window 0  │ window 1 │ …     │
 *   WGSL    └──────── one of them is `run` ────────┘ `lists`
 *
 *   tokens, targets, positions       [T]       as in PackedTokens
 *   starts, ends                     [T]       the document of row t is rows starts[t] … ends[t] − 1
 *   tokenFirsts                      [V + 1]   ┐ the rows with token v are
 *   tokenRows                        [T]       ┘ tokenRows[tokenFirsts[v]] … tokenRows[tokenFirsts[v + 1] − 1]
 *   positionFirsts, positionRows               the same by position; both only for the embeddings' gradients
 *
 *   tokens 2 0 2 1   →   tokenFirsts 0 1 2 4,   tokenRows 1 3 0 2
 */
import { adamNumbers, correctionsAt } from "../../training/adam.ts";
import type { PackedTokens, RunOptions } from "../../tensor/backend.ts";
import type { Update } from "../../training/engine.ts";
import type { Program } from "../../tensor/program.ts";
import { MAX_IN_FLIGHT } from "./weights.ts";

/** Bytes per slot: a dynamic offset that every adapter can bind at. */
export const SLOT_BYTES = 256;

/**
 * WGSL: a slot as the uniform `run`, and the lists. A kernel computes the rows `begin` to `end` − 1 of `rows` in the
 * batch; gradients are added to those so far if `accumulate` is not 0. From `shrink` to `corrections`, the numbers are
 * for the end of a step; the last two are for dropout.
 */
export const RUN: string = `struct Run {
  begin: u32, end: u32, rows: u32, accumulate: u32,
  loss_scale: f32, shrink: f32, clip: f32, fresh: u32,
  beta1: f32, beta2: f32, beta1_rest: f32, beta2_rest: f32,
  epsilon: f32, step: f32, unscale: f32, unused: f32,
  corrections: array<vec4f, ${MAX_IN_FLIGHT / 2}>,
  dropout_seed: u32, first_token: u32,
}
@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
`;

/** Offset of each list, in u32 from the end of the slots; see the head of this file. */
interface ListOffsets {
  readonly tokens: number;
  readonly targets: number;
  readonly positions: number;
  readonly starts: number;
  readonly ends: number;
  readonly tokenFirsts: number;
  readonly tokenRows: number;
  readonly positionFirsts: number;
  readonly positionRows: number;
  /** Length of all lists together. */
  readonly size: number;
}

/** The numbers of a step that its kernels read from `run`. */
export interface StepUniforms extends Update {
  /** Whether it is the first step since weights were written: the GPU then takes over the host's step count. */
  readonly fresh: boolean;
  /** Factor that makes gradients those of the mean loss: 1, or for f16 1 / tokens, since theirs are of the sum. */
  readonly unscale: number;
}

/** The host's copy of the batch buffer, large enough for the largest of the programs. */
export class BatchBuffer {
  /** Slots: one for the whole batch, then one per window. */
  readonly slots: number;
  /** Bytes of the buffer. */
  readonly bytes: number;
  /** WGSL functions that read the lists: `token_at(row)`, `start_of(row)`, … */
  readonly accessors: string;
  readonly #offsets: ListOffsets;
  readonly #tokenCount: number;
  readonly #positionCount: number;
  readonly #words: Uint32Array;
  readonly #floats: Float32Array;

  /** @param programs all programs of a session. */
  constructor(programs: readonly Program[]) {
    const rows = Math.max(0, ...programs.map(({ maxTokens }) => maxTokens));
    const windows = programs.map((program) =>
      program.windowRows === 0 ? 0 : Math.ceil(program.maxTokens / program.windowRows),
    );
    this.slots = 1 + Math.max(0, ...windows);
    this.#tokenCount = tableRows(programs, "token");
    this.#positionCount = tableRows(programs, "position");
    this.#offsets = layOutLists(rows, this.#tokenCount, this.#positionCount);
    this.bytes = this.slots * SLOT_BYTES + 4 * this.#offsets.size;
    this.#words = new Uint32Array(this.bytes / 4);
    this.#floats = new Float32Array(this.#words.buffer);
    this.accessors = accessorsOf(this.#offsets);
  }

  /**
   * Fills the slots and lists for one run of a program.
   * @param uniforms null outside a training step: the numbers from `shrink` to `corrections` stay as they are.
   * @returns the whole buffer to upload, the same array every time.
   */
  fill(program: Program, batch: PackedTokens, options: RunOptions, uniforms: StepUniforms | null): Uint32Array {
    const rows = batch.documents[batch.documents.length - 1];
    this.#fillSlot(0, options.firstRow, rows, rows, options, uniforms);
    if (program.windowRows > 0) {
      for (let from = 0, slot = 1; from < rows; from += program.windowRows, slot++) {
        const accumulate = options.accumulate || from > 0;
        const to = Math.min(rows, from + program.windowRows);
        this.#fillSlot(slot, from, to, rows, { ...options, accumulate }, uniforms);
      }
    }
    this.#fillLists(batch, rows, program.kind !== "generating");
    return this.#words;
  }

  /** Writes a `Run` structure for the rows `from` to `to` − 1. */
  #fillSlot(
    slot: number,
    from: number,
    to: number,
    rows: number,
    { lossScale, accumulate, dropoutSeed, firstToken }: RunOptions,
    uniforms: StepUniforms | null,
  ): void {
    const first = (slot * SLOT_BYTES) / 4;
    this.#words.set([from, to, rows, Number(accumulate)], first);
    this.#floats[first + 4] = lossScale;
    this.#words.set([dropoutSeed, firstToken], first + 16 + 2 * MAX_IN_FLIGHT);
    if (uniforms === null) return;
    const { shrink, beta1, beta2, epsilon } = adamNumbers(uniforms, 0);
    this.#floats.set([shrink, uniforms.clipNorm ?? 0], first + 5);
    this.#words[first + 7] = Number(uniforms.fresh);
    this.#floats.set([beta1, beta2, 1 - beta1, 1 - beta2, epsilon, uniforms.step, uniforms.unscale], first + 8);
    // For the host's step and those before it: a step in flight may turn out not to be applied.
    for (let skipped = 0; skipped < MAX_IN_FLIGHT; skipped++) {
      const { stepSize, squareScale } = correctionsAt(Math.max(0, uniforms.step - skipped), uniforms.learningRate);
      this.#floats.set([stepSize, squareScale], first + 16 + 2 * skipped);
    }
  }

  /** @param sorted whether to list the rows by token and by position. */
  #fillLists({ tokens, targets, positions, documents }: PackedTokens, rows: number, sorted: boolean): void {
    const words = this.#words.subarray((this.slots * SLOT_BYTES) / 4);
    const offsets = this.#offsets;
    words.set(tokens.subarray(0, rows), offsets.tokens);
    words.set(targets.subarray(0, rows), offsets.targets);
    words.set(positions.subarray(0, rows), offsets.positions);
    for (let d = 0; d + 1 < documents.length; d++) {
      words.fill(documents[d], offsets.starts + documents[d], offsets.starts + documents[d + 1]);
      words.fill(documents[d + 1], offsets.ends + documents[d], offsets.ends + documents[d + 1]);
    }
    if (!sorted) return;
    const { tokenFirsts, tokenRows, positionFirsts, positionRows } = offsets;
    if (this.#tokenCount > 0) sortRows(tokens, rows, words, tokenFirsts, this.#tokenCount, tokenRows);
    if (this.#positionCount > 0) sortRows(positions, rows, words, positionFirsts, this.#positionCount, positionRows);
  }
}

/** Rows of the largest table whose gradient is summed by token, or by position; 0 without training. */
function tableRows(programs: readonly Program[], by: "token" | "position"): number {
  let most = 0;
  for (const { phases } of programs) {
    for (const instruction of phases.flatMap(({ sections }) => sections.flatMap(({ instructions }) => instructions))) {
      if (instruction.kernel === "embedGrad" && instruction.by === by) {
        most = Math.max(most, instruction.weight.shape[0]);
      }
    }
  }
  return most;
}

function layOutLists(rows: number, tokenCount: number, positionCount: number): ListOffsets {
  let size = 0;
  const next = (count: number): number => (size += count) - count;
  return {
    tokens: next(rows),
    targets: next(rows),
    positions: next(rows),
    starts: next(rows),
    ends: next(rows),
    tokenFirsts: next(tokenCount + 1),
    tokenRows: next(rows),
    positionFirsts: next(positionCount + 1),
    positionRows: next(rows),
    size,
  };
}

function accessorsOf(offsets: ListOffsets): string {
  const list = (name: string, from: number): string => `fn ${name}(at: u32) -> u32 { return lists[${from}u + at]; }\n`;
  return (
    list("token_at", offsets.tokens) +
    list("target_at", offsets.targets) +
    list("position_at", offsets.positions) +
    list("start_of", offsets.starts) +
    list("end_of", offsets.ends) +
    list("token_first", offsets.tokenFirsts) +
    list("token_row", offsets.tokenRows) +
    list("position_first", offsets.positionFirsts) +
    list("position_row", offsets.positionRows)
  );
}

/**
 * Counting sort: lists the rows of each id, in order, and where each id's rows begin.
 * @param ids the token, or the position, of each row.
 * @param firsts offset of the list [count + 1] of beginnings in `words`; `list`: that of the list [rows] of rows.
 */
function sortRows(
  ids: Int32Array,
  rows: number,
  words: Uint32Array,
  firsts: number,
  count: number,
  list: number,
): void {
  words.fill(0, firsts, firsts + count + 1);
  for (let row = 0; row < rows; row++) words[firsts + ids[row] + 1]++;
  for (let id = 0; id < count; id++) words[firsts + id + 1] += words[firsts + id];
  // Writing an id's rows advances its beginning to its end, which is the next id's beginning; shift them back.
  for (let row = 0; row < rows; row++) words[list + words[firsts + ids[row]]++] = row;
  words.copyWithin(firsts + 1, firsts, firsts + count);
  words[firsts] = 0;
}
