/**
 * Trains a model on texts in memory, with the options of the command: `train` to the end, `Trainer` step by step. The
 * same options and seed give the same numbers as `microgpt train`.
 */
import { InputError } from "../errors.ts";
import { checkOptions, TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { checkTogether } from "../options/option-rules.ts";
import { mayUseGpu, resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import { textSource } from "../text/corpus.ts";
import { sha256Of } from "../text/sha256.ts";
import type { MergeEvent } from "../text/tokenizers/learn-merges.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { ModelFile } from "../training/checkpoint.ts";
import type { Engine, Tensors, TrainingState } from "../training/engine.ts";
import { isEnded } from "../training/evaluations.ts";
import { newProgress, trainSteps } from "../training/train.ts";
import type { Evaluation, Progress, TrainEvent } from "../training/train.ts";
import { resumeEngine } from "./engines.ts";
import type { Machine } from "./machine.ts";
import { measureBest } from "./measure.ts";
import type { HeldOutResult } from "./measure.ts";
import { Model } from "./model.ts";
import { decodeRun, encodeRun, optionsTextOf, tokenizerTextOf } from "./run-files.ts";
import type { RunFiles } from "./run-files.ts";
import { startTraining } from "./start.ts";
import { prepareTrainingData } from "./training-data.ts";
import type { TrainingData } from "./training-data.ts";

/** Options for files, pages, runs and samples: meaningless in the library, which takes texts and returns a model. */
const COMMAND_ONLY = [
  "data",
  "encoding",
  "urls",
  "urlFile",
  "field",
  "noCache",
  "cacheDir",
  "ignoreRobots",
  "allowHost",
  "numSamples",
  "temperature",
  "saveInterval",
  "keep",
  "log",
] as const;

/** The options of `microgpt train` for model and training, with the same names, defaults and limits. */
export type ModelOptions = Partial<Omit<TrainOptions, (typeof COMMAND_ONLY)[number]>>;

/** A finished step. */
export type StepEvent = Extract<TrainEvent, { type: "step" | "skipped" }>;
/** A finished evaluation. */
export type EvaluationEvent = Extract<TrainEvent, { type: "evaluation" }>;

/** Callbacks of a training, and the signal that aborts it. */
export interface TrainCallbacks {
  /** Called after each step except skipped ones; `step` counts from 1. */
  readonly onStep?: (event: Extract<StepEvent, { type: "step" }>) => void;
  /** Called after each step that was skipped because its loss or gradients were not finite. */
  readonly onSkipped?: (event: Extract<StepEvent, { type: "skipped" }>) => void;
  /** Called after each evaluation on the held-out documents. */
  readonly onEvaluation?: (event: EvaluationEvent) => void;
  /** bpe, byte-bpe: called after each merge that the tokenizer learns. */
  readonly onMerge?: (event: MergeEvent) => void;
  /** Called with warnings for the user. Default: they are dropped. */
  readonly onWarning?: (message: string) => void;
  /** Aborts the training: its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Everything that `train` and `Trainer.create` take besides the texts. */
export type TrainerOptions = ModelOptions & TrainCallbacks;

const CALLBACKS = ["onStep", "onSkipped", "onEvaluation", "onMerge", "onWarning", "signal"] as const;

/** Checks and resolves a user's options. Throws InputError for an unknown name or an invalid value. */
function resolveModelOptions(options: TrainerOptions): { given: TrainOptions; resolved: ResolvedOptions } {
  const typed = Object.fromEntries(
    Object.entries(options).filter(
      ([key, value]) => value !== undefined && !CALLBACKS.some((callback) => callback === key),
    ),
  );
  const foreign = COMMAND_ONLY.find((key) => Object.hasOwn(typed, key));
  if (foreign !== undefined) {
    throw new InputError(
      `options: ${foreign} is an option of the command only; the library takes texts and returns a model`,
    );
  }
  const given = checkOptions(TRAIN_OPTIONS, typed);
  checkTogether(given);
  return { given, resolved: resolveOptions(given) };
}

/** The best weights so far: those with the lowest held-out loss. */
export interface BestWeights {
  /** Their step and held-out loss. */
  readonly evaluation: Evaluation;
  /** Name → matrix. */
  readonly weights: Tensors;
}

/** A moment of a training, to return to: `Trainer.restore` continues from it bit for bit. */
export interface TrainerState {
  /** Steps, losses and evaluations so far. */
  readonly progress: Progress;
  /** Weights and Adam's moments. */
  readonly training: TrainingState;
  /** The best weights so far; null before the first evaluation. */
  readonly best: BestWeights | null;
}

/** What a trainer is made of. */
interface TrainerParts {
  readonly texts: readonly string[];
  readonly data: TrainingData;
  readonly engine: Engine;
  readonly options: ResolvedOptions;
  readonly why: string | null;
  readonly callbacks: TrainCallbacks;
  readonly machine: Machine;
}

/**
 * A training that the caller drives: one step at a time, or to the end, with pauses.
 *
 * @example
 * const trainer = await createTrainer(["ada", "grace", "alan"], { numSteps: 500 });
 * await trainer.step(); // { type: "step", step: 1, loss: 2.1, … }
 * await trainer.run(); // to the end, or until trainer.pause()
 * const model = await trainer.model();
 */
export class Trainer {
  /** The resolved options, with the actual engine, and the budget as `numSteps`. */
  readonly options: ResolvedOptions;
  /** The training data: documents as tokens, tokenizer, what cleaning changed. */
  readonly data: TrainingData;
  /** Progress so far; read it between two steps. */
  readonly progress: Progress = newProgress();
  /** Why "auto" chose this engine; null if the options name one. */
  readonly why: string | null;
  readonly #parts: TrainerParts;
  #events: AsyncGenerator<TrainEvent, void, void>;
  #best: BestWeights | null = null;
  #isPaused = false;

  private constructor(parts: TrainerParts) {
    this.options = parts.options;
    this.data = parts.data;
    this.why = parts.why;
    this.#parts = parts;
    this.#events = this.#trainSteps();
  }

  /**
   * Reads the texts, learns the tokenizer and opens the engine. Each text is treated as the command treats a file: with
   * `documents: "line"`, the default, each of its lines is a document.
   * Throws InputError for invalid options, and for texts that cannot be trained on.
   * @param machine what the engine may use.
   */
  static async create(texts: Iterable<string>, options: TrainerOptions, machine: Machine): Promise<Trainer> {
    const { given, resolved } = resolveModelOptions(options);
    const all = [...texts];
    const sources = all.map((text, i) => textSource(`text ${i + 1}`, text));
    options.signal?.throwIfAborted();
    const data = prepareTrainingData(resolved, sources, { onMerge: options.onMerge });
    const warn = options.onWarning ?? (() => {});
    const started = await startTraining(data, resolved, mayUseGpu(given), machine, warn);
    return new Trainer({ texts: all, data, callbacks: options, machine, ...started });
  }

  /**
   * Resumes a training from the files of a run. Throws InputError if they are damaged, lack a checkpoint, or belong to
   * other texts.
   * @param texts the training texts, for a run that read them from files; null: the run holds them in `pages/`.
   * @param machine what the engine may use.
   */
  static async resume(
    files: RunFiles,
    texts: readonly string[] | null,
    callbacks: TrainCallbacks,
    machine: Machine,
  ): Promise<Trainer> {
    const { options, checkpoint, model, texts: kept } = await decodeRun(files);
    if (checkpoint === null) throw new InputError("the run has no checkpoint yet; train it from the beginning");
    const all = kept.length > 0 ? kept : texts;
    if (all === null) throw new InputError("the run does not hold its texts; give them to resume it");
    const sources = all.map((text, i) => textSource(`text ${i + 1}`, text));
    const data = prepareTrainingData(options, sources, { onMerge: callbacks.onMerge });
    if (data.dataHash !== checkpoint.dataHash) {
      throw new InputError("the texts are not those that the run began with; give the same texts to resume it");
    }
    const { state, progress, random } = checkpoint;
    const engine = await resumeEngine(data.config, state, options, machine, callbacks.onWarning ?? (() => {}));
    data.random.setState(random);
    const trainer = new Trainer({ texts: all, data, engine, options, why: null, callbacks, machine });
    Object.assign(trainer.progress, progress);
    trainer.#takeBest(model);
    return trainer;
  }

  /** Text to ids and back, as learnt from the texts. */
  get tokenizer(): Tokenizer {
    return this.data.tokenizer;
  }

  /** The engine. Read its weights, logits and activations between two steps only. */
  get engine(): Engine {
    return this.#parts.engine;
  }

  /** Whether all steps are done, or `earlyStop` has ended the training. */
  get isDone(): boolean {
    return isEnded(this.options, this.progress);
  }

  /**
   * Does the next step, or the evaluation that follows it. Resolves to null at the end. Calls must not overlap.
   * Throws InputError (code "diverged") after five steps in a row without finite numbers.
   */
  async step(): Promise<StepEvent | EvaluationEvent | null> {
    for (;;) {
      this.#parts.callbacks.signal?.throwIfAborted();
      const { value: event, done } = await this.#events.next();
      if (done === true) return null;
      if (event.type === "evaluating") continue;
      await this.#take(event);
      return event;
    }
  }

  /** Trains to the end, or until `pause` or the signal's abort. Calls must not overlap. Throws as `step`. */
  async run(): Promise<void> {
    this.#isPaused = false;
    while (!this.#isPaused && (await this.step()) !== null);
  }

  /** Makes `run` return after the current step. Call `run` or `step` to continue. */
  pause(): void {
    this.#isPaused = true;
  }

  /** The model with the best weights so far, or with the current ones if nothing is held out. */
  async model(): Promise<Model> {
    const { data, machine } = this.#parts;
    const { config, tokenizer, dataHash } = data;
    const weights = this.#best?.weights ?? (await this.snapshot());
    const { step, heldOutLoss } = this.#best?.evaluation ?? { step: this.progress.step, heldOutLoss: null };
    const parts = { config, tokenizer, weights, options: this.options, dataHash, step, heldOutLoss };
    return new Model(parts, machine);
  }

  /** Measures the best weights as `microgpt train` does at its end; null before the first evaluation. */
  async measure(): Promise<HeldOutResult | null> {
    const { data, options, machine } = this.#parts;
    return this.#best === null ? null : await measureBest(data, this.#best, options, machine);
  }

  /** A copy of the current weights, without Adam's moments: a third of a checkpoint. */
  async snapshot(): Promise<Tensors> {
    const { engine } = this.#parts;
    return engine instanceof TensorEngine ? await engine.weights() : (await engine.save()).weights;
  }

  /** This moment of the training, for `restore`. Call it between two steps. */
  async state(): Promise<TrainerState> {
    const training = await this.#parts.engine.save();
    return { progress: structuredClone(this.progress), training, best: this.#best };
  }

  /** Returns to a moment of this training: the next step has the same numbers as then. Call it between two steps. */
  async restore({ progress, training, best }: TrainerState): Promise<void> {
    await this.#events.return();
    await this.#parts.engine.load(training);
    Object.assign(this.progress, structuredClone(progress));
    this.#best = best;
    this.#events = this.#trainSteps();
  }

  /** The training as the files of a run, texts included; `microgpt resume` can resume it. */
  async files(): Promise<RunFiles> {
    const { data, engine, options, texts } = this.#parts;
    const { config, tokenizer, dataHash, random } = data;
    const [tokenizerHash, optionsHash] = [tokenizerTextOf(tokenizer), optionsTextOf({ ...options })].map(sha256Of);
    const origin = { config, dataHash, tokenizerHash, optionsHash };
    const best = this.#best === null ? null : { ...origin, ...this.#best.evaluation, weights: this.#best.weights };
    const progress = structuredClone(this.progress);
    const checkpoint = { ...origin, progress, random: random.getState(), state: await engine.save() };
    const joined = options.documents === "file" ? texts : [texts.join(options.documents === "line" ? "\n" : "\n\n")];
    return await encodeRun({ options, tokenizer, checkpoint, model: best, texts: joined });
  }

  /** Frees the engine's memory and threads. Models that the trainer returned remain usable. */
  close(): void {
    const { engine } = this.#parts;
    if (engine instanceof TensorEngine) engine.close();
  }

  #trainSteps(): AsyncGenerator<TrainEvent, void, void> {
    const { data, engine, options } = this.#parts;
    return trainSteps(engine, data.train, data.heldOut.slice(0, options.evalDocuments), options, this.progress);
  }

  /** Takes over the best weights of a run; without them, the search for the best starts over. */
  #takeBest(model: ModelFile | null): void {
    const { best } = this.progress;
    const isBest = best !== null && model !== null && model.step === best.step;
    this.#best = isBest ? { evaluation: best, weights: model.weights } : null;
    if (!isBest) this.progress.best = null;
  }

  async #take(event: StepEvent | EvaluationEvent): Promise<void> {
    const { onStep, onSkipped, onEvaluation } = this.#parts.callbacks;
    if (event.type === "evaluation") {
      const { step, heldOutLoss } = event;
      if (event.best) this.#best = { evaluation: { step, heldOutLoss }, weights: await this.snapshot() };
      onEvaluation?.(event);
    } else if (event.type === "step") onStep?.(event);
    else onSkipped?.(event);
  }
}

/**
 * Trains a model on texts to the end and resolves to the model with the best weights. Throws InputError as `Trainer`
 * does; rejects with the signal's reason if it aborts.
 */
export async function trainModel(texts: Iterable<string>, options: TrainerOptions, machine: Machine): Promise<Model> {
  const trainer = await Trainer.create(texts, options, machine);
  try {
    await trainer.run();
    return await trainer.model();
  } finally {
    trainer.close();
  }
}
