/**
 * The library's first level in Node: the same functions as `library/web.ts`, on this machine's threads, C compiler and GPU.
 */
import { nodeMachine } from "./machine.ts";
import { loadModel, modelOfRun } from "../library/model.ts";
import type { Model } from "../library/model.ts";
import type { RunFiles } from "../library/run-files.ts";
import { Trainer } from "../library/trainer.ts";
import { trainModel } from "../library/train-model.ts";
import type { TrainCallbacks, TrainerOptions } from "../library/trainer-options.ts";

/** Trains a model on texts, to the end; as in `library/web.ts`. */
export async function train(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Model> {
  return await trainModel(texts, options, nodeMachine);
}

/** A training that the caller drives: step by step, with pauses, with access to its state. Throws as `train`. */
export async function createTrainer(texts: Iterable<string>, options: TrainerOptions = {}): Promise<Trainer> {
  return await Trainer.create(texts, options, nodeMachine);
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
  return await Trainer.resume(files, texts, callbacks, nodeMachine);
}

/** Loads a model from the bytes of `model.save()`. Throws InputError if they are damaged or of another kind. */
export async function load(bytes: Uint8Array): Promise<Model> {
  return await loadModel(bytes, nodeMachine);
}

/** The best model of a run, from the run's files. Throws InputError if a file is damaged or missing. */
export async function loadRun(files: RunFiles): Promise<Model> {
  return await modelOfRun(files, nodeMachine);
}
