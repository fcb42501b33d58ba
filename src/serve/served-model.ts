/** A model that is served: its name, its tokenizer, and an engine that generates several texts at once. */
import type { Config } from "../microgpt.ts";
import { openStreams } from "../library/engines.ts";
import type { Run } from "../node/run-directory.ts";
import { nodeMachine } from "../run/machine.ts";
import { readPrompt } from "../library/prompt.ts";
import type { PromptOptions, ReadPrompt } from "../library/prompt.ts";
import { NOTHING_UNKNOWN } from "../text/tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TextModel } from "../training/sample.ts";
import { ApiError } from "./api-error.ts";
import type { GivenPrompt } from "./completion-request.ts";

/** Texts that the engine generates at once; more wait. */
export const STREAMS = 16;

/** A model that is served. */
export interface ServedModel {
  /** The run's name. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** Vocabulary, widths, layers and block size. */
  readonly config: Config;
  /** Text to ids and back. */
  readonly tokenizer: Tokenizer;
  /** How prompts are cleaned. */
  readonly options: PromptOptions;
  /** Generates up to `STREAMS` texts at once. */
  readonly texts: TextModel;
}

/** Opens the best model of a run. Throws InputError if the run has none. */
export async function openServedModel(run: Run, id: string, note: (message: string) => void): Promise<ServedModel> {
  const { config, weights } = await run.loadWeights(note);
  const texts = await openStreams(config, weights, run.options, STREAMS, nodeMachine);
  const { tokenizer, options } = run;
  return { id, created: Math.floor(Date.now() / 1000), config, tokenizer, options, texts };
}

/**
 * Reads a prompt as `microgpt complete` does; ids are taken as they are, a BOS at their start aside. Throws ApiError (400).
 * @param isWhole as in `readPrompt`.
 */
export function readGiven(model: ServedModel, given: GivenPrompt, isWhole: boolean): ReadPrompt {
  if (typeof given === "string") return readPrompt(model, given, isWhole);
  const { tokenizer } = model;
  const wrong = given.find((id) => id >= tokenizer.vocabSize);
  if (wrong !== undefined) {
    throw new ApiError(400, `prompt: ids are 0 to ${tokenizer.bos}, got ${wrong}`, null, "prompt");
  }
  const ids = given[0] === tokenizer.bos ? given.slice(1) : [...given];
  return { ids, open: null, text: tokenizer.decode(ids), unknown: NOTHING_UNKNOWN, lacking: null };
}
