/** A prompt as a model reads it, and what may come next: the same in a terminal and in an exported page. */
import { quote } from "../errors.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { cleanPrompt } from "../text/corpus.ts";
import { nameUnknown } from "../text/tokenizer.ts";
import type { Prompt, Tokenizer } from "../text/tokenizer.ts";
import { logitsAfter, nextTokenProbabilities } from "../training/sample.ts";
import type { SamplingOptions, TextModel } from "../training/sample.ts";

/** The options that decide how a prompt is cleaned. */
export type PromptOptions = Pick<ResolvedOptions, "nfc" | "reference">;

/** What reads prompts: a model's tokenizer, and how the training's texts were cleaned. */
export interface PromptReader {
  /** Text to tokens. */
  readonly tokenizer: Tokenizer;
  /** Of the training. */
  readonly options: PromptOptions;
}

/** A prompt as tokens, cleaned as the training's texts. Drops what is not in the vocabulary, with a warning. */
export function encodePrompt(reader: PromptReader, prompt: string, warn: (message: string) => void): Prompt {
  const { lacking, ...read } = readPrompt(reader, prompt, false);
  if (lacking !== null) warn(`the prompt ${quote(prompt)} ${lacking}`);
  return read;
}

/** A prompt as tokens. */
export interface ReadPrompt extends Prompt {
  /** What of it the vocabulary lacks, and what was done: `has a token …; left out`. null: nothing. */
  readonly lacking: string | null;
}

/**
 * Reads a prompt as `encodePrompt` does, for a caller that words its own warning.
 * @param isWhole the prompt does not end within a word, as one whose own probabilities are asked for.
 */
export function readPrompt({ tokenizer, options }: PromptReader, prompt: string, isWhole: boolean): ReadPrompt {
  const text = cleanPrompt(prompt, options);
  const read = isWhole ? wholePrompt(tokenizer, text) : tokenizer.prompt(text);
  const { unknown } = tokenizer.encode(cleanPrompt(prompt, options, "kept")); // what is removed is named, too
  const done = tokenizer.unk === null ? "left out" : "read as <unk>";
  return { ...read, unknown, lacking: unknown.size === 0 ? null : `has ${nameUnknown(unknown)}; ${done}` };
}

function wholePrompt(tokenizer: Tokenizer, text: string): Prompt {
  const encoding = tokenizer.encode(text);
  return { ...encoding, open: null, text: tokenizer.decode(encoding.ids) };
}

/** A text in two parts. They are decoded together, because the space between them depends on both. */
export interface Completion {
  /** The prompt, as decoded. */
  readonly prompt: string;
  /** What the model added. */
  readonly more: string;
}

/** What a model has added to a prompt. @param more the tokens that it drew. */
export function completionOf(
  tokenizer: Tokenizer,
  { ids, text }: Pick<Prompt, "ids" | "text">,
  more: readonly number[],
): Completion {
  const whole = tokenizer.decode([...ids, ...more]);
  if (whole.startsWith(text)) return { prompt: text, more: whole.slice(text.length) };
  return { prompt: "", more: whole }; // the prompt ends inside a character, or its last mark has opened
}

/** The next tokens after a prompt, the likeliest first. */
export interface NextTokens {
  /** The likeliest tokens. */
  readonly tokens: readonly ListedToken[];
  /** All others together: with them, the probabilities sum to 1, and so does what is drawn. */
  readonly others: OtherTokens;
}

/** The tokens that are not listed. */
export interface OtherTokens {
  /** How many they are. */
  readonly count: number;
  /** The sum of their probabilities. */
  readonly probability: number;
  /** The sum of how often they are drawn. */
  readonly drawn: number;
}

/** A token that may come next. */
export interface ListedToken {
  /** Its id. */
  readonly id: number;
  /** Its text, for display. */
  readonly token: string;
  /** Whether it ends the text. */
  readonly isEnd: boolean;
  /** Its probability, as the model gives it. */
  readonly probability: number;
  /** Its probability after temperature, top-k and top-p: how often it is drawn. */
  readonly drawn: number;
}

/** How many of the next tokens are listed. */
const LISTED = 10;

/** The likeliest tokens after a prompt, as the model gives them and as they are drawn; the other tokens as one sum. */
export async function nextTokensOf(
  { engine, tokenizer }: { readonly engine: TextModel; readonly tokenizer: Tokenizer },
  { ids, open }: Prompt,
  options: SamplingOptions,
): Promise<NextTokens> {
  const logits = await logitsAfter(engine, ids, open);
  const probabilities = nextTokenProbabilities(logits, { temperature: 1, topK: null, topP: null });
  const drawn = nextTokenProbabilities(logits, options);
  const all = Array.from(probabilities, (probability, id) => ({ id, probability, drawn: drawn[id] }));
  const sorted = all.toSorted((a, b) => b.probability - a.probability);
  const others = sorted.slice(LISTED).filter(({ probability }) => probability > 0);
  return {
    tokens: sorted
      .slice(0, LISTED)
      .filter(({ probability }) => probability > 0)
      .map((one) => ({ token: tokenizer.token(one.id), isEnd: one.id === tokenizer.bos, ...one })),
    others: {
      count: others.length,
      probability: others.reduce((sum, { probability }) => sum + probability, 0),
      drawn: others.reduce((sum, one) => sum + one.drawn, 0),
    },
  };
}
