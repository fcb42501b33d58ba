/** What commands that only try a training need: its options and its data, as `train` would decide and read them. */
import type { TrainOptions } from "../options/train-options.ts";
import { checkTogether } from "../options/option-rules.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { prepareTrainingData } from "../library/training-data.ts";
import type { TrainingData } from "../library/training-data.ts";
import { nodeMachine } from "../run/machine.ts";
import type { TextSource } from "../node/text.ts";
import type { PresetRequest } from "../run/presets.ts";
import type { Reporter } from "../run/reporter.ts";
import { gather, locate, sourcesOf, withoutPassword } from "../run/sources.ts";
import { knownOptions, withSizes } from "../run/sizing.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** The flags of `plan`. */
export interface PlanFlags {
  /** The preset that is asked for, and the options that count more. */
  readonly request: PresetRequest;
  /** The directory of runs, which is left out of the folders of `--data`. */
  readonly runsDir: string;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/** Where the text and the options come from, besides those that were typed. */
export interface TrialRequest {
  /** The preset that is asked for, and the options that count more. */
  readonly request: PresetRequest;
  /** The directory of runs. */
  readonly runsDir: string;
  /** A vocabulary of another text; null: it is learnt from this one. */
  readonly tokenizer: Tokenizer | null;
}

/** Finds the texts that a training would learn from. Throws InputError for options that contradict each other. */
export async function gatherForTrial(
  given: TrainOptions,
  { request, runsDir }: Pick<TrialRequest, "request" | "runsDir">,
  reporter: Reporter,
): Promise<{ readonly located: TrainOptions; readonly sources: readonly TextSource[] }> {
  checkTogether(knownOptions(given, request));
  const located = locate(given);
  return { located, sources: sourcesOf(await gather(located, reporter, runsDir), located) };
}

/** Reads the text that a training would learn from. Throws InputError for options that cannot be trained with. */
export async function readForTrial(
  given: TrainOptions,
  { request, runsDir, tokenizer }: TrialRequest,
  reporter: Reporter,
): Promise<{ readonly options: ResolvedOptions; readonly data: TrainingData }> {
  const { located, sources } = await gatherForTrial(given, { request, runsDir }, reporter);
  const say = (message: string): void => reporter.note(message);
  const { options: chosen } = await withSizes(located, request, sources, nodeMachine, say);
  checkTogether(chosen);
  const options = { ...resolveOptions(chosen), urls: located.urls.map(withoutPassword) };
  return { options, data: prepareTrainingData(options, sources, { tokenizer }) };
}
