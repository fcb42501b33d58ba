/** What an engine consists of, before anything is allocated: the layout of its weights and its programs. */
import type { Config } from "../microgpt.ts";
import { countParameters } from "../training/engine.ts";
import { layoutWeights } from "./layout.ts";
import type { Alignment, Layout } from "./layout.ts";
import { buildProgram } from "./program.ts";
import type { Program } from "./program.ts";

/** Limits of an engine's memory, and what else its programs depend on. */
export interface EngineLimits {
  /** Maximum tokens of a pass; larger batches are cut between documents. Raised to blockSize if lower. */
  readonly maxTokens: number;
  /** Maximum number of logits in memory at once. Default: 2²¹. */
  readonly maxLogits?: number;
  /** How many texts `advance` reads at once; 0: it is not compiled. Default: 0. */
  readonly streams?: number;
  /** Probability that `step` drops a number on its way to the residual stream, in [0, 1). Default: 0. */
  readonly dropout?: number;
}

/** 8 MiB of f32. */
const MAX_LOGITS = 2 ** 21;

/** The programs of a model. */
export interface Programs {
  /** Loss, gradients and update. */
  readonly training: Program;
  /** Losses without gradients. */
  readonly evaluating: Program;
  /** Logits, token by token. */
  readonly generating: Program;
  /** Logits of several texts at once; absent without streams. */
  readonly streaming?: Program;
}

/** The memory layout and the programs of a model, without allocating anything. */
export function planEngine(
  alignment: Alignment,
  config: Config,
  { maxTokens, maxLogits = MAX_LOGITS, streams = 0, dropout = 0 }: EngineLimits,
): { readonly layout: Layout; readonly programs: Programs } {
  const { align, headAlign, startAlign = 1, segment = Infinity } = alignment;
  const layout = layoutWeights(config, alignment, true);
  const limits = { align, headAlign, startAlign, segment, maxTokens: Math.max(maxTokens, config.blockSize), maxLogits };
  const programs = {
    training: buildProgram("training", layout, limits, dropout),
    evaluating: buildProgram("evaluating", layout, limits),
    generating: buildProgram("generating", layout, { ...limits, maxTokens: config.blockSize }),
  };
  if (streams === 0) return { layout, programs };
  // Behind the memory that the others share, so that no other call overwrites the caches.
  const reserved = Math.max(...Object.values(programs).map(({ size }) => size));
  const inStreams = { ...limits, maxTokens: streamRows(config, streams), streams, reserved };
  return { layout, programs: { ...programs, streaming: buildProgram("streaming", layout, inStreams) } };
}

/** Operations of a pass of several texts: about 15 ms on one core. Others wait that long for their next token. */
const STREAMING_WORK = 2 ** 29;

/** Tokens of a pass of several texts: at least one of each. */
function streamRows(config: Config, streams: number): number {
  const rows = Math.floor(STREAMING_WORK / (2 * countParameters(config)));
  return Math.max(streams, Math.min(config.blockSize, rows));
}
