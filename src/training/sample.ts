/**
 * Generates text with a trained model, token by token. Works on ids: `text/` encodes and decodes.
 *
 * With temperature only, it draws exactly the reference's samples; top-k and top-p exclude tokens before the draw.
 */
import type { Engine, Reader } from "./engine.ts";

import { Pacer } from "./pacer.ts";
import { Random } from "../random.ts";

/** How the next token is drawn. */
export interface SamplingOptions {
  /** Divides the logits: below 1, likely tokens become likelier. 0: always the likeliest token. */
  readonly temperature: number;
  /** Draw from the k likeliest tokens only; null: off. */
  readonly topK: number | null;
  /** Draw from the fewest likeliest tokens that together reach this probability (Holtzman et al. 2020); null: off. */
  readonly topP: number | null;
}

/** What generating needs of an engine. */
export type TextModel = Pick<Engine, "config" | "reader">;

/** A drawn token and its probability. */
export interface Draw {
  /** Id of the token. */
  readonly token: number;
  /** Its probability after temperature, top-k and top-p. */
  readonly probability: number;
  /** What the model said of every token at this position, [vocabSize]. */
  readonly logits: readonly number[];
  /** The likeliest tokens at this position, at most five, in descending order. */
  readonly likeliest: readonly { readonly token: number; readonly probability: number }[];
}

/** Why a generation ended: the model drew BOS, or it had all the draws it was given. */
export type GenerationEnd = "bos" | "length";

/** A word that the next tokens must spell (`OpenWord` in text/): a prompt may end within a word. */
export interface Spelling {
  /** Whether a token may come next. */
  allows(token: number): boolean;
  /** What is left to spell after an allowed token; null: nothing. */
  after(token: number): Spelling | null;
}

/** Logits [vocabSize] → probabilities [vocabSize]; tokens excluded by top-k or top-p get 0. The sum is 1. */
export function nextTokenProbabilities(logits: ArrayLike<number>, options: SamplingOptions): number[] {
  const { temperature, topK, topP } = options;
  if (temperature === 0) return oneHot(logits);
  // Plain loops over a plain array: a small typed array takes longer to allocate than to fill, and this runs per token.
  const probabilities = new Array<number>(logits.length);
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) {
    probabilities[i] = logits[i] / temperature;
    if (probabilities[i] > max) max = probabilities[i];
  }
  if (!Number.isFinite(max)) return oneHot(logits); // a temperature so near 0 that the division overflows
  for (let i = 0; i < logits.length; i++) probabilities[i] = Math.exp(probabilities[i] - max);
  normalise(probabilities);
  if (topK === null && topP === null) return probabilities;
  // The sort is stable: of equally likely tokens, the lower id comes first.
  const ranking = [...probabilities.keys()].toSorted((a, b) => probabilities[b] - probabilities[a]);
  let kept = Math.min(topK ?? ranking.length, ranking.length);
  if (topP !== null) {
    let reached = 0;
    let nucleus = 0;
    while (nucleus < kept && reached < topP) reached += probabilities[ranking[nucleus++]];
    kept = nucleus;
  }
  for (const token of ranking.slice(kept)) probabilities[token] = 0;
  normalise(probabilities);
  return probabilities;
}

function oneHot(logits: ArrayLike<number>): number[] {
  const probabilities = new Array<number>(logits.length).fill(0);
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token] > logits[best]) best = token;
  probabilities[best] = 1;
  return probabilities;
}

function normalise(weights: number[]): void {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  for (let i = 0; i < weights.length; i++) weights[i] /= total;
}

/**
 * Continues a prompt, one draw at a time, until BOS (which is not yielded) or `maxTokens` draws; returns which. The context
 * is the last blockSize tokens, BOS and prompt included. Lets the event loop run every 10 ms.
 * @param prompt ids without BOS; may be empty, or longer than blockSize.
 * @param open what the first tokens must spell; they don't count as draws. null: nothing.
 */
export async function* generate(
  engine: TextModel,
  prompt: readonly number[],
  maxTokens: number,
  random: Random,
  options: SamplingOptions,
  open: Spelling | null = null,
): AsyncGenerator<Draw, GenerationEnd, void> {
  const bos = engine.config.vocabSize - 1;
  const context = new SlidingReader(engine);
  try {
    let logits = await context.read(bos, ...prompt);
    const pacer = new Pacer();
    let spelling = open;
    for (let count = 0; count < maxTokens || spelling !== null;) {
      if (pacer.isDue) await pacer.pause();
      const probabilities = nextTokenProbabilities(masked(logits, spelling), options);
      const token = random.weightedIndex(probabilities);
      if (token === bos) return "bos";
      yield new ProbableDraw(token, probabilities, logits);
      if (spelling === null) count++;
      else spelling = spelling.after(token);
      if (count < maxTokens || spelling !== null) logits = await context.read(token);
    }
    return "length";
  } finally {
    context.close();
  }
}

/** Logits [vocabSize] of the first token that `generate` draws after the same prompt. */
export async function logitsAfter(
  engine: TextModel,
  prompt: readonly number[],
  open: Spelling | null = null,
): Promise<number[]> {
  const context = new SlidingReader(engine);
  try {
    return masked(await context.read(engine.config.vocabSize - 1, ...prompt), open);
  } finally {
    context.close();
  }
}

/** Logits in which tokens that would spell another word have probability 0. */
const masked = (logits: number[], spelling: Spelling | null): number[] =>
  spelling === null ? logits : logits.map((logit, token) => (spelling.allows(token) ? logit : -Infinity));

/** Sorts only when `likeliest` is read, since most callers need only the token. */
class ProbableDraw implements Draw {
  readonly token: number;
  readonly probability: number;
  readonly logits: readonly number[];
  readonly #probabilities: readonly number[];

  constructor(token: number, probabilities: readonly number[], logits: readonly number[]) {
    this.logits = logits;
    this.token = token;
    this.probability = probabilities[token];
    this.#probabilities = probabilities;
  }

  get likeliest(): Draw["likeliest"] {
    return likeliestTokens(this.#probabilities, 5);
  }
}

/** Runs `generate` to its end; resolves to the ids. */
export async function generateTokens(...parameters: Parameters<typeof generate>): Promise<number[]> {
  const ids: number[] = [];
  for await (const { token } of generate(...parameters)) ids.push(token);
  return ids;
}

function likeliestTokens(probabilities: readonly number[], count: number): Draw["likeliest"] {
  return Array.from(probabilities, (probability, token) => ({ token, probability }))
    .toSorted((a, b) => b.probability - a.probability)
    .slice(0, count)
    .filter(({ probability }) => probability > 0);
}

/**
 * A reader without a length limit. The model has one learnt vector per position, so past blockSize tokens the window
 * moves by one token and is read again as a whole.
 */
class SlidingReader {
  readonly #blockSize: number;
  readonly #reader: Reader;
  #window: number[] = [];

  constructor(engine: TextModel) {
    this.#blockSize = engine.config.blockSize;
    this.#reader = engine.reader();
  }

  /** Reads tokens; resolves to the logits [vocabSize] after the last. */
  read(...tokens: number[]): Promise<number[]> {
    this.#window.push(...tokens);
    if (this.#window.length <= this.#blockSize) return this.#reader.read(...tokens);
    this.#window = this.#window.slice(-this.#blockSize);
    this.#reader.restart();
    return this.#reader.read(...this.#window);
  }

  close(): void {
    this.#reader.close();
  }
}
