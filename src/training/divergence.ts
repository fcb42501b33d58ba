/**
 * When a training is given up: it has diverged. Numbers that are not finite are counted by the loop; here is what can be
 * said of finite ones, so that no training is given up that would have recovered.
 */
import { InputError } from "../errors.ts";
import type { Progress } from "./train.ts";

/** A single bad batch is tolerated; this many in a row means the weights have diverged. */
export const MAX_SKIPPED_IN_A_ROW: number = 5;
/**
 * Above this loss a logit is so large that two neighbouring f32 numbers differ by 1 nat or more: the model can no longer
 * say which of two tokens is likelier, and its gradients are noise. A high learning rate that recovers stays below.
 */
const LOST_NATS = 2 ** 23;

/** So many steps in a row above it are no bad luck with a batch. */
const MAX_LOST_IN_A_ROW = 20;

/**
 * A loss this many times that of guessing blindly, ln(vocabSize), is absurd: with 27 tokens, 33 nats. What is only badly
 * learnt, or learnt by heart, stays far below it. From an absurd loss a training may recover while its learning rate falls,
 * so it only matters at the end; until then nothing good is replaced.
 */
const ABSURD = 10;
/** With a handful of tokens ten times guessing is little. */
const MIN_ABSURD_NATS = 20;
/**
 * Steps of which half must be absurd: a batch alone proves nothing. Nor does a training of fewer steps: the first ones of a
 * large model at a high rate may be ten times worse than guessing.
 */
const RECENT = 20;

/** Watches for weights that explode in finite numbers. */
export class ExplosionWatch {
  readonly #guessing: number;
  readonly #absurdNats: number;
  /** For each of the last steps, whether its loss was absurd. */
  #recent: boolean[] = [];
  #lostInARow = 0;
  #hasSpoken = false;

  /** @param vocabSize of the model; guessing blindly has the loss ln(vocabSize). */
  constructor(vocabSize: number) {
    this.#guessing = Math.log(vocabSize);
    this.#absurdNats = Math.max(MIN_ABSURD_NATS, ABSURD * this.#guessing);
  }

  /** Takes the loss of a step. */
  take(loss: number): void {
    this.#recent = [...this.#recent.slice(1 - RECENT), loss > this.#absurdNats];
    this.#lostInARow = loss > LOST_NATS ? this.#lostInARow + 1 : 0;
  }

  /** Throws InputError once the training can't recover. @param step the last. */
  check(step: number): void {
    if (this.#lostInARow < MAX_LOST_IN_A_ROW) return;
    throw divergence(`the last ${this.#lostInARow} steps, up to ${step}, had losses above ${LOST_NATS}`);
  }

  /** Whether one of the last losses was absurd: then the weights are not worth saving. */
  get isDoubtful(): boolean {
    return this.#recent.includes(true);
  }

  /** Whether the losses have become absurd, after enough steps to judge; true at most once. */
  hasBegun(): boolean {
    if (this.#hasSpoken || this.#recent.length < RECENT || !this.isAbsurd) return false;
    this.#hasSpoken = true;
    return true;
  }

  /** Whether half of the last losses were absurd; the first of a new training does not count, as nothing was learnt. */
  get isAbsurd(): boolean {
    const absurd = this.#recent.filter((isAbsurd) => isAbsurd).length;
    return absurd > 0 && 2 * absurd >= this.#recent.length - 1;
  }

  /**
   * Whether a held-out loss is absurd. Throws InputError if no step is left to recover in, and the training is absurd, too,
   * or never was better.
   */
  isAbsurdOf(heldOutLoss: number, { step, best }: Progress, isLast: boolean): boolean {
    const isAbsurd = heldOutLoss > this.#absurdNats && step >= RECENT;
    if (heldOutLoss > LOST_NATS || (isAbsurd && isLast && (this.isAbsurd || best === null))) {
      const [loss, guessing] = [heldOutLoss, this.#guessing].map((nats) => nats.toPrecision(3));
      throw divergence(`the held-out loss after step ${step} is ${loss}, where guessing has ${guessing}`);
    }
    return isAbsurd;
  }

  /** Throws InputError if a training without held-out documents ends absurdly. @param step the last. */
  end(step: number): void {
    if (!this.isAbsurd || step < RECENT) return;
    const limit = this.#absurdNats.toPrecision(3);
    throw divergence(
      `half of the last steps, up to ${step}, had losses above ${limit}, where guessing has ${this.#guessing.toPrecision(3)}`,
    );
  }
}

/** The error of a training that has diverged. @param what the sign of it, as a clause. */
export function divergence(what: string): InputError {
  return new InputError(
    `train: ${what}; the training has diverged, try a smaller --learning-rate, or --clip-norm 1`,
    "diverged",
  );
}
