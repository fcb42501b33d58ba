/**
 * The page's side of a training in a worker: calls its methods, keeps what it reports, and says so by events. Pages read
 * the fields and draw when "change" fires; they never wait for a step. Differs from `session.ts`, which is the worker's side.
 */
import type { EvaluationEvent } from "../../src/index.ts";
import { Curve } from "./curve.ts";
import type {
  FilesRequest,
  Message,
  ProgressMessage,
  RunHeader,
  RunMethod,
  RunMethods,
  RunRequest,
  RunState,
} from "./protocol.ts";

/** Makes a worker that speaks the protocol; tests give a fake one. */
export type StartWorker = () => Worker;

const startRunWorker: StartWorker = () =>
  new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "training" });

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

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
  /** The loss of every step seen so far, also of those after a step back. */
  readonly curve: Curve = new Curve();
  /** Evaluations so far, ascending by step. */
  evaluations: readonly EvaluationEvent[] = [];
  tokensPerSecond = 0;
  secondsLeft: number | null = null;
  /** Steps of the snapshots, ascending. */
  snapshots: readonly number[] = [];
  /** Why the run failed, for the visitor. */
  failure: string | null = null;
  /** The worker's warnings. */
  warnings: readonly string[] = [];
  readonly #start: StartWorker;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #nextId = 0;

  constructor(start: StartWorker = startRunWorker) {
    super();
    this.#start = start;
  }

  /** Starts the worker and compiles its code while the visitor reads. */
  warmUp(): void {
    this.#running();
  }

  /** Prepares a new training, which replaces the present one. Rejects with a sentence for the visitor. */
  async open(request: RunRequest): Promise<RunHeader> {
    const header = await this.call("open", request);
    this.#begin(header, request);
    return header;
  }

  /** Continues a run from its files. Rejects with a sentence for the visitor. */
  async openFiles(request: FilesRequest): Promise<RunHeader> {
    const header = await this.call("openFiles", request);
    this.#begin(header, null);
    return header;
  }

  /** Calls a method of the worker. Rejects if it fails or the worker ends. */
  async call<Method extends RunMethod>(
    method: Method,
    ...[argument]: Parameters<RunMethods[Method]>
  ): Promise<ReturnType<RunMethods[Method]>> {
    const worker = this.#running();
    const id = this.#nextId++;
    const result = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage({ id, method, argument });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the worker answers with the method's result
    return (await result) as ReturnType<RunMethods[Method]>;
  }

  /** Ends the worker. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(new Error("the training was closed"));
    this.#waiting.clear();
  }

  #begin(header: RunHeader, request: RunRequest | null): void {
    this.header = header;
    this.request = request;
    this.state = "ready";
    this.step = header.step;
    this.curve.clear();
    this.evaluations = [];
    this.snapshots = [];
    this.failure = null;
    this.warnings = [];
    this.dispatchEvent(new Event("open"));
    this.dispatchEvent(new Event("change"));
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = this.#start();
    worker.addEventListener("message", ({ data }: MessageEvent<Message>) => this.#take(data));
    worker.addEventListener("error", ({ message }) => this.#lost(message));
    this.#worker = worker;
    return worker;
  }

  #take(message: Message): void {
    if (message.type === "progress") {
      this.#progress(message.progress);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === "result") waiting?.resolve(message.value);
    else waiting?.reject(new Error(message.message));
  }

  #progress(progress: ProgressMessage): void {
    this.state = progress.state;
    this.step = progress.step;
    this.curve.add(progress.points);
    const steps = new Set(progress.evaluations.map(({ step }) => step));
    this.evaluations = [...this.evaluations.filter(({ step }) => !steps.has(step)), ...progress.evaluations].toSorted(
      (a, b) => a.step - b.step,
    );
    this.tokensPerSecond = progress.tokensPerSecond;
    this.secondsLeft = progress.secondsLeft;
    this.snapshots = progress.snapshots;
    this.warnings = [...this.warnings, ...progress.warnings];
    if (progress.failure !== null) this.#fail(progress.failure);
    this.dispatchEvent(new Event("change"));
  }

  /** The worker has ended: what the page has of the run stays. */
  #lost(message: string): void {
    const reason = `The training stopped: ${message === "" ? "its worker ended, perhaps for lack of memory" : message}.`;
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
    this.#worker?.terminate();
    this.#worker = null;
    this.#fail(reason);
    this.dispatchEvent(new Event("change"));
  }

  #fail(reason: string): void {
    this.state = "failed";
    this.failure = reason;
    this.dispatchEvent(new Event("failure"));
  }
}
