/** Ends a text that comes in pieces before the first of some stop texts, and holds back what may be the beginning of one. */

/** The filter of one text. */
export class StopText {
  readonly #stops: readonly string[];
  #held = "";
  #isFound = false;

  /** @param stops none of them empty. */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Whether a stop text was found: the text has ended. */
  get isFound(): boolean {
    return this.#isFound;
  }

  /** Adds a piece; returns what is certainly before every stop text. */
  add(piece: string): string {
    const text = this.#held + piece;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) {
      this.#isFound = true;
      this.#held = "";
      return text.slice(0, Math.min(...found));
    }
    const held = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - held);
    return text.slice(0, text.length - held);
  }

  /** What was held back, where no piece follows. */
  rest(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}

/** Length of the longest end of `text` that begins `stop`, shorter than it: ("abc", "cd") → 1. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (stop.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
