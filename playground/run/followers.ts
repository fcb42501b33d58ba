/** How often each token follows each other one in the training data: counted once per token that is asked about. */
import type { Tokens } from "../../src/index.ts";

/** A token's followers. */
export class Followers {
  readonly #sequences: Iterable<Tokens>;
  readonly #vocabSize: number;
  readonly #counts = new Map<number, Uint32Array>();

  /** @param sequences token ids of each document or window, BOS at the beginning and at the end of a document. */
  constructor(sequences: Iterable<Tokens>, vocabSize: number) {
    this.#sequences = sequences;
    this.#vocabSize = vocabSize;
  }

  /** How often each token comes after this one, [vocabSize]. */
  after(token: number): Uint32Array {
    const known = this.#counts.get(token);
    if (known !== undefined) return known;
    const counts = new Uint32Array(this.#vocabSize);
    for (const ids of this.#sequences) {
      for (let i = 1; i < ids.length; i++) if (ids[i - 1] === token) counts[ids[i]]++;
    }
    this.#counts.set(token, counts);
    return counts;
  }
}
