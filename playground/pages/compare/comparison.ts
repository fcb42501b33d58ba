/** Several runs at once: as many train as there are cores, the others wait for one to end. */
import { RunClient } from "../../run/client.ts";
import type { RunRequest } from "../../run/protocol.ts";
import { ComparedRun } from "./compared-run.ts";

/** The runs of a comparison, in order. Events: "change"; "done" when the last run has ended. */
export class Comparison extends EventTarget {
  runs: readonly ComparedRun[] = [];
  /** Whether waiting runs are started. */
  isPlaying = false;
  /** Runs that train at a time. */
  readonly limit: number;
  readonly #newClient: () => RunClient;

  /** @param limit at least 1. @param newClient makes a client; tests give fake workers. */
  constructor(limit: number, newClient: () => RunClient = () => new RunClient()) {
    super();
    this.limit = limit;
    this.#newClient = newClient;
  }

  /** Replaces the runs. A run whose request is unchanged keeps what it has trained. */
  set(requests: readonly RunRequest[]): void {
    const kept = [...this.runs];
    this.runs = requests.map((request) => {
      const known = kept.findIndex((run) => isSame(run.request, request));
      return known < 0 ? this.#newRun(request) : kept.splice(known, 1)[0];
    });
    for (const run of kept) run.close();
    this.#fill();
    this.dispatchEvent(new Event("change"));
  }

  /** Trains all runs, as many at a time as the limit says. */
  play(): void {
    this.isPlaying = true;
    this.#fill();
    this.dispatchEvent(new Event("change"));
  }

  /** Pauses all runs; resolves when they rest. */
  async pause(): Promise<void> {
    this.isPlaying = false;
    this.dispatchEvent(new Event("change"));
    await Promise.all(this.runs.map((run) => run.pause()));
  }

  /** Forgets what was trained. */
  reset(): void {
    this.isPlaying = false;
    const requests = this.runs.map(({ request }) => request);
    for (const run of this.runs) run.close();
    this.runs = [];
    this.set(requests);
  }

  #newRun(request: RunRequest): ComparedRun {
    const run = new ComparedRun(request, this.#newClient());
    run.addEventListener("change", () => {
      // A run that was replaced may still report.
      if (this.runs.includes(run)) this.#follow();
    });
    return run;
  }

  #follow(): void {
    const wasPlaying = this.isPlaying;
    this.#fill();
    this.dispatchEvent(new Event("change"));
    if (wasPlaying && !this.isPlaying) this.dispatchEvent(new Event("done"));
  }

  #fill(): void {
    if (!this.isPlaying) return;
    for (const run of this.runs) {
      // Counted anew each time: a run that begins says so at once, and this method may run again within it.
      if (this.runs.filter(({ isBusy }) => isBusy).length >= this.limit) return;
      if (!run.isOver && !run.isBusy) void run.play();
    }
    if (this.runs.length > 0 && this.runs.every(({ isOver }) => isOver)) this.isPlaying = false;
  }
}

const isSame = (a: RunRequest, b: RunRequest): boolean =>
  a.texts.length === b.texts.length &&
  a.texts.every((text, i) => text === b.texts[i]) &&
  JSON.stringify(a.options) === JSON.stringify(b.options);
