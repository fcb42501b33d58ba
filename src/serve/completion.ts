/**
 * One completion: the prompt's own probabilities, if asked for, then token by token what the model adds, until BOS, a stop
 * text or the last token. Texts come in pieces that no later token changes.
 */
import { Pieces } from "../library/pieces.ts";
import { Random } from "../random.ts";
import { generate } from "../training/sample.ts";
import { ApiError } from "./api-error.ts";
import type { CompletionRequest } from "./completion-request.ts";
import { scoreToken } from "./logprobs.ts";
import type { TokenScore } from "./logprobs.ts";
import type { ReadPrompt } from "../library/prompt.ts";
import type { ServedModel } from "./served-model.ts";
import { StopText } from "./stop-text.ts";

/** A piece of a completion. */
export interface CompletionPiece {
  /** May be empty: a token may be part of a character, or of a stop text. */
  readonly text: string;
  /** Scores of its tokens; empty if none are asked for. */
  readonly scores: readonly TokenScore[];
  /** Tokens generated with this piece. */
  readonly tokens: number;
}

/** How a completion ended: at BOS or a stop text, or at the last token that it may have. */
export type FinishReason = "stop" | "length";

type Settings = Pick<CompletionRequest, "maxTokens" | "temperature" | "topK" | "topP" | "stop" | "echo" | "logprobs">;

/**
 * Generates a completion. Throws ApiError (400) if the prompt's probabilities are asked for and it is longer than the block;
 * rejects with the signal's reason, within a token, once that is aborted.
 */
export async function* complete(
  model: ServedModel,
  prompt: ReadPrompt,
  settings: Settings,
  seed: number,
  signal: AbortSignal,
): AsyncGenerator<CompletionPiece, FinishReason, void> {
  const { tokenizer, texts } = model;
  const { maxTokens, echo, logprobs, stop } = settings;
  if (echo) {
    const scores = logprobs === null ? [] : await scorePrompt(model, prompt, logprobs, signal);
    yield { text: prompt.text, scores, tokens: 0 };
  }
  if (maxTokens === 0) return "length";
  const pieces = new Pieces(tokenizer, prompt.ids, prompt.text);
  const stops = new StopText(stop);
  const draws = generate(texts, prompt.ids, maxTokens, new Random(seed), settings, prompt.open);
  let offset = echo ? prompt.text.length : 0;
  for (let draw = await draws.next(); ; draw = await draws.next()) {
    if (draw.done === true) {
      yield { text: stops.add(pieces.rest()) + stops.rest(), scores: [], tokens: 0 };
      return stops.isFound || draw.value === "bos" ? "stop" : "length";
    }
    const { token, logits } = draw.value;
    const scores = logprobs === null ? [] : [scoreToken(tokenizer, token, logits, logprobs, offset)];
    const piece = pieces.add(token);
    offset += piece.length;
    yield { text: stops.add(piece), scores, tokens: 1 };
    if (stops.isFound || signal.aborted) {
      await draws.return("bos");
      signal.throwIfAborted();
      return "stop";
    }
  }
}

/** The scores of a prompt's tokens, all but the first by what the tokens before it say. */
async function scorePrompt(
  { tokenizer, texts, config }: ServedModel,
  { ids }: ReadPrompt,
  count: number,
  signal: AbortSignal,
): Promise<TokenScore[]> {
  const most = config.blockSize; // the first is read after BOS, and the last is not read
  if (ids.length > most) {
    const message = `prompt: it has ${ids.length} tokens; echo with logprobs takes at most ${most}, the model's context`;
    throw new ApiError(400, message, "context_length_exceeded", "prompt");
  }
  const scores: TokenScore[] = [];
  const reader = texts.reader();
  try {
    let logits = await reader.read(tokenizer.bos);
    for (const [i, id] of ids.entries()) {
      signal.throwIfAborted();
      const offset = tokenizer.decode(ids.slice(0, i)).length;
      scores.push(scoreToken(tokenizer, id, i === 0 ? null : logits, count, offset));
      if (i + 1 < ids.length) logits = await reader.read(id);
    }
  } finally {
    reader.close();
  }
  return scores;
}
