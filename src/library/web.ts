/** The library's first level in a page or a worker: threads where memory can be shared, WebGPU where it is faster. */
import { webMachine } from "./machine.ts";
import { loadModel, modelOfRun } from "./model.ts";
import type { Model } from "./model.ts";
import type { RunFiles } from "./run-files.ts";
import { Trainer, trainModel } from "./trainer.ts";
import type { TrainerOptions } from "./trainer.ts";

/**
 * Trains a model of texts, to the end. The same options and seed give the same numbers as `microgpt train` of a file
 * with these texts. Throws InputError for texts or options that cannot be trained with; rejects with the reason of
 * `options.signal` where that aborts.
 *
 * @example
 * const model = await train(["ada", "grace", "alan"], { numSteps: 500, onStep: ({ step, loss }) => console.log(step, loss) });
 * console.log(await model.generate({ prefix: "a" }));
 */
export async function train(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Model> {
  return await trainModel(texts, options, webMachine());
}

/** A training to drive by hand: step by step, with pauses, with a look inside. Throws as `train`. */
export async function createTrainer(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Trainer> {
  return await Trainer.create(texts, options, webMachine());
}

/** A model from the bytes that `model.save()` gave. Throws InputError for a file that is damaged or of another kind. */
export async function load(bytes: Uint8Array): Promise<Model> {
  return await loadModel(bytes, webMachine());
}

/** The best model of a run, from the run's files. Throws InputError for a file that is damaged or missing. */
export async function loadRun(files: RunFiles): Promise<Model> {
  return await modelOfRun(files, webMachine());
}
