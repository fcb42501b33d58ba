/** Log-probabilities of tokens in the shape of OpenAI's completions: natural logarithms, at temperature 1. */
import type { Tokenizer } from "../text/tokenizer.ts";

/** A token of a text, and what the model expected in its place. */
export interface TokenScore {
  /** As `Tokenizer.token` shows it. */
  readonly token: string;
  /** log p; null for a text's first token, before which a client sees nothing. */
  readonly logprob: number | null;
  /** The likeliest tokens and the token itself → log p; null as `logprob`. */
  readonly top: Readonly<Record<string, number>> | null;
  /** Length of the text before it, in UTF-16 units. */
  readonly offset: number;
}

/** Scores a token, given the logits [vocabSize] for its position. @param count how many of the likeliest are named. */
export function scoreToken(
  tokenizer: Tokenizer,
  id: number,
  logits: readonly number[] | null,
  count: number,
  offset: number,
): TokenScore {
  const token = tokenizer.token(id);
  if (logits === null) return { token, logprob: null, top: null, offset };
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)) + largest;
  const likeliest = [...logits.keys()].toSorted((a, b) => logits[b] - logits[a]).slice(0, count);
  const top = Object.fromEntries([...likeliest, id].map((each) => [tokenizer.token(each), logits[each] - total]));
  return { token, logprob: logits[id] - total, top, offset };
}

/** The `logprobs` of a choice. @param length of the text; what begins behind it was cut off. */
export function logprobsBody(scores: readonly TokenScore[], length: number = Infinity): object {
  const kept = scores.filter(({ offset }) => offset < length);
  return {
    tokens: kept.map(({ token }) => token),
    token_logprobs: kept.map(({ logprob }) => logprob),
    top_logprobs: kept.map(({ top }) => top),
    text_offset: kept.map(({ offset }) => offset),
  };
}
