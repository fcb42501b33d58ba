/**
 * A training on its way: it drives the loop, reports, and keeps the run's directory up to date.
 */
import type { Origin } from "../training/checkpoint.ts";
import { countParameters, EngineLost } from "../training/engine.ts";
import type { Engine, Tensors, TrainingState } from "../training/engine.ts";
import { InputError } from "../errors.ts";
import { showPath } from "../errors.ts";
import { openLogs } from "../node/logs.ts";
import type { Log } from "../node/metrics.ts";
import { addCost, saveResult } from "../node/result.ts";
import type { Run } from "../node/run-directory.ts";
import { countTargets, measureInSlices, trainSteps } from "../training/train.ts";
import type { Evaluation, Measurement, Progress, TrainEvent } from "../training/train.ts";
import { openEngine, resumeEngine } from "../library/engines.ts";
import type { Machine } from "../library/machine.ts";
import { nodeMachine } from "./machine.ts";
import { baselinesOf } from "../library/training-data.ts";
import { originOf } from "./origin.ts";
import type { TrainingData } from "../library/training-data.ts";
import type { Reporter, StepReport } from "./reporter.ts";
import { StopRequest } from "./signals.ts";
import { Speedometer } from "./speedometer.ts";
import { VERSION } from "../options/version.ts";

/** The weights of the lowest held-out loss so far; `saved` once they are on the disk. */
export interface Best {
  readonly evaluation: Evaluation;
  readonly weights: Tensors;
  saved: boolean;
}

/** What a training is made of. */
export interface TrainingParts {
  readonly run: Run;
  readonly data: TrainingData;
  readonly engine: Engine;
  readonly progress: Progress;
  /** The weights of `progress.best`; null where there is none yet. */
  readonly best: Best | null;
  readonly reporter: Reporter;
  /** As in `Beginning`. */
  readonly why: string | null;
  /** Where another engine is opened after one is lost. Default: this machine. */
  readonly machine?: Machine;
}

export class Training {
  readonly #run: Run;
  readonly #data: TrainingData;
  #engine: Engine;
  readonly #progress: Progress;
  readonly #reporter: Reporter;
  readonly #why: string | null;
  readonly #machine: Machine;
  #logs: Log;
  #speed: Speedometer;
  /** Where a training goes on whose engine is lost; null for engines that can't be. */
  #snapshot: Snapshot | null = null;
  #losses = 0;
  #best: Best | null;
  #savedStep: number | null;

  constructor({ run, data, engine, progress, best, reporter, why, machine = nodeMachine }: TrainingParts) {
    this.#run = run;
    this.#data = data;
    this.#engine = engine;
    this.#progress = progress;
    this.#reporter = reporter;
    this.#why = why;
    this.#machine = machine;
    this.#logs = openLogs(run, progress);
    this.#speed = new Speedometer(progress.step);
    this.#best = best;
    this.#savedStep = progress.step > 0 ? progress.step : null;
  }

  /**
   * Trains to the last step, or to `lastStep` where that comes before, and measures the result; or stops, saved, at a signal.
   * Resolves to the engine with the weights to keep, or to an exit code: of the signal, or 0 where there are steps left.
   * Throws InputError if the training diverges (exit code 3) or its end can't be saved (1).
   */
  async complete(lastStep: number = this.#run.options.numSteps): Promise<Engine | number> {
    const stop = new StopRequest();
    stop.listen();
    try {
      this.#reportBeginning();
      await this.#withRecovery(() => this.#train(stop, lastStep));
      if (stop.exitCode !== null && !this.#isComplete(lastStep)) return this.#stopEarly(stop.exitCode);
    } catch (error) {
      throw error instanceof InputError && error.code === "diverged" ? this.#diverged(error) : error;
    } finally {
      stop.stopListening();
    }
    this.#reporter.saved(this.#progress.step, this.#run.path);
    const engine = await this.#withRecovery(() => this.#measure());
    return this.#progress.step < this.#run.options.numSteps ? 0 : engine;
  }

  /** Trains to the last step or a signal, and saves. */
  async #train(stop: StopRequest, lastStep: number): Promise<void> {
    const { saveInterval, ...options } = this.#run.options;
    const mustDrain = (step: number): boolean =>
      step % saveInterval === 0 || this.#best?.saved === false || stop.exitCode !== null;
    const heldOut = this.#data.heldOut.slice(0, options.evalDocuments);
    if ((this.#engine.maxInFlight ?? 0) > 0) this.#snapshot ??= this.#snap(await this.#engine.save());
    const settings = { ...options, mustDrain, until: lastStep };
    const events = trainSteps(this.#engine, this.#data.train, heldOut, settings, this.#progress);
    for await (const event of events) {
      await this.#handle(event);
      // Steps that have begun are waited for: nothing may move any more when the state is saved.
      if ((await stop.heard()) && isDrained(event)) break;
    }
    await this.#save();
  }

  /** Does the work again, from the last snapshot, where the engine is lost on the way. */
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

  /** Goes back to the snapshot, on another device; the second time on the CPU. */
  async #recover({ message }: EngineLost, { progress, state, best }: Snapshot): Promise<void> {
    const { step } = this.#progress;
    const options = this.#run.options;
    this.#losses++;
    const engine = this.#losses > 1 ? "wasm" : options.engine;
    // Where there is no GPU any more, the one line below says enough.
    this.#engine = await resumeEngine(this.#data.config, state, { ...options, engine }, this.#machine, () => {});
    Object.assign(this.#progress, structuredClone(progress));
    this.#best = best;
    this.#logs.flush();
    this.#logs = openLogs(this.#run, this.#progress);
    this.#speed = new Speedometer(progress.step);
    const where = `resumed from step ${progress.step} on ${this.#engine.name}`;
    this.#reporter.warn(`GPU lost at step ${step} (${message}); ${where}`);
  }

  #snap(state: TrainingState): Snapshot {
    return { progress: structuredClone(this.#progress), state, best: this.#best };
  }

  async #handle(event: TrainEvent): Promise<void> {
    if (event.type === "evaluating") return;
    const { step, skippedInARow } = this.#progress;
    await this.#take(event);
    const { evalInterval, saveInterval, numSteps } = this.#run.options;
    const isMilestone = step % evalInterval === 0 || step === numSteps || event.type === "evaluation";
    // Where an evaluation follows the step, the evaluation is the moment to report and to save.
    if (event.type !== "evaluation" && isMilestone && this.#data.heldOut.length > 0) return;
    if (isMilestone) this.#reporter.milestone(this.#report(this.#progress.meanLoss ?? Number.NaN));
    // While steps are skipped nothing has changed, and a resumed training should try them all again.
    if (skippedInARow > 0 || !isDrained(event)) return;
    if (step % saveInterval === 0 || this.#best?.saved === false) await this.#trySave();
  }

  /** Counts, logs and tells what happened. */
  async #take(event: Exclude<TrainEvent, { type: "evaluating" }>): Promise<void> {
    const { step } = event;
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
      if (event.best) this.#best = { evaluation: event, weights: (await this.#engine.save()).weights, saved: false };
    }
  }

  /** A save that fails (a full disk, say) is no reason to lose the training: it goes on, and tries at the next one. */
  async #trySave(): Promise<void> {
    try {
      await this.#save();
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== "machine") throw error;
      this.#reporter.warn(`${error.message}; the training goes on and tries again at the next save`);
    }
  }

  async #save(): Promise<void> {
    this.#run.mustHoldLock();
    const origin: Origin = await originOf(this.#data, this.#run);
    const state = await this.#engine.save();
    if (this.#snapshot !== null) this.#snapshot = this.#snap(state);
    const progress = this.#progress;
    this.#logs.flush();
    if (this.#data.heldOut.length === 0) {
      await this.#run.saveModel({ ...origin, weights: state.weights, step: progress.step, heldOutLoss: null });
    } else if (this.#best !== null && !this.#best.saved) {
      const { weights, evaluation } = this.#best;
      const { step, heldOutLoss } = evaluation;
      await this.#run.saveModel({ ...origin, weights, step, heldOutLoss });
      this.#best.saved = true;
    }
    await this.#run.saveCheckpoint({ ...origin, progress, random: this.#data.random.getState(), state });
    this.#savedStep = progress.step;
  }

  /** The same error, with what is left of the training: all that was saved before is as it was. */
  #diverged(error: InputError): InputError {
    try {
      this.#logs.flush(); // the steps that went wrong, for whoever wonders why; a resumed training drops them
    } catch (failure) {
      if (!(failure instanceof InputError)) throw failure;
    }
    if (this.#savedStep === null) return new InputError(`${error.message}; nothing was saved before`, "diverged");
    const bestStep = this.#best?.saved === true ? this.#best.evaluation.step : null;
    const modelStep = this.#data.heldOut.length === 0 ? this.#savedStep : bestStep;
    const model = modelStep === null ? "" : ` and the model of step ${modelStep}`;
    const kept = `${showPath(this.#run.path)} keeps the last good checkpoint, of step ${this.#savedStep}${model}`;
    return new InputError(`${error.message}; ${kept}`, "diverged");
  }

  /** Whether nothing is left to do: not the last step, and not the evaluation after it. */
  #isComplete(lastStep: number): boolean {
    const { step, evaluation } = this.#progress;
    return step >= lastStep && (this.#data.heldOut.length === 0 || evaluation?.step === step);
  }

  #stopEarly(exitCode: number): number {
    this.#saveCost();
    this.#reporter.saved(this.#progress.step, this.#run.path);
    this.#reporter.note(`to go on: microgpt resume ${showPath(this.#run.path)}`);
    return exitCode;
  }

  /** What all that is held out says of the weights that are kept: the best, or the last where nothing is held out. */
  async #measure(): Promise<Engine> {
    this.#saveCost();
    if (this.#best === null) {
      this.#saveResult(this.#progress.step, null);
      return this.#engine;
    }
    const { config, heldOut, unit } = this.#data;
    const { weights, evaluation } = this.#best;
    const engine =
      evaluation.step === this.#progress.step
        ? this.#engine
        : await openEngine(config, weights, this.#run.options, this.#machine, (message) =>
            this.#reporter.warn(message),
          );
    const parts = measureInSlices(engine, heldOut);
    let part = await parts.next();
    while (part.done !== true) part = await parts.next();
    const bitsPerByte = this.#saveResult(evaluation.step, part.value);
    this.#reporter.result({
      heldOutLoss: part.value.loss,
      bitsPerByte,
      beganAnew: countTargets(heldOut, config.blockSize) < heldOut.countTokens() - heldOut.length,
      documents: heldOut.length,
      unit,
      baselines: baselinesOf(this.#data),
      bestStep: evaluation.step,
    });
    return engine;
  }

  #saveResult(bestStep: number, measurement: Measurement | null): number | null {
    const { config, heldOut, heldOutBytes } = this.#data;
    const bitsPerByte = measurement === null ? null : measurement.bits / heldOutBytes;
    const result = {
      parameters: countParameters(config),
      vocabSize: config.vocabSize,
      numSteps: this.#run.options.numSteps,
      // A document's first BOS is given, not learnt; windows overlap by one.
      heldOutTokens: heldOut.countTokens() - heldOut.length,
      heldOutBytes,
    };
    const { step } = this.#progress;
    saveResult(this.#run.path, result, { step, bestStep, heldOutLoss: measurement?.loss ?? null, bitsPerByte });
    return bitsPerByte;
  }

  #saveCost(): void {
    const { seconds, steps, tokens } = this.#speed.total(this.#progress.step);
    if (steps === 0) return;
    const peakMemoryBytes = 1024 * process.resourceUsage().maxRSS;
    addCost(this.#run.path, { engine: this.#engine.name, seconds, steps, tokens, peakMemoryBytes });
  }

  #report(loss: number): StepReport {
    const { step, meanLoss, evaluation } = this.#progress;
    const { numSteps } = this.#run.options;
    const { tokensPerSecond, stepsPerSecond } = this.#speed.measure(step);
    const etaSeconds = (numSteps - step) / stepsPerSecond;
    const heldOutLoss = evaluation?.heldOutLoss ?? null;
    return { step, numSteps, loss, meanLoss: meanLoss ?? loss, heldOutLoss, tokensPerSecond, etaSeconds };
  }

  #reportBeginning(): void {
    const { config, train, heldOut, unit, duplicates, cleaning, unlearnt } = this.#data;
    const { vocabSize, ...shape } = config;
    this.#reporter.begin({
      version: VERSION,
      engine: this.#engine.name,
      why: this.#why,
      run: this.#run.path,
      resumedAt: this.#progress.step,
      numSteps: this.#run.options.numSteps,
      documents: train.length,
      heldOut: heldOut.length,
      unit,
      duplicates,
      cleaning,
      unlearnt,
      reference: this.#run.options.reference,
      vocabSize,
      parameters: countParameters(config),
      shape,
      baselines: baselinesOf(this.#data),
    });
  }
}

/** Where a training can go on from, in memory. */
interface Snapshot {
  readonly progress: Progress;
  readonly state: TrainingState;
  readonly best: Best | null;
}

/** Whether no step has begun beyond what the event tells. */
const isDrained = (event: TrainEvent): boolean => !("inFlight" in event) || event.inFlight === 0;
