/** The speed of a training, since this process began it. */
export class Speedometer {
  readonly #startStep: number;
  readonly #startMs = performance.now();
  #tokens = 0;

  /** @param startStep the step at which this process began. */
  constructor(startStep: number) {
    this.#startStep = startStep;
  }

  /** Adds tokens that were learnt from. */
  count(tokens: number): void {
    this.#tokens += tokens;
  }

  /** Seconds, steps and tokens up to `step`. */
  total(step: number): { seconds: number; steps: number; tokens: number } {
    const seconds = Math.max(performance.now() - this.#startMs, 1) / 1000;
    return { seconds, steps: step - this.#startStep, tokens: this.#tokens };
  }

  /** Mean speeds since the start. */
  measure(step: number): { tokensPerSecond: number; stepsPerSecond: number } {
    const { seconds } = this.total(step);
    return { tokensPerSecond: this.#tokens / seconds, stepsPerSecond: (step - this.#startStep) / seconds };
  }
}
