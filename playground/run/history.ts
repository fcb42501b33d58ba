/**
 * The moments of a training that can be returned to: its first and its last, a few early ones, and one every `spacing` steps,
 * as many as fit the memory. Scrubbing shows their weights; a step back restores the nearest and repeats the rest.
 */
import type { TrainerState } from "../../src/index.ts";

/** Memory for all moments together. */
const BUDGET_BYTES = 192e6;
/** Weights and Adam's two moments, in f32. */
const BYTES_PER_PARAMETER = 12;
const [MIN_MOMENTS, MAX_MOMENTS] = [8, 200];
/** A model changes most at first. */
const EARLY = [0, 1, 2, 5, 10, 20, 50];

/** States by step. */
export class History {
  readonly #states = new Map<number, TrainerState>();
  readonly #spacing: number;
  readonly #numSteps: number;

  /** @param parameters number of weights. @param numSteps length of the training. */
  constructor(parameters: number, numSteps: number) {
    const fitting = Math.floor(BUDGET_BYTES / (BYTES_PER_PARAMETER * parameters));
    const moments = Math.min(Math.max(fitting, MIN_MOMENTS), MAX_MOMENTS);
    this.#spacing = Math.max(1, Math.ceil(numSteps / moments));
    this.#numSteps = numSteps;
  }

  /** Steps of all moments, ascending. */
  get steps(): readonly number[] {
    return [...this.#states.keys()].toSorted((a, b) => a - b);
  }

  /** Whether the state after this step should be kept; false if it is. */
  isDue(step: number): boolean {
    const isWanted = step % this.#spacing === 0 || step === this.#numSteps || EARLY.includes(step);
    return isWanted && !this.#states.has(step);
  }

  /** Keeps a state. */
  add(state: TrainerState): void {
    this.#states.set(state.progress.step, state);
  }

  /** The state at exactly this step; null if it was not kept. */
  at(step: number): TrainerState | null {
    return this.#states.get(step) ?? null;
  }

  /** The latest state at or before a step; null if there is none. */
  before(step: number): TrainerState | null {
    const nearest = this.steps.findLast((known) => known <= step);
    return nearest === undefined ? null : this.at(nearest);
  }
}
