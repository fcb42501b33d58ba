/**
 * The page's side of a training in a worker: calls its methods, keeps what it reports, and says so by events. Pages read
 * the fields and draw when "change" fires; they never wait for a step. Differs from `session.ts`, which is the worker's side.
 */
import type { EvaluationEvent, HeldOutResult, RunFiles } from "../../src/index.ts";
import { WorkerCalls } from "./calls.ts";
import { Curve } from "./curve.ts";
import type { EarlierLosses } from "./run-metrics.ts";
import type {
  FilesRequest,
  OpenedRun,
  ProgressMessage,
  RunHeader,
  RunMethods,
  RunReport,
  RunRequest,
  RunState,
} from "./protocol.ts";

/** Makes a worker that speaks the protocol; tests give a fake one. */
export type StartWorker = () => Worker;

const startRunWorker: StartWorker = () =>
  new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "training" });

/** Loaded when a run is opened or saved: the first page stays small. */
const runMetrics = (): Promise<typeof import("./run-metrics.ts")> => import("./run-metrics.ts");

/**
 * A training as a page sees it. Events: "open" (a new run is ready), "change" (something below changed; at most 20 per
 * second), "failure" (`failure` says why).
 */
export class RunClient extends EventTarget {
  /** What the run is; null before the first `open`. */
  header: RunHeader | null = null;
  /** What it was opened with; null for a run from files. */
  request: RunRequest | null = null;
  state: RunState = "ready";
  /** Steps done. */
  step = 0;
  /** What trains, such as "wasm engine, 2 threads"; "" before the first `open`. */
  engine = "";
  /** Why that engine; null if the options name it. */
  why: string | null = null;
  /** The loss of every step seen so far, also of those after a step back. */
  readonly curve: Curve = new Curve();
  /** Evaluations so far, ascending by step. */
  evaluations: readonly EvaluationEvent[] = [];
  /** The result, at the end of the training. */
  measured: HeldOutResult | null = null;
  tokensPerSecond = 0;
  secondsLeft: number | null = null;
  /** Steps of the snapshots, ascending. */
  snapshots: readonly number[] = [];
  /** Why the run failed, for the visitor. */
  failure: string | null = null;
  /** The worker's warnings. */
  warnings: readonly string[] = [];
  readonly #calls: WorkerCalls<RunMethods, RunReport>;

  constructor(start: StartWorker = startRunWorker) {
    super();
    this.#calls = new WorkerCalls(start, {
      report: ({ progress }) => this.#progress(progress),
      lost: (sentence) => this.#lost(sentence),
    });
  }

  /** Starts the worker and compiles its code while the visitor reads. */
  warmUp(): void {
    this.#calls.open();
  }

  /** Prepares a new training, which replaces the present one. Rejects with a sentence for the visitor. */
  async open(request: RunRequest): Promise<RunHeader> {
    return this.#begin(await this.call("open", request), request, null);
  }

  /** Continues a run from its files. Rejects with a sentence for the visitor. */
  async openFiles(request: FilesRequest): Promise<RunHeader> {
    const [opened, { earlierLosses }] = await Promise.all([this.call("openFiles", request), runMetrics()]);
    return this.#begin(opened, null, earlierLosses(request.files, opened.header.step));
  }

  /** The run's files, as they are at the present step, with the losses so far. */
  async files(): Promise<RunFiles> {
    const { withMetrics } = await runMetrics();
    return withMetrics(await this.call("files"), this.curve, this.evaluations);
  }

  /** Calls a method of the worker. Rejects with a sentence if it fails or the worker ends. */
  call: WorkerCalls<RunMethods>["call"] = (method, ...argument) => this.#calls.call(method, ...argument);

  /** Ends the worker. */
  close(): void {
    this.#calls.close("the training was closed");
  }

  #begin({ header, progress }: OpenedRun, request: RunRequest | null, earlier: EarlierLosses | null): RunHeader {
    this.header = header;
    this.request = request;
    this.curve.clear();
    if (earlier !== null) this.curve.add(earlier.points);
    this.evaluations = earlier?.evaluations ?? [];
    this.failure = null;
    this.warnings = [];
    this.dispatchEvent(new Event("open"));
    this.#progress(progress);
    return header;
  }

  #progress(progress: ProgressMessage): void {
    this.state = progress.state;
    this.step = progress.step;
    this.engine = progress.engine;
    this.why = progress.why;
    this.curve.add(progress.points);
    const steps = new Set(progress.evaluations.map(({ step }) => step));
    this.evaluations = [...this.evaluations.filter(({ step }) => !steps.has(step)), ...progress.evaluations].toSorted(
      (a, b) => a.step - b.step,
    );
    this.measured = progress.measured;
    this.tokensPerSecond = progress.tokensPerSecond;
    this.secondsLeft = progress.secondsLeft;
    this.snapshots = progress.snapshots;
    this.warnings = [...this.warnings, ...progress.warnings];
    if (progress.failure !== null) this.#fail(progress.failure);
    this.dispatchEvent(new Event("change"));
  }

  /** The worker has ended: what the page has of the run stays. */
  #lost(sentence: string): void {
    this.#fail(sentence);
    this.dispatchEvent(new Event("change"));
  }

  #fail(reason: string): void {
    this.state = "failed";
    this.failure = reason;
    this.dispatchEvent(new Event("failure"));
  }
}
