/**
 * Trains a model on texts in memory, with the options of the command: `train` to the end, `Trainer` step by step. The
 * same options and seed give the same numbers as `microgpt train`.
 */
import { InputError } from "../errors.ts";
import { mayChooseEngine } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import { textSource } from "../text/corpus.ts";
import { sha256Of } from "../text/sha256.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { ModelFile, Origin } from "../training/checkpoint.ts";
import { canBeLost, EngineLost, initialState } from "../training/engine.ts";
import type { Engine, Tensors, TrainingState } from "../training/engine.ts";
import { isEnded } from "../training/evaluations.ts";
import { newProgress, trainSteps } from "../training/train.ts";
import type { Evaluation, Progress, TrainEvent } from "../training/train.ts";
import { lossWarning, replaceEngine, resumeEngine } from "./engines.ts";
import type { Machine } from "./machine.ts";
import { measureBest } from "./measure.ts";
import type { HeldOutResult } from "./measure.ts";
import { Model } from "./model.ts";
import { optionsTextAt } from "./run-config.ts";
import { decodeRun, encodeRun, tokenizerTextOf } from "./run-files.ts";
import type { RunFiles } from "./run-files.ts";
import { startTraining } from "./start.ts";
import { resolveModelOptions } from "./trainer-options.ts";
import type { EvaluationEvent, StepEvent, TrainCallbacks, TrainerOptions } from "./trainer-options.ts";
import { prepareTrainingData } from "./training-data.ts";
import type { TrainingData } from "./training-data.ts";

/** The best weights so far: those with the lowest held-out loss. */
export interface BestWeights {
  /** Their step and held-out loss. */
  readonly evaluation: Evaluation;
  /** Name → matrix. */
  readonly weights: Tensors;
}

/**
 * A moment of a training, to return to: `Trainer.restore` continues from it bit for bit, and so does a trainer whose GPU is
 * lost. Not to be changed.
 */
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
 * A training that the caller drives: one step at a time, or to the end, with pauses. If a GPU is lost, it returns to its last
 * snapshot, says so by `onWarning`, and repeats the steps after it: on a new device the first time, on the CPU after that.
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
  readonly #parts: TrainerParts;
  #engine: Engine;
  #why: string | null;
  #events: AsyncGenerator<TrainEvent, void, void>;
  #best: BestWeights | null = null;
  /** Where to return to if the engine is lost; null for engines that cannot be lost. */
  #snapshot: TrainerState | null = null;
  #losses = 0;
  /** The replacement of a lost engine that is under way: calls that overlap share it. */
  #recovery: Promise<void> | null = null;
  #isClosed = false;
  #isPaused = false;

  private constructor(parts: TrainerParts) {
    this.options = parts.options;
    this.data = parts.data;
    this.#parts = parts;
    this.#engine = parts.engine;
    this.#why = parts.why;
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
    const { weights, ...started } = await startTraining(data, resolved, mayChooseEngine(given), machine, warn);
    const trainer = new Trainer({ texts: all, data, callbacks: options, machine, ...started });
    if (canBeLost(trainer.engine)) trainer.#momentOf(initialState(weights));
    return trainer;
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
    const { options, tokenizer, checkpoint, model, texts: kept } = await decodeRun(files);
    if (checkpoint === null) throw new InputError("the run has no checkpoint yet; train it from the beginning");
    const all = kept.length > 0 ? kept : texts;
    if (all === null) throw new InputError("the run does not hold its texts; give them to resume it");
    const sources = all.map((text, i) => textSource(`text ${i + 1}`, text));
    const data = prepareTrainingData(options, sources, { tokenizer });
    if (data.dataHash !== checkpoint.dataHash) {
      throw new InputError("the texts are not those that the run began with; give the same texts to resume it");
    }
    const { state, progress, random } = checkpoint;
    const engine = await resumeEngine(data.config, state, options, machine, callbacks.onWarning ?? (() => {}));
    data.random.setState(random);
    const trainer = new Trainer({ texts: all, data, engine, options, why: null, callbacks, machine });
    Object.assign(trainer.progress, progress);
    trainer.#takeBest(model);
    trainer.#momentOf(state);
    return trainer;
  }

  /** Text to ids and back, as learnt from the texts. */
  get tokenizer(): Tokenizer {
    return this.data.tokenizer;
  }

  /** The engine. Read its weights, logits and activations between two steps only. After a GPU was lost, it is another one. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Why this engine: how "auto" chose it, or that the GPU was lost; null if the options name it. */
  get why(): string | null {
    return this.#why;
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
      const event = await this.#withRecovery(() => this.#next());
      if (event?.type !== "evaluating") return event;
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
    return await this.#withRecovery(() => this.#weights());
  }

  /** This moment of the training, for `restore`. Call it between two steps. */
  async state(): Promise<TrainerState> {
    return await this.#withRecovery(() => this.#snap());
  }

  /** Returns to a moment of this training: the next step has the same numbers as then. Call it between two steps. */
  async restore(moment: TrainerState): Promise<void> {
    await this.#events.return();
    if (this.#snapshot !== null) this.#snapshot = moment;
    await this.#withRecovery(() => this.#engine.load(moment.training));
    this.#continueFrom(moment);
  }

  /** The training as the files of a run, texts included; `microgpt resume` can resume it. */
  async files(): Promise<RunFiles> {
    const { data, options, texts } = this.#parts;
    const { progress, training, best } = await this.state();
    const { config, tokenizer, dataHash, random } = data;
    const tokenizerHash = sha256Of(tokenizerTextOf(tokenizer));
    const originAt = (step: number): Origin => {
      return { config, dataHash, tokenizerHash, optionsHash: sha256Of(optionsTextAt({ ...options }, step)) };
    };
    const model =
      best === null ? null : { ...originAt(best.evaluation.step), ...best.evaluation, weights: best.weights };
    const checkpoint = { ...originAt(progress.step), progress, random: random.getState(), state: training };
    const joined = options.documents === "file" ? texts : [texts.join(options.documents === "line" ? "\n" : "\n\n")];
    return await encodeRun({ options, tokenizer, checkpoint, model, texts: joined });
  }

  /** Frees the engine's memory and threads. Models that the trainer returned remain usable. */
  close(): void {
    this.#isClosed = true;
    this.#closeEngine();
  }

  #closeEngine(): void {
    if (this.#engine instanceof TensorEngine) this.#engine.close();
  }

  #trainSteps(): AsyncGenerator<TrainEvent, void, void> {
    const { data, options } = this.#parts;
    return trainSteps(this.#engine, data.train, data.heldOut.slice(0, options.evalDocuments), options, this.progress);
  }

  /** The next event of the loop, after a snapshot if one is due; null at the end. */
  async #next(): Promise<TrainEvent | null> {
    const { step } = this.progress;
    const isDue = step % this.options.saveInterval === 0 && this.#snapshot?.progress.step !== step;
    if (isDue && canBeLost(this.#engine)) await this.#snap();
    const { value: event, done } = await this.#events.next();
    if (done === true) return null;
    if (event.type !== "evaluating") await this.#take(event);
    return event;
  }

  async #weights(): Promise<Tensors> {
    return this.#engine instanceof TensorEngine ? await this.#engine.weights() : (await this.#engine.save()).weights;
  }

  async #snap(): Promise<TrainerState> {
    return this.#momentOf(await this.#engine.save());
  }

  /** This moment, with the engine's state. It becomes the snapshot if the engine can be lost. */
  #momentOf(training: TrainingState): TrainerState {
    const moment = { progress: structuredClone(this.progress), training, best: this.#best };
    if (canBeLost(this.#engine)) this.#snapshot = moment;
    return moment;
  }

  /** Continues from a moment whose weights the engine has. */
  #continueFrom({ progress, best }: TrainerState): void {
    Object.assign(this.progress, structuredClone(progress));
    this.#best = best;
    this.#events = this.#trainSteps();
  }

  /** Does the work; where the engine is lost, returns to the snapshot and does it again. */
  async #withRecovery<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      const engine = this.#engine;
      try {
        return await work();
      } catch (error) {
        const snapshot = this.#snapshot;
        if (!(error instanceof EngineLost) || snapshot === null || this.#isClosed) throw error;
        if (engine !== this.#engine) continue;
        this.#recovery ??= this.#recover(error, snapshot).finally(() => (this.#recovery = null));
        await this.#recovery;
      }
    }
  }

  /** Restores the snapshot on another engine. */
  async #recover(lost: EngineLost, snapshot: TrainerState): Promise<void> {
    const { data, options, machine, callbacks } = this.#parts;
    const { step } = this.progress;
    await this.#events.return();
    const engine = await replaceEngine(data.config, snapshot.training, options, machine, ++this.#losses);
    this.#closeEngine();
    this.#engine = engine;
    if (!canBeLost(engine)) this.#why = "the GPU was lost";
    this.#continueFrom(snapshot);
    callbacks.onWarning?.(lossWarning(lost, step, snapshot.progress.step, engine));
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
      if (event.best) this.#best = { evaluation: { step, heldOutLoss }, weights: await this.#weights() };
      onEvaluation?.(event);
    } else if (event.type === "step") onStep?.(event);
    else onSkipped?.(event);
  }
}
