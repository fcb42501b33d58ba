/**
 * The order of calls on one engine. A session has one memory, so overlapping calls would overwrite each other's
 * numbers; they run in turn instead, first come, first served. GPU steps may overlap with each other, but with nothing
 * else.
 */

/** A call that waits for its turn. */
interface Waiting {
  readonly isShared: boolean;
  readonly enter: () => void;
}

/** Runs calls in turn: exclusive ones alone, shared ones beside each other. */
export class CallQueue {
  /** Number of calls running now. */
  #running = 0;
  #runsShared = false;
  readonly #waiting: Waiting[] = [];

  /**
   * Runs the work when no other call runs; resolves and rejects as it does. Work must not await other work on the same
   * queue: it would wait forever.
   */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return await this.#run(work, false);
  }

  /** Runs the work when only shared work runs; resolves and rejects as it does. */
  async shared<Result>(work: () => Promise<Result>): Promise<Result> {
    return await this.#run(work, true);
  }

  async #run<Result>(work: () => Promise<Result>, isShared: boolean): Promise<Result> {
    if (this.#waiting.length === 0 && this.#mayEnter(isShared)) this.#enter(isShared);
    else await new Promise<void>((enter) => this.#waiting.push({ isShared, enter }));
    try {
      return await work();
    } finally {
      this.#running--;
      this.#admit();
    }
  }

  #mayEnter(isShared: boolean): boolean {
    return this.#running === 0 || (isShared && this.#runsShared);
  }

  #enter(isShared: boolean): void {
    this.#running++;
    this.#runsShared = isShared;
  }

  /** Starts waiting calls in order, as many as may run together. */
  #admit(): void {
    while (this.#waiting.length > 0 && this.#mayEnter(this.#waiting[0].isShared)) {
      const { isShared, enter } = this.#waiting.shift()!;
      this.#enter(isShared);
      enter();
    }
  }
}
