/** Options with nothing left open: all rooms but the command line work with these. */
import type { PastPlan } from "../training/schedule.ts";
import type { Expectation } from "./sizing.ts";
import type { EngineChoice, TrainOptions } from "./train-options.ts";

/** An engine by its name; "auto" has been decided. */
export type EngineName = Exclude<EngineChoice, "auto">;

/** A plan of a run that an extension replaced, with the budget that it came from. */
export type RunPlan = PastPlan & Partial<Pick<TrainOptions, "tokens" | "seconds">>;

/** The run whose weights and vocabulary another began with. */
export interface Ancestor {
  /** Its directory, as it was then. */
  readonly run: string;
  /** The step of the weights. */
  readonly step: number;
  /** SHA-256 of the weights' numbers, in the order of their file, in hex. */
  readonly weights: string;
}

/** What was expected of a run whose sizes were chosen for its text and time. */
export interface ExpectedResult extends Expectation {
  /** The seconds that it was chosen for. */
  readonly seconds: number;
  /** Bits per byte that are expected of three times as many seconds. */
  readonly longer: number;
}

/** What a run remembers besides its options. */
export interface RunHistory {
  /** Where its first weights and its vocabulary are from; absent: random weights, and a vocabulary learnt from its text. */
  readonly from?: Ancestor;
  /** Plans that were replaced, the oldest first; absent: none was. */
  readonly pastPlans?: readonly RunPlan[];
  /** What was expected of it; absent: its sizes were typed, or a preset's. */
  readonly expected?: ExpectedResult;
}

/** `TrainOptions` whose engine and batch size are known. A run remembers these, and a resumed run uses them again. */
export interface ResolvedOptions extends TrainOptions, RunHistory {
  /** What computes. */
  readonly engine: EngineName;
  /** Documents per batch. */
  readonly batchSize: number;
}

/**
 * Fills in what was left open: "auto" becomes an engine on the CPU, and the batch size the engine's default (64
 * documents; 1 for the atomic engine and for `--reference`). Resolved options stay as they are.
 *
 * "auto" may still become "webgpu" or "native": that needs the model's size and the machine, so `chooseEngine` decides it
 * when a new training begins (see `mayChooseEngine`).
 */
export function resolveOptions(options: TrainOptions): ResolvedOptions {
  const onCpu = options.reference || options.noGpu ? "atomic" : "wasm";
  const engine = options.engine === "auto" ? onCpu : options.engine;
  const batchSize = options.batchSize ?? (engine === "atomic" || options.reference ? 1 : 64);
  return { ...options, engine, batchSize };
}

/** Whether a new training may choose its engine by itself. @param options before they are resolved. */
export const mayChooseEngine = (options: TrainOptions): boolean =>
  options.engine === "auto" && resolveOptions(options).engine === "wasm";
