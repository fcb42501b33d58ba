/**
 * What changes from run to run, in one buffer that is written in one go: for each window of the rows a slot of numbers
 * (the uniform `run`), and behind the slots the batch's lists.
 */
import { adamNumbers, correctionsAt } from "../../training/adam.ts";
import type { PackedTokens, RunOptions } from "../../tensor/backend.ts";
import type { Update } from "../../training/engine.ts";
import type { Program } from "../../tensor/program.ts";
import { MAX_AHEAD } from "./weights.ts";

/** Bytes from slot to slot: what every adapter can bind at. */
export const SLOT = 256;

/** The uniform and the lists, as kernels see them. */
export const RUN: string = `struct Run {
  begin: u32, end: u32, rows: u32, accumulate: u32,
  loss_scale: f32, shrink: f32, clip: f32, fresh: u32,
  beta1: f32, beta2: f32, beta1_rest: f32, beta2_rest: f32,
  epsilon: f32, step: f32, unscale: f32, unused: f32,
  corrections: array<vec4f, ${MAX_AHEAD / 2}>,
}
@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<storage, read> lists: array<u32>;
`;

/** Where each list begins, in numbers behind the slots. */
interface Lists {
  readonly tokens: number;
  readonly targets: number;
  readonly positions: number;
  /** For each row, where its document begins and ends. */
  readonly starts: number;
  readonly ends: number;
  /** For each token id, or position, where its rows begin in the list of rows; and that list. */
  readonly tokenFirsts: number;
  readonly tokenRows: number;
  readonly positionFirsts: number;
  readonly positionRows: number;
  readonly size: number;
}

/** What a step is told. */
export interface StepUniforms extends Update {
  /** Whether it is the first since weights were written. */
  readonly fresh: boolean;
  /** What makes the gradients the loss's again. */
  readonly unscale: number;
}

/** The room for a program's batches, and the writing of it. */
export class BatchBuffer {
  /** Slots: the first for the whole batch, then one for each window. */
  readonly slots: number;
  readonly bytes: number;
  /** The text that finds things in the lists. */
  readonly declared: string;
  readonly #lists: Lists;
  readonly #ids: number;
  readonly #places: number;
  readonly #words: Uint32Array;
  readonly #floats: Float32Array;

  constructor(programs: readonly Program[]) {
    const rows = Math.max(0, ...programs.map(({ maxTokens }) => maxTokens));
    const windows = programs.map((program) =>
      program.windowRows === 0 ? 0 : Math.ceil(program.maxTokens / program.windowRows),
    );
    this.slots = 1 + Math.max(0, ...windows);
    this.#ids = tableRows(programs, "token");
    this.#places = tableRows(programs, "position");
    this.#lists = placeLists(rows, this.#ids, this.#places);
    this.bytes = this.slots * SLOT + 4 * this.#lists.size;
    this.#words = new Uint32Array(this.bytes / 4);
    this.#floats = new Float32Array(this.#words.buffer);
    this.declared = declare(this.#lists);
  }

  /**
   * Writes a batch's lists and the slots of a run. Resolves to all that is to be sent.
   * @param sorted whether rows are listed by token and by position, for the embeddings' gradients.
   */
  fill(program: Program, batch: PackedTokens, options: RunOptions, update: StepUniforms | null): Uint32Array {
    const rows = batch.documents[batch.documents.length - 1];
    this.#fillSlot(0, options.firstRow, rows, rows, options, update);
    if (program.windowRows > 0) {
      for (let from = 0, slot = 1; from < rows; from += program.windowRows, slot++) {
        const accumulate = options.accumulate || from > 0;
        const to = Math.min(rows, from + program.windowRows);
        this.#fillSlot(slot, from, to, rows, { ...options, accumulate }, update);
      }
    }
    this.#fillLists(batch, rows, program.kind !== "generating");
    return this.#words;
  }

  #fillSlot(
    slot: number,
    from: number,
    to: number,
    rows: number,
    { lossScale, accumulate }: RunOptions,
    update: StepUniforms | null,
  ): void {
    const first = (slot * SLOT) / 4;
    this.#words.set([from, to, rows, Number(accumulate)], first);
    this.#floats[first + 4] = lossScale;
    if (update === null) return;
    const { shrink, beta1, beta2, epsilon } = adamNumbers(update, 0);
    this.#floats.set([shrink, update.clipNorm ?? 0], first + 5);
    this.#words[first + 7] = Number(update.fresh);
    this.#floats.set([beta1, beta2, 1 - beta1, 1 - beta2, epsilon, update.step, update.unscale], first + 8);
    for (let behind = 0; behind < MAX_AHEAD; behind++) {
      const { stepSize, squareScale } = correctionsAt(Math.max(0, update.step - behind), update.learningRate);
      this.#floats.set([stepSize, squareScale], first + 16 + 2 * behind);
    }
  }

  #fillLists({ tokens, targets, positions, documents }: PackedTokens, rows: number, sorted: boolean): void {
    const words = this.#words.subarray((this.slots * SLOT) / 4);
    const lists = this.#lists;
    words.set(tokens.subarray(0, rows), lists.tokens);
    words.set(targets.subarray(0, rows), lists.targets);
    words.set(positions.subarray(0, rows), lists.positions);
    for (let d = 0; d + 1 < documents.length; d++) {
      words.fill(documents[d], lists.starts + documents[d], lists.starts + documents[d + 1]);
      words.fill(documents[d + 1], lists.ends + documents[d], lists.ends + documents[d + 1]);
    }
    if (!sorted) return;
    if (this.#ids > 0) listRows(tokens, rows, words, lists.tokenFirsts, this.#ids, lists.tokenRows);
    if (this.#places > 0) listRows(positions, rows, words, lists.positionFirsts, this.#places, lists.positionRows);
  }
}

/** Rows of the largest table whose gradient is summed by token, or position. */
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

function placeLists(rows: number, ids: number, places: number): Lists {
  let size = 0;
  const next = (count: number): number => (size += count) - count;
  return {
    tokens: next(rows),
    targets: next(rows),
    positions: next(rows),
    starts: next(rows),
    ends: next(rows),
    tokenFirsts: next(ids + 1),
    tokenRows: next(rows),
    positionFirsts: next(places + 1),
    positionRows: next(rows),
    size,
  };
}

function declare(lists: Lists): string {
  const list = (name: string, from: number): string => `fn ${name}(at: u32) -> u32 { return lists[${from}u + at]; }\n`;
  return (
    list("token_at", lists.tokens) +
    list("target_at", lists.targets) +
    list("position_at", lists.positions) +
    list("start_of", lists.starts) +
    list("end_of", lists.ends) +
    list("token_first", lists.tokenFirsts) +
    list("token_row", lists.tokenRows) +
    list("position_first", lists.positionFirsts) +
    list("position_row", lists.positionRows)
  );
}

/** Counting sort: the rows of each id one after another, in order, and where each id's begin. */
function listRows(
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
  // Each id's first moves to its end while its rows are written; then all are one too far.
  for (let row = 0; row < rows; row++) words[list + words[firsts + ids[row]]++] = row;
  words.copyWithin(firsts + 1, firsts, firsts + count);
  words[firsts] = 0;
}
