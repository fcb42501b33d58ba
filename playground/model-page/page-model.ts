/** What the page asks of a model, whether the model is in the page or behind a server. */
import type { ListedToken, Completion } from "../../src/library/prompt.ts";
import type { Mark } from "../../src/text/text-marks.ts";

/** What to write. */
export interface WriteRequest {
  /** The beginning of each text. */
  readonly prefix: string;
  /** As in `SamplingOptions`. */
  readonly temperature: number;
  /** As in `SamplingOptions`. */
  readonly topK: number | null;
  /** How many texts. */
  readonly count: number;
  /** The same seed writes the same texts. */
  readonly seed: number;
}

/** Receives texts while they are written; several may be under way. */
export interface TextSink {
  /** A further piece of text `index`. */
  add(index: number, piece: string): void;
  /** Text `index` is complete. @param mark null: the model does not know. */
  end(index: number, text: Completion, mark: Mark | null): void;
  /** What was left out of the prefix, for the reader. */
  warn(message: string): void;
}

/** A text's tokens and what each of them reads. */
export interface Attention {
  /** BOS and the text's tokens, as many as the model reads: [T]. */
  readonly tokens: readonly string[];
  /** By layer and head, [T · T]: a row per token that reads. */
  readonly attention: readonly (readonly ArrayLike<number>[])[];
}

/** A model that the page can show. */
export interface PageModel {
  /** Writes texts. Rejects with the signal's reason once that is aborted; texts that are complete stay. */
  write(request: WriteRequest, sink: TextSink, signal: AbortSignal): Promise<void>;
  /** The likeliest next tokens after a prefix, at temperature 1. */
  nextTokens(prefix: string): Promise<readonly Pick<ListedToken, "token" | "isEnd" | "probability">[]>;
  /** What the tokens of a text read; null: the model cannot be looked into. */
  readonly attention: ((text: string) => Promise<Attention>) | null;
}
