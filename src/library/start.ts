/** Starts a new training: chooses and opens the engine, initializes the weights, converts the budget to steps. */
import type { Gpu } from "../backend/webgpu/device.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { initTensors } from "../training/engine.ts";
import type { Engine, Tensors } from "../training/engine.ts";
import { clockOf, stepsFor } from "./budget.ts";
import { chooseEngine } from "./choose-engine.ts";
import { openedOptions, openEngine } from "./engines.ts";
import type { Machine } from "./machine.ts";
import type { TrainingData } from "./training-data.ts";

/** A training that is ready for its first step. */
export interface StartedTraining {
  /** The engine, with new weights. */
  readonly engine: Engine;
  /** The new weights. */
  readonly weights: Tensors;
  /** The options to store, with the actual engine, and the budget as `numSteps`. */
  readonly options: ResolvedOptions;
  /**
   * Why "auto" chose this engine; null if the options name one, the model is too small for it to matter, or a warning says why
   * it is not the chosen one.
   */
  readonly why: string | null;
}

/**
 * Starts a training. Throws InputError if the model needs too much memory or the warm-up takes all steps.
 * @param weights to begin with; null: random ones, drawn by the run's generator. @param mayChoose whether "auto" chooses the engine (`mayChooseEngine`).
 */
export async function startTraining(
  data: TrainingData,
  resolved: ResolvedOptions,
  mayChoose: boolean,
  machine: Machine,
  warn: (message: string) => void,
  weights: Tensors | null = null,
): Promise<StartedTraining> {
  const { config } = data;
  const choice = mayChoose ? await chooseEngine(config, resolved, machine) : null;
  const chosen = { ...resolved, engine: choice?.engine ?? resolved.engine };
  const gpu = choice?.gpu ?? null;
  const findGpu = async (): Promise<Gpu | string> => gpu ?? (await machine.findGpu());
  const found: Machine = { ...machine, cores: machine.cores, findGpu };
  const start = initialWeights(data, chosen, weights);
  const engine = await openEngine(config, start, chosen, found, warn);
  const opened = openedOptions(chosen, engine);
  // The C is for who began the run: where it is resumed, the directory may not be.
  const options = { ...opened, keepC: null };
  const numSteps = await stepsFor(options, data, engine, clockOf(machine.ranks ?? null));
  return {
    engine,
    weights: start,
    options: { ...options, numSteps },
    why: opened.engine === chosen.engine ? (choice?.why ?? null) : null,
  };
}

/** The same numbers for every engine; the atomic engine keeps them in f64. */
function initialWeights({ config, random }: TrainingData, { engine }: ResolvedOptions, given: Tensors | null): Tensors {
  const precision = engine === "atomic" ? Float64Array : Float32Array;
  if (given === null) return initTensors(config, random, precision);
  return new Map(Array.from(given, ([name, { shape, data }]) => [name, { shape, data: new precision(data) }]));
}
