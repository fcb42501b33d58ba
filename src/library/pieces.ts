/**
 * A text that grows token by token, piece by piece. Decoding a token alone would be wrong: a space depends on the tokens
 * beside it, and a character may have several.
 */
import type { Tokenizer } from "../text/tokenizer.ts";
import { UNSETTLED } from "../text/tokenizers/spacing.ts";

/** Tells what each token adds to a text. */
export class Pieces {
  readonly #tokenizer: Tokenizer;
  readonly #ids: number[];
  #shown: string;

  /** @param ids the tokens so far. @param shown what the reader has seen of the text: a prompt. */
  constructor(tokenizer: Tokenizer, ids: readonly number[], shown: string) {
    this.#tokenizer = tokenizer;
    this.#ids = [...ids];
    this.#shown = shown;
  }

  /** Adds a token; returns the text that is new, or "" while a further token may still change it. */
  add(id: number): string {
    this.#ids.push(id);
    const text = this.#tokenizer.decode(this.#ids);
    return UNSETTLED.test(text) ? "" : this.#take(text);
  }

  /** The end of the text, where no token follows. */
  rest(): string {
    return this.#take(this.#tokenizer.decode(this.#ids));
  }

  #take(text: string): string {
    if (text.length <= this.#shown.length) return ""; // the tokens still spell the prompt
    const piece = text.slice(this.#shown.length);
    this.#shown = text;
    return piece;
  }
}
