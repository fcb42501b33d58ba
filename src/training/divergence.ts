/**
 * When a training is given up: it has diverged. Numbers that are not finite are counted by the loop; here is what can be
 * said of finite ones, so that no training is given up that would have recovered.
 */
import { InputError } from "../errors.ts";

/** A single bad batch is tolerated; this many in a row means the weights have diverged. */
export const MAX_SKIPPED_IN_A_ROW: number = 5;
/** The same for batches whose loss is finite, but absurd. */
const MAX_ABSURD_IN_A_ROW = 20;

/**
 * Above this loss a logit is so large that two neighbouring f32 numbers differ by 1 nat or more: the model can no longer
 * say which of two tokens is likelier, and its gradients are noise. A high learning rate that recovers stays below.
 */
const LOST_NATS = 2 ** 23;

/**
 * A loss this many times that of guessing blindly, ln(vocabSize), is absurd: with 27 tokens, 33 nats. What is only badly
 * learnt, or learnt by heart, stays far below it on its training data. From an absurd loss a training may recover while
 * its learning rate falls, so it only matters at the end.
 */
const ABSURD = 10;

/** Watches for weights that explode in finite numbers. */
export class ExplosionWatch {
  readonly #absurdNats: number;
  #steps = 0;
  #absurdInARow = 0;
  #lostInARow = 0;

  /** @param vocabSize of the model; guessing blindly has the loss ln(vocabSize). */
  constructor(vocabSize: number) {
    this.#absurdNats = ABSURD * Math.log(vocabSize);
  }

  /** Takes the loss of a step. */
  take(loss: number): void {
    this.#steps++;
    this.#absurdInARow = loss > this.#absurdNats ? this.#absurdInARow + 1 : 0;
    this.#lostInARow = loss > LOST_NATS ? this.#lostInARow + 1 : 0;
  }

  /** Throws InputError once the training can't recover. @param step the last. */
  check(step: number): void {
    if (this.#lostInARow < MAX_ABSURD_IN_A_ROW) return;
    throw divergence(`the last ${this.#lostInARow} steps, up to ${step}, had losses above ${LOST_NATS}`);
  }

  /** Whether the losses of the last steps were absurd; of a short training all but the first, which changed nothing yet. */
  get isAbsurd(): boolean {
    return this.#absurdInARow > 0 && this.#absurdInARow >= Math.min(MAX_ABSURD_IN_A_ROW, this.#steps - 1);
  }

  /** Whether a held-out loss is absurd, too. Throws InputError if it is, and the training has no steps left to recover. */
  isAbsurdOf(heldOutLoss: number, step: number, isLast: boolean): boolean {
    const isLost = heldOutLoss > LOST_NATS;
    const isAbsurd = isLost || (this.isAbsurd && heldOutLoss > this.#absurdNats);
    if (isLost || (isAbsurd && isLast)) {
      const chance = (this.#absurdNats / ABSURD).toPrecision(3);
      throw divergence(
        `the held-out loss after step ${step} is ${heldOutLoss.toPrecision(3)}, where guessing has ${chance}`,
      );
    }
    return isAbsurd;
  }

  /** Throws InputError if a training without held-out documents ends absurdly. */
  end(step: number): void {
    if (!this.isAbsurd) return;
    const times = `${ABSURD} times the loss of guessing`;
    throw divergence(`the last ${this.#absurdInARow} steps, up to ${step}, had losses above ${times}`);
  }
}

/** The error of a training that has diverged. @param what the sign of it, as a clause. */
export function divergence(what: string): InputError {
  return new InputError(
    `train: ${what}; the training has diverged, try a smaller --learning-rate, or --clip-norm 1`,
    "diverged",
  );
}
