/** The library's first level in a page or a worker: threads where memory can be shared, WebGPU where it is faster. */
import { webMachine } from "./machine.ts";
import { loadModel, modelOfRun } from "./model.ts";
import type { Model } from "./model.ts";
import type { RunFiles } from "./run-files.ts";
import { Trainer } from "./trainer.ts";
import { trainModel } from "./train-model.ts";
import type { TrainCallbacks, TrainerOptions } from "./trainer-options.ts";

/**
 * Trains a model on texts, to the end. The same options and seed give the same numbers as `microgpt train` on a file
 * with these texts. Throws InputError for invalid options, and for texts that cannot be trained on; rejects with the
 * reason of `options.signal` if that aborts.
 *
 * @example
 * const model = await train(["ada", "grace", "alan"], { numSteps: 500, onStep: ({ step, loss }) => console.log(step, loss) });
 * console.log(await model.generate({ prefix: "a" }));
 */
export async function train(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Model> {
  return await trainModel(texts, options, webMachine());
}

/** A training that the caller drives: step by step, with pauses, with access to its state. Throws as `train`. */
export async function createTrainer(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Trainer> {
  return await Trainer.create(texts, options, webMachine());
}

/**
 * Resumes a training from the files of a run. Throws InputError if they are damaged, lack a checkpoint, or belong to other
 * texts. @param texts the training texts, for a run that read them from files; null: the run holds them.
 */
export async function resumeTrainer(
  files: RunFiles,
  texts: readonly string[] | null = null,
  callbacks: TrainCallbacks = {},
): Promise<Trainer> {
  return await Trainer.resume(files, texts, callbacks, webMachine());
}

/** Loads a model from the bytes of `model.save()`. Throws InputError if they are damaged or of another kind. */
export async function load(bytes: Uint8Array): Promise<Model> {
  return await loadModel(bytes, webMachine());
}

/** The best model of a run, from the run's files. Throws InputError if a file is damaged or missing. */
export async function loadRun(files: RunFiles): Promise<Model> {
  return await modelOfRun(files, webMachine());
}
