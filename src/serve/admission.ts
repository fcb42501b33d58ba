/**
 * Who may generate, and when: as many completions at once as the engine has streams, a queue of limited length behind them,
 * and none once the server is stopping. The counts are those of `/metrics`.
 */
import PQueue from "p-queue";
import { ApiError } from "./api-error.ts";
import { STREAMS } from "./served-model.ts";

/** Completions that may wait. */
export const MAX_WAITING = 64;

/** Admits completions of one model. */
export class Admission {
  readonly #queue = new PQueue({ concurrency: STREAMS });
  readonly #stopping = new AbortController();
  #isClosed = false;

  /** Completions that are generated now. */
  get running(): number {
    return this.#queue.pending;
  }

  /** Completions that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Throws ApiError if `count` completions find no room (429), or if the server is stopping (503). */
  mustHaveRoom(count: number): void {
    if (this.#isClosed) throw new ApiError(503, "the server is stopping; send the request to another one");
    const free = STREAMS - this.running - this.waiting;
    // An idle server takes a request of any size: nobody waits behind it yet.
    if (free < STREAMS && this.waiting + count - Math.max(0, free) > MAX_WAITING) {
      throw new ApiError(429, `${this.waiting} completions are waiting; try again in a second`, "queue_full");
    }
  }

  /** Runs `work` when its turn comes. Rejects with the signal's reason if that is aborted first. */
  run<Result>(work: (signal: AbortSignal) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const either = AbortSignal.any([signal, this.#stopping.signal]);
    return this.#queue.add(() => work(either), { signal: either });
  }

  /** Admits nothing more; resolves when all that was admitted has ended, or is aborted after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    const timer = setTimeout(() => this.abort(), graceMs);
    await this.#queue.onIdle();
    clearTimeout(timer);
  }

  /** Ends what is running and what waits. */
  abort(): void {
    this.#stopping.abort(new ApiError(503, "the server is stopping"));
  }
}
