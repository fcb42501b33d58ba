/** What commands that only try a training need: its options and its data, as `train` would decide and read them. */
import type { TrainOptions } from "../options/train-options.ts";
import { checkTogether } from "../options/option-rules.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { prepareTrainingData } from "../library/training-data.ts";
import type { TrainingData } from "../library/training-data.ts";
import { nodeMachine } from "../run/machine.ts";
import type { PresetRequest } from "../run/presets.ts";
import type { Reporter } from "../run/reporter.ts";
import { gather, locate, sourcesOf, withoutPassword } from "../run/sources.ts";
import { knownOptions, withSizes } from "../run/sizing.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** Where the text and the options come from, besides those that were typed. */
export interface TrialRequest {
  /** The preset that is asked for, and the options that count more. */
  readonly request: PresetRequest;
  /** The directory of runs. */
  readonly runsDir: string;
  /** A vocabulary of another text; null: it is learnt from this one. */
  readonly tokenizer: Tokenizer | null;
}

/** Reads the text that a training would learn from. Throws InputError for options that cannot be trained with. */
export async function readForTrial(
  given: TrainOptions,
  { request, runsDir, tokenizer }: TrialRequest,
  reporter: Reporter,
): Promise<{ readonly options: ResolvedOptions; readonly data: TrainingData }> {
  checkTogether(knownOptions(given, request));
  const located = locate(given);
  const sources = sourcesOf(await gather(located, reporter, runsDir), located);
  const say = (message: string): void => reporter.note(message);
  const { options: chosen } = await withSizes(located, request, sources, nodeMachine, say);
  checkTogether(chosen);
  const options = { ...resolveOptions(chosen), urls: located.urls.map(withoutPassword) };
  return { options, data: prepareTrainingData(options, sources, { tokenizer }) };
}
