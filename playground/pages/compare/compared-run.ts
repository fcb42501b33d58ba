/** One run of a comparison: its training in a worker of its own, how long it took, and why it failed. */
import type { RunClient } from "../../run/client.ts";
import type { RunRequest } from "../../run/protocol.ts";

/** What a run does at the moment. */
export type RunStatus = "waiting" | "preparing" | "training" | "paused" | "done" | "failed";

/** A run. Events: "change", as often as its client's. */
export class ComparedRun extends EventTarget {
  readonly request: RunRequest;
  /** The training; its worker ends with the run, its numbers stay. */
  readonly client: RunClient;
  /** Why it could not be trained, for the visitor; null otherwise. */
  failure: string | null = null;
  /** Tokens per second, as last measured; 0 before. */
  tokensPerSecond = 0;
  #isPreparing = false;
  #isWanted = false;
  #trainedMs = 0;
  #sinceMs: number | null = null;

  constructor(request: RunRequest, client: RunClient) {
    super();
    this.request = request;
    this.client = client;
    client.addEventListener("change", () => this.#follow());
  }

  /** What it does. */
  get status(): RunStatus {
    if (this.failure !== null) return "failed";
    if (this.client.state === "done") return "done";
    if (this.#isPreparing) return "preparing";
    if (this.#isWanted) return "training";
    return this.client.step > 0 ? "paused" : "waiting";
  }

  /** Whether it uses a core. */
  get isBusy(): boolean {
    return this.status === "preparing" || this.status === "training";
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.status === "done" || this.status === "failed";
  }

  /** Seconds of training so far, pauses excluded. */
  get seconds(): number {
    return (this.#trainedMs + (this.#sinceMs === null ? 0 : performance.now() - this.#sinceMs)) / 1000;
  }

  /** Prepares the training if that has not been done, and trains. Never rejects: `failure` says why it failed. */
  async play(): Promise<void> {
    if (this.isOver) return;
    this.#isWanted = true;
    try {
      if (this.client.header === null && !this.#isPreparing) await this.#prepare();
      if (!this.#isWanted || this.#isPreparing || this.isOver) return;
      this.#sinceMs ??= performance.now();
      await this.client.call("play");
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Rests, or, while it is being prepared, will not train when it is ready. */
  async pause(): Promise<void> {
    if (!this.#isWanted || this.isOver) return;
    this.#isWanted = false;
    this.#stopClock();
    try {
      if (this.client.header !== null) await this.client.call("pause");
    } catch {
      // The worker ended: the client's failure says why.
    }
    this.dispatchEvent(new Event("change"));
  }

  /** Ends the worker. */
  close(): void {
    this.#isWanted = false;
    this.client.close();
  }

  async #prepare(): Promise<void> {
    this.#isPreparing = true;
    const opened = this.client.open(this.request);
    this.dispatchEvent(new Event("change"));
    try {
      await opened;
    } finally {
      this.#isPreparing = false;
    }
    this.dispatchEvent(new Event("change"));
  }

  #follow(): void {
    const { client } = this;
    if (client.tokensPerSecond > 0) this.tokensPerSecond = client.tokensPerSecond;
    if (client.failure !== null) this.failure = client.failure;
    if (this.isOver) {
      this.#stopClock();
      client.close();
    }
    this.dispatchEvent(new Event("change"));
  }

  #fail(reason: string): void {
    this.failure ??= reason;
    this.#stopClock();
    this.client.close();
    this.dispatchEvent(new Event("change"));
  }

  #stopClock(): void {
    if (this.#sinceMs !== null) this.#trainedMs += performance.now() - this.#sinceMs;
    this.#sinceMs = null;
  }
}
