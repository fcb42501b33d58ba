/** The page's side of its trials: starts a worker for each and keeps what they report. Fires "change". */
import type { TrialMessage, TrialRequest } from "./break-worker.ts";
import type { Outcome, Point } from "./trial.ts";

/** A trial that runs, or has ended. */
export interface Trial {
  readonly points: readonly Point[];
  /** null while it runs. */
  readonly outcome: Outcome | null;
}

/** Seeds of the first weights: both cores have the first; the intact one is trained from the second, too. */
export const SEEDS = { both: 42, other: 43 } as const;

/** Every trial by what it was asked for; each is run once. */
export class Trials extends EventTarget {
  readonly #trials = new Map<string, Trial>();
  /** Why a worker ended, for the visitor; null otherwise. */
  failure: string | null = null;

  /** The trial, if it was started. */
  get({ variant, seed }: TrialRequest): Trial | null {
    return this.#trials.get(`${variant} ${seed}`) ?? null;
  }

  /** Starts a trial, unless it was started before. */
  start(request: TrialRequest): void {
    if (this.get(request) !== null) return;
    this.#put(request, { points: [], outcome: null });
    const worker = new Worker(new URL("./break-worker.ts", import.meta.url), { type: "module", name: "trial" });
    worker.addEventListener("message", ({ data }: MessageEvent<TrialMessage>) => {
      if (data.type === "done") worker.terminate();
      this.#take(request, data);
    });
    worker.addEventListener("error", ({ message }) => {
      worker.terminate();
      this.#trials.delete(`${request.variant} ${request.seed}`);
      this.failure = `The training stopped: ${message}.`;
      this.dispatchEvent(new Event("change"));
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage(request);
  }

  #take(request: TrialRequest, message: TrialMessage): void {
    const { points } = this.get(request) ?? { points: [] };
    if (message.type === "point") this.#put(request, { points: [...points, message.point], outcome: null });
    else this.#put(request, { points, outcome: message.outcome });
  }

  #put({ variant, seed }: TrialRequest, trial: Trial): void {
    this.#trials.set(`${variant} ${seed}`, trial);
    this.dispatchEvent(new Event("change"));
  }
}
