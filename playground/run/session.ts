/**
 * The worker's side of a training: one run at a time, its loop, its earlier moments, and the questions about its model.
 * Differs from `client.ts`, which is the page's side, and from `worker.ts`, which only passes messages.
 */
import { createTrainer, decodeRun, EngineLost, resumeTrainer, TensorEngine } from "../../src/index.ts";
import type { Engine, HeldOutResult, RunFiles, Tensors, TrainCallbacks, Trainer } from "../../src/index.ts";
import { engineTitle } from "../../src/training/engine.ts";
import { headerOf } from "./header.ts";
import { History } from "./history.ts";
import { lastUpdateOf, matrixOf } from "./matrices.ts";
import { ProgressReport } from "./progress.ts";
import type { Send } from "./progress.ts";
import type { At, FilesRequest, Matrix, MatrixRequest, OpenedRun, RunHeader } from "./protocol.ts";
import type { RunRequest, RunState } from "./protocol.ts";
import { sentenceOf, withFieldNames } from "./sentence.ts";
import { Viewer } from "./viewer.ts";

/** A run in a worker. Calls must not overlap, except `pause` and questions to the viewer while it plays. */
export class Session {
  readonly trainer: Trainer;
  readonly header: RunHeader;
  /** Answers questions about the model, on an engine of its own. */
  readonly viewer: Viewer;
  readonly #history: History;
  readonly #report: ProgressReport;
  #state: RunState = "ready";
  #failure: string | null = null;
  #measured: HeldOutResult | null = null;
  #loop: Promise<void> = Promise.resolve();
  /** The last step, whose gradients the engine has; null: none. */
  #lastStep: { readonly engine: Engine; readonly step: number } | null = null;
  #isInterrupted = false;
  #interrupts: Promise<unknown> = Promise.resolve();

  private constructor(trainer: Trainer, header: RunHeader, report: (session: Session) => ProgressReport) {
    this.trainer = trainer;
    this.header = header;
    this.#history = new History(header.parameters, header.options.numSteps);
    this.viewer = new Viewer(trainer, this.#history);
    this.#report = report(this);
  }

  /** Prepares a training. Throws InputError for options or texts that cannot be trained. */
  static async open({ texts, options }: RunRequest, send: Send): Promise<Session> {
    return await Session.#start(send, (callbacks) => createTrainer(texts, { ...options, ...callbacks }));
  }

  /** Continues a run. Throws InputError if its files are damaged, or its texts are neither in it nor the bundled names. */
  static async openFiles({ files, bundled }: FilesRequest, send: Send): Promise<Session> {
    const { options } = await decodeRun(files);
    const texts = options.data.length === 0 && options.urls.length === 0 ? [bundled] : null;
    return await Session.#start(send, (callbacks) => resumeTrainer(files, texts, callbacks));
  }

  static async #start(send: Send, create: (callbacks: TrainCallbacks) => Promise<Trainer>): Promise<Session> {
    const warnings: string[] = [];
    let warn = (message: string): void => void warnings.push(message);
    const trainer = await create({ onWarning: (message) => warn(message) });
    const session = new Session(trainer, headerOf(trainer), (self) => new ProgressReport(send, () => self.#status()));
    for (const message of warnings) session.#report.warn(withFieldNames(message));
    warn = (message) => session.#warn(withFieldNames(message));
    // Also of a run that continues at a step between two moments: it can be reset to it.
    session.#history.add(await trainer.state());
    session.#state = trainer.isDone ? "done" : "ready";
    return session;
  }

  /** What the page is to know before the first step. */
  opened(): OpenedRun {
    return { header: this.header, progress: this.#report.next() };
  }

  /** Trains until `pause` or the end; returns at once. */
  play(): void {
    if (this.#state === "playing" || this.#state === "done" || this.#state === "failed") return;
    this.#enter("playing");
    this.#report.startClock();
    this.#loop = this.#guard(() => this.#train());
  }

  /** Stops after the present step; resolves when the training rests. */
  async pause(): Promise<void> {
    if (this.#state === "playing") this.#state = "paused";
    await this.#loop;
    this.#report.send();
  }

  /** One step forward. */
  async stepForward(): Promise<void> {
    await this.pause();
    if (this.#state === "done" || this.#state === "failed") return;
    await this.#guard(() => this.#advanceTo(this.trainer.progress.step + 1));
    if (this.trainer.isDone) await this.#end();
    else this.#enter("paused");
  }

  /** One step back: restores the nearest earlier moment and repeats the steps up to it, which gives the same bits. */
  async stepBack(): Promise<void> {
    await this.pause();
    await this.#goTo(this.trainer.progress.step - 1);
  }

  /** Back to the first moment. */
  async reset(): Promise<void> {
    await this.pause();
    await this.#goTo(this.#history.steps[0]);
  }

  /** The run's files, as they are at the present step. */
  async files(): Promise<RunFiles> {
    return await this.#between(async () => {
      const files = await this.trainer.files();
      this.#report.send(); // before the answer, so that the page has the losses of all steps that the files have
      return files;
    });
  }

  /** The best model as one safetensors file. */
  async save(): Promise<Uint8Array> {
    return await this.#between(async () => await (await this.trainer.model()).save());
  }

  /** A matrix of the model at a moment. Throws RangeError for an unknown one, or one that was not kept. */
  async matrix({ at, kind, name }: MatrixRequest): Promise<Matrix> {
    switch (kind) {
      case "weights":
        return matrixOf(await this.viewer.weights(at), name);
      case "gradients":
        return matrixOf(await this.#gradients(at), name);
      case "updates": {
        const state = at === null ? await this.#between(() => this.trainer.state()) : this.#history.at(at);
        if (state === null) throw new RangeError(`Step ${at} was not kept; choose one of the time line.`);
        return lastUpdateOf(state, this.header.options, name);
      }
      default:
        return kind satisfies never;
    }
  }

  /** The gradients of the last step. */
  async #gradients(at: At): Promise<Tensors> {
    const { engine, progress } = this.trainer;
    if (at !== null && at !== progress.step) throw new RangeError("Gradients are kept of the last step only.");
    if (!(engine instanceof TensorEngine)) throw new RangeError("The atomic engine keeps no gradients.");
    const isKept = this.#lastStep?.engine === engine && this.#lastStep.step === progress.step;
    if (!isKept) throw new RangeError("There are no gradients of this step here; do one step forward.");
    try {
      return await engine.gradients();
    } catch (error) {
      if (!(error instanceof EngineLost)) throw error;
      throw new RangeError("The GPU was lost, and the gradients with it; do one step forward.", { cause: error });
    }
  }

  /** Frees the memory and threads of both engines. */
  async close(): Promise<void> {
    await this.pause();
    await this.#interrupts;
    await this.viewer.close();
    this.trainer.close();
  }

  /** Does something between two steps; a training that plays continues afterwards. One at a time. */
  #between<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#interrupts.then(async () => {
      this.#isInterrupted = true;
      await this.#loop;
      try {
        return await work();
      } finally {
        this.#isInterrupted = false;
        if (this.#state === "playing") this.#loop = this.#guard(() => this.#train());
      }
    });
    this.#interrupts = result.catch(() => {});
    return result;
  }

  async #train(): Promise<void> {
    while (this.#state === "playing" && !this.#isInterrupted) {
      if (await this.#advance()) continue;
      await this.#end();
      return;
    }
  }

  /** Restores a moment before a step and repeats the steps up to it: the last one leaves its gradients. */
  async #goTo(step: number): Promise<void> {
    const moment = this.#history.before(step - 1) ?? this.#history.before(step);
    if (moment === null) return;
    await this.#guard(async () => {
      await this.trainer.restore(moment);
      [this.#failure, this.#measured] = [null, null];
      await this.#advanceTo(step);
    });
    if (this.#failure === null) this.#enter(step === this.header.step ? "ready" : "paused");
  }

  /** Trains up to a step, with its evaluation at the end of the training. */
  async #advanceTo(step: number): Promise<void> {
    let isMore = true;
    while (isMore && (this.trainer.progress.step < step || this.trainer.isDone)) isMore = await this.#advance();
  }

  /** The next step or evaluation. Resolves to false at the end. */
  async #advance(): Promise<boolean> {
    const event = await this.trainer.step();
    if (event === null) return false;
    if (event.type !== "evaluation") this.#lastStep = { engine: this.trainer.engine, step: event.step };
    this.#report.take(event);
    await this.#keep();
    return true;
  }

  #warn(message: string): void {
    this.#report.warn(message);
    this.#report.send();
  }

  /** Keeps the present moment if it is one to return to. */
  async #keep(): Promise<void> {
    if (this.#history.isDue(this.trainer.progress.step)) this.#history.add(await this.trainer.state());
  }

  /** A training that diverges is a result for the visitor, not a fault. */
  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failure = sentenceOf(error);
      this.#enter("failed");
    }
  }

  async #end(): Promise<void> {
    this.#measured = await this.trainer.measure();
    this.#enter("done");
  }

  #enter(state: RunState): void {
    if (this.#failure !== null && state !== "failed") return;
    this.#state = state;
    this.#report.send();
  }

  #status(): ReturnType<ConstructorParameters<typeof ProgressReport>[1]> {
    const { progress, engine, why } = this.trainer;
    return {
      state: this.#state,
      step: progress.step,
      engine: engineTitle(engine.name),
      why,
      numSteps: this.header.options.numSteps,
      snapshots: this.#history.steps,
      failure: this.#failure,
      measured: this.#measured,
    };
  }
}
