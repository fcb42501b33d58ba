/** The loss of every step so far, in arrays that grow: a million steps are 16 MB, and adding a point allocates nothing. */

const FIRST_CAPACITY = 1024;

/** Loss and learning rate by step; steps count from 1. */
export class Curve {
  #losses = new Float64Array(FIRST_CAPACITY).fill(Number.NaN);
  #rates = new Float64Array(FIRST_CAPACITY);
  #length = 0;

  /** The largest step with a point. */
  get length(): number {
    return this.#length;
  }

  /** Loss of a step in nats per token; NaN if the step was skipped or not seen. */
  loss(step: number): number {
    return step >= 1 && step <= this.#length ? this.#losses[step - 1] : Number.NaN;
  }

  /** Learning rate of a step. */
  learningRate(step: number): number {
    return step >= 1 && step <= this.#length ? this.#rates[step - 1] : Number.NaN;
  }

  /** The losses of steps 1 … length; a view, valid until the next `add`. */
  get losses(): Float64Array {
    return this.#losses.subarray(0, this.#length);
  }

  /** Adds points: step, loss, learning rate, and so on. A step that is repeated replaces its point. */
  add(points: Float64Array): void {
    for (let i = 0; i + 2 < points.length; i += 3) {
      const step = points[i];
      this.#reserve(step);
      this.#losses[step - 1] = points[i + 1];
      this.#rates[step - 1] = points[i + 2];
      this.#length = Math.max(this.#length, step);
    }
  }

  /** Removes all points. */
  clear(): void {
    this.#losses.fill(Number.NaN);
    this.#length = 0;
  }

  #reserve(steps: number): void {
    if (steps <= this.#losses.length) return;
    const capacity = Math.max(steps, 2 * this.#losses.length);
    const [losses, rates] = [new Float64Array(capacity).fill(Number.NaN), new Float64Array(capacity)];
    losses.set(this.#losses);
    rates.set(this.#rates);
    [this.#losses, this.#rates] = [losses, rates];
  }
}
