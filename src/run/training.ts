/** Drives a training: runs the loop, reports, and keeps the run directory up to date. */
import type { Origin } from "../training/checkpoint.ts";
import { canBeLost, EngineLost } from "../training/engine.ts";
import type { Engine, Tensors, TrainingState } from "../training/engine.ts";
import { InputError, showPath } from "../errors.ts";
import { openLogs } from "../node/logs.ts";
import type { Log } from "../node/metrics.ts";
import { addCost, saveResult } from "../node/result.ts";
import type { Run } from "../node/run-directory.ts";
import { isEnded, isEvaluationStep, intervalOf } from "../training/evaluations.ts";
import { isDrained, trainSteps } from "../training/train.ts";
import type { Evaluation, Measurement, Progress, TrainEvent } from "../training/train.ts";
import { lossWarning, openedOptions, openEngine, replaceEngine } from "../library/engines.ts";
import type { Machine } from "../library/machine.ts";
import { nodeMachine } from "./machine.ts";
import { baselinesOf } from "../library/training-data.ts";
import { originOf } from "./origin.ts";
import type { TrainingBaselines, TrainingData } from "../library/training-data.ts";
import {
  beginningOf,
  earlyEndText,
  hasEndedEarly,
  isComplete,
  measureUntil,
  explosionOf,
  overfittingOf,
  resultOf,
  summaryOf,
} from "./outcome.ts";
import type { Reporter, StepReport } from "./reporter.ts";
import { StopRequest } from "./signals.ts";
import { Speedometer } from "./speedometer.ts";
import { StuckWatch } from "./stuck.ts";

/** The weights with the lowest held-out loss so far. */
export interface Best {
  /** The evaluation that found them. */
  readonly evaluation: Evaluation;
  /** The weights. */
  readonly weights: Tensors;
  /** Whether they are on the disk. */
  saved: boolean;
}

/** What a training is made of. */
export interface TrainingParts {
  /** The run, locked. */
  readonly run: Run;
  /** What it learns. */
  readonly data: TrainingData;
  /** With the weights to start from. */
  readonly engine: Engine;
  /** Where it starts; kept up to date. */
  readonly progress: Progress;
  /** The weights of `progress.best`; null if there are none yet. */
  readonly best: Best | null;
  /** Receives all events. */
  readonly reporter: Reporter;
  /** As in `Beginning`. */
  readonly why: string | null;
  /** Where another engine is opened after one is lost. Default: this machine. */
  readonly machine?: Machine;
}

/** A training of a run. */
export class Training {
  readonly #run: Run;
  readonly #data: TrainingData;
  #engine: Engine;
  readonly #progress: Progress;
  readonly #reporter: Reporter;
  readonly #why: string | null;
  readonly #machine: Machine;
  /** What this process had waited for other ranks before the training. */
  readonly #waitedBeforeMs: number;
  #logs: Log;
  #speed: Speedometer;
  /** Where to continue after the engine is lost; null for engines that cannot be lost. */
  #snapshot: Snapshot | null = null;
  #losses = 0;
  /** Whether the weights may have exploded: then the last good ones are not replaced. */
  #isDoubtful = false;
  readonly #baselines: TrainingBaselines;
  readonly #stuckWatch = new StuckWatch();
  #best: Best | null;
  #savedStep: number | null;
  /** Whether nothing has happened since the last save of this process. */
  #isSaved = false;

  /** Opens the run's logs. Throws InputError if they cannot be written. */
  constructor({ run, data, engine, progress, best, reporter, why, machine = nodeMachine }: TrainingParts) {
    this.#run = run;
    this.#data = data;
    this.#baselines = baselinesOf(data);
    this.#engine = engine;
    this.#progress = progress;
    this.#reporter = reporter;
    this.#why = why;
    this.#machine = machine;
    this.#waitedBeforeMs = machine.ranks?.waitedMs ?? 0;
    this.#logs = openLogs(run, progress);
    this.#speed = new Speedometer(progress.step);
    this.#best = best;
    this.#savedStep = progress.step > 0 ? progress.step : null;
  }

  /**
   * Trains to the last step, or to an earlier `lastStep`, and measures the result; or saves and stops at a signal.
   * Resolves to the engine with the best weights, or to an exit code: the signal's, or 0 where steps are left. Throws
   * InputError if the training diverges (code "diverged") or its end cannot be saved ("machine").
   */
  async complete(
    lastStep: number = this.#run.options.numSteps,
    stop: StopRequest = new StopRequest(),
  ): Promise<Engine | number> {
    try {
      const { name } = this.#engine;
      this.#reporter.begin(
        beginningOf(this.#run, this.#data, this.#baselines.loss, name, this.#why, this.#progress.step),
      );
      await this.#withRecovery(() => this.#train(stop, lastStep));
    } catch (error) {
      throw error instanceof InputError && error.code === "diverged" ? this.#diverged(error) : error;
    } finally {
      this.#logs.close();
    }
    this.#reporter.saved(this.#progress.step, this.#run.path);
    this.#saveCost();
    const { options } = this.#run;
    if (stop.exitCode !== null && !isComplete(options, this.#data, this.#progress, lastStep)) return stop.exitCode;
    if (hasEndedEarly(options, this.#progress)) this.#reporter.note(earlyEndText(options, this.#progress));
    const engine = await this.#withRecovery(() => this.#measure(stop));
    return typeof engine === "number" || isEnded(options, this.#progress) ? engine : 0;
  }

  /** Trains to the last step or a signal, then saves. */
  async #train(stop: StopRequest, lastStep: number): Promise<void> {
    const { saveInterval, ...options } = this.#run.options;
    const mustDrain = (step: number): boolean =>
      step % saveInterval === 0 || this.#isBestDue(step) || stop.exitCode !== null;
    const heldOut = this.#data.heldOut.slice(0, options.evalDocuments);
    if (canBeLost(this.#engine)) this.#snapshot ??= this.#snap(await this.#engine.save());
    const settings = { ...options, mustDrain, until: lastStep };
    const events = trainSteps(this.#engine, this.#data.train, heldOut, settings, this.#progress);
    for await (const event of events) {
      await this.#handle(event);
      // Steps in flight must end first: the engine must be idle when its state is saved.
      if ((await stop.heard()) && isDrained(event)) break;
    }
    if (!this.#isSaved) await this.#save();
  }

  /** Does the work; where the engine is lost, repeats it from the last snapshot. */
  async #withRecovery<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof EngineLost) || this.#snapshot === null) throw error;
        await this.#recover(error, this.#snapshot);
      }
    }
  }

  /** Restores the snapshot on another device; the second time on the CPU. */
  async #recover(lost: EngineLost, { progress, state, best }: Snapshot): Promise<void> {
    const { step } = this.#progress;
    this.#engine = await replaceEngine(this.#data.config, state, this.#run.options, this.#machine, ++this.#losses);
    Object.assign(this.#progress, structuredClone(progress));
    this.#best = best;
    this.#logs.flush();
    this.#logs.close();
    this.#logs = openLogs(this.#run, this.#progress);
    this.#speed = new Speedometer(progress.step);
    this.#reporter.warn(lossWarning(lost, step, progress.step, this.#engine));
  }

  #snap(state: TrainingState): Snapshot {
    return { progress: structuredClone(this.#progress), state, best: this.#best };
  }

  async #handle(event: TrainEvent): Promise<void> {
    if (event.type === "evaluating") return;
    const { step, skippedInARow } = this.#progress;
    if (event.type !== "evaluation") this.#isDoubtful = event.isDoubtful === true;
    await this.#take(event);
    const { options } = this.#run;
    const heldOut = Math.min(this.#data.heldOut.length, options.evalDocuments);
    const isMilestone =
      step === options.numSteps || event.type === "evaluation" || isEvaluationStep(step, options, heldOut);
    // Where an evaluation follows the step, report and save after it.
    if (event.type !== "evaluation" && isMilestone && heldOut > 0) return;
    if (isMilestone) this.#reporter.milestone(this.#report(this.#progress.meanLoss ?? Number.NaN));
    // Skipped steps change nothing, and a resumed training should try them again.
    if (skippedInARow > 0 || this.#isDoubtful || !isDrained(event)) return;
    if (step % options.saveInterval === 0 || this.#isBestDue(step)) await this.#trySave();
  }

  /**
   * Whether the best weights must be saved after this step. Those of the early evaluations stay in memory until the first
   * at the interval: better ones usually follow, and each save waits for the disk.
   */
  #isBestDue(step: number): boolean {
    return this.#best?.saved === false && step >= intervalOf(this.#run.options);
  }

  /** Counts, logs and reports an event. */
  async #take(event: Exclude<TrainEvent, { type: "evaluating" }>): Promise<void> {
    const { step } = event;
    this.#isSaved = false;
    if (event.type === "step") {
      const { loss, learningRate, tokens } = event;
      this.#speed.count(tokens);
      this.#logs.append({ step, loss, learningRate });
      this.#reporter.step(this.#report(loss));
    } else if (event.type === "skipped") {
      this.#logs.append({ step, skipped: true, learningRate: event.learningRate });
      this.#reporter.skipped(step, event.skipped);
    } else {
      const { heldOutLoss } = event;
      this.#logs.append({ step, heldOutLoss });
      if (event.overfitting === true) this.#reporter.overfitting(overfittingOf(this.#progress));
      if (event.exploding === true)
        this.#reporter.exploding(explosionOf(this.#run, this.#progress, this.#baselines.loss));
      const stuck = this.#stuckWatch.take(this.#run.options, this.#progress, this.#baselines.loss);
      if (stuck !== null) this.#reporter.stuck(stuck);
      if (event.best) this.#best = { evaluation: event, weights: (await this.#engine.save()).weights, saved: false };
    }
  }

  /** Saves; a failure, such as a full disk, becomes a warning, and the next save tries again. */
  async #trySave(): Promise<void> {
    try {
      await this.#save();
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== "machine") throw error;
      this.#reporter.warn(`${error.message}; training continues and tries again at the next save`);
    }
  }

  async #save(): Promise<void> {
    this.#run.mustHoldLock();
    const originAt = (step: number): Promise<Origin> => originOf(this.#data, this.#run, step);
    const state = await this.#engine.save();
    if (this.#snapshot !== null) this.#snapshot = this.#snap(state);
    const progress = this.#progress;
    const origin = await originAt(progress.step);
    this.#logs.flush();
    if (this.#data.heldOut.length === 0) {
      await this.#run.saveModel({ ...origin, weights: state.weights, step: progress.step, heldOutLoss: null });
    } else if (this.#best !== null && !this.#best.saved) {
      const { weights, evaluation } = this.#best;
      const { step, heldOutLoss } = evaluation;
      await this.#run.saveModel({ ...(await originAt(step)), weights, step, heldOutLoss });
      this.#best.saved = true;
    }
    await this.#run.saveCheckpoint({ ...origin, progress, random: this.#data.random.getState(), state });
    this.#savedStep = progress.step;
    this.#isSaved = true;
  }

  /** Adds to the error which checkpoint and model are left. */
  #diverged(error: InputError): InputError {
    try {
      this.#logs.flush(); // keeps the diverging steps for diagnosis; a resumed training drops them
    } catch (failure) {
      if (!(failure instanceof InputError)) throw failure;
    }
    if (this.#savedStep === null) return new InputError(`${error.message}; nothing had been saved yet`, "diverged");
    const bestStep = this.#best?.saved === true ? this.#best.evaluation.step : null;
    const modelStep = this.#data.heldOut.length === 0 ? this.#savedStep : bestStep;
    const model = modelStep === null ? "" : ` and the model of step ${modelStep}`;
    const kept = `${showPath(this.#run.path)} keeps the last good checkpoint, of step ${this.#savedStep}${model}`;
    return new InputError(`${error.message}; ${kept}`, "diverged");
  }

  /**
   * Measures the best weights, or the last if nothing is held out, on all held-out text. Resolves to the engine with
   * these weights, or to the exit code of a signal; a resumed training measures again.
   */
  async #measure(stop: StopRequest): Promise<Engine | number> {
    if (this.#best === null) {
      this.#saveResult(this.#progress.step, null);
      return this.#engine;
    }
    const { config, heldOut } = this.#data;
    const { weights, evaluation } = this.#best;
    const engine =
      evaluation.step === this.#progress.step
        ? this.#engine
        : await openEngine(config, weights, openedOptions(this.#run.options, this.#engine), this.#machine, (message) =>
            this.#reporter.warn(message),
          );
    const measurement = await measureUntil(engine, heldOut, stop);
    if (measurement === null) return stop.exitCode!;
    this.#saveResult(evaluation.step, measurement);
    this.#reporter.result(resultOf(this.#run, this.#data, this.#baselines, this.#progress, measurement));
    return engine;
  }

  #saveResult(bestStep: number, measurement: Measurement | null): void {
    this.#run.mustHoldLock();
    saveResult(this.#run.path, summaryOf(this.#run, this.#data, this.#baselines), {
      step: this.#progress.step,
      bestStep,
      heldOutLoss: measurement?.loss ?? null,
      bitsPerByte: measurement === null ? null : measurement.bits / this.#data.heldOutBytes,
    });
  }

  #saveCost(): void {
    const { seconds, steps, tokens } = this.#speed.total(this.#progress.step);
    if (steps === 0) return;
    this.#run.mustHoldLock();
    const peakMemoryBytes = 1024 * process.resourceUsage().maxRSS;
    const cost = { engine: this.#engine.name, seconds, steps, tokens, peakMemoryBytes };
    const { ranks = null } = this.#machine;
    if (ranks === null) return addCost(this.#run.path, cost);
    const waitingSeconds = (ranks.waitedMs - this.#waitedBeforeMs) / 1000;
    addCost(this.#run.path, { ...cost, waitingSeconds });
    this.#reporter.note(`waited     ${Math.round((100 * waitingSeconds) / seconds)} % of the time for other ranks`);
  }

  #report(loss: number): StepReport {
    const { step, meanLoss, evaluation } = this.#progress;
    const { numSteps } = this.#run.options;
    const { tokensPerSecond, stepsPerSecond } = this.#speed.measure(step);
    const etaSeconds = (numSteps - step) / stepsPerSecond;
    const heldOutLoss = evaluation?.heldOutLoss ?? null;
    return { step, numSteps, loss, meanLoss: meanLoss ?? loss, heldOutLoss, tokensPerSecond, etaSeconds };
  }
}

/** A state in memory to continue from. */
interface Snapshot {
  readonly progress: Progress;
  readonly state: TrainingState;
  readonly best: Best | null;
}
