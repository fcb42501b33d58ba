/** The library's first level in Node: the same functions as `library/web.ts`, on this machine's threads, BLAS and GPU. */
import { nodeMachine } from "./machine.ts";
import { loadModel, modelOfRun } from "../library/model.ts";
import type { Model } from "../library/model.ts";
import type { RunFiles } from "../library/run-files.ts";
import { Trainer, trainModel } from "../library/trainer.ts";
import type { TrainerOptions } from "../library/trainer.ts";

/** As in `library/web.ts`. */
export async function train(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Model> {
  return await trainModel(texts, options, nodeMachine);
}

/** A training to drive by hand: step by step, with pauses, with a look inside. Throws as `train`. */
export async function createTrainer(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Trainer> {
  return await Trainer.create(texts, options, nodeMachine);
}

/** A model from the bytes that `model.save()` gave. Throws InputError for a file that is damaged or of another kind. */
export async function load(bytes: Uint8Array): Promise<Model> {
  return await loadModel(bytes, nodeMachine);
}

/** The best model of a run, from the run's files. Throws InputError for a file that is damaged or missing. */
export async function loadRun(files: RunFiles): Promise<Model> {
  return await modelOfRun(files, nodeMachine);
}
