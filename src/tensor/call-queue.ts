/**
 * The order of calls on one engine. A session has one memory, so calls that overlap would read each other's numbers;
 * they take turns instead, first come, first served. Steps of a GPU may overlap with each other, and with nothing else.
 */
interface Waiting {
  readonly isShared: boolean;
  readonly enter: () => void;
}

/** Runs calls in turn. */
export class CallQueue {
  /** Calls that run now. */
  #running = 0;
  #runsShared = false;
  readonly #waiting: Waiting[] = [];

  /** Runs the work when no other call runs; resolves and rejects as it does. Work must not queue work and wait for it. */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return await this.#run(work, false);
  }

  /** Runs the work beside other shared work. */
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

  /** Lets in those who wait, from the first on, as many as may run together. */
  #admit(): void {
    while (this.#waiting.length > 0 && this.#mayEnter(this.#waiting[0].isShared)) {
      const { isShared, enter } = this.#waiting.shift()!;
      this.#enter(isShared);
      enter();
    }
  }
}
