/** How fast this process trains, since it began to. */
export class Speedometer {
  readonly #startStep: number;
  readonly #startMs = performance.now();
  #tokens = 0;

  constructor(startStep: number) {
    this.#startStep = startStep;
  }

  count(tokens: number): void {
    this.#tokens += tokens;
  }

  /** What has been done by `step`, and in what time. */
  total(step: number): { seconds: number; steps: number; tokens: number } {
    const seconds = Math.max(performance.now() - this.#startMs, 1) / 1000;
    return { seconds, steps: step - this.#startStep, tokens: this.#tokens };
  }

  /** The means since the beginning. */
  measure(step: number): { tokensPerSecond: number; stepsPerSecond: number } {
    const { seconds } = this.total(step);
    return { tokensPerSecond: this.#tokens / seconds, stepsPerSecond: (step - this.#startStep) / seconds };
  }
}
