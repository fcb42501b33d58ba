/**
 * `microgpt train` and `microgpt resume`: finds the text, trains (`run/begin.ts`), then answers prompts.
 */
import type { ResumeOptions, TrainOptions } from "../options/train-options.ts";
import { Run } from "../node/run-directory.ts";
import { nodeHasher } from "../node/text.ts";
import type { TextSource } from "../node/text.ts";
import { checkTogether } from "../options/option-rules.ts";
import { mayUseGpu, resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { begin, continueRun } from "../run/begin.ts";
import type { Outcome } from "../run/begin.ts";
import { PASSES } from "../library/encode.ts";
import { prepareTrainingData } from "../library/training-data.ts";
import type { TrainingData } from "../library/training-data.ts";
import { printCompletions, promptLoop, readPrompts } from "./prompts.ts";
import { watchReading } from "../run/reading.ts";
import { StopRequest } from "../run/signals.ts";
import type { Reporter } from "../run/reporter.ts";
import { createReporter, hookedReporter } from "./reporters.ts";
import { gather, locate, runSources, sourcesOf, withoutPassword } from "../run/sources.ts";

/** How to report, and which prompts to answer after the training. */
export interface ReporterFlags {
  /** Whether to print JSON. */
  readonly json: boolean;
  /** A file of prompts to complete after the training; null: none. */
  readonly promptFile: string | null;
  /** A module that is called with every event, too; null: none. */
  readonly hook: string | null;
}

/** The flags of `train`. */
export interface RunFlags extends ReporterFlags {
  /** The run's name; null: made from the data's. */
  readonly name: string | null;
  /** The directory of runs. */
  readonly runsDir: string;
}

/** Starts a training. Resolves to the exit code. Throws InputError, before anything is written, for bad input. */
export async function train(given: TrainOptions, flags: RunFlags): Promise<number> {
  checkTogether(given);
  const located = locate(resolveOptions(given));
  const reporter = await hookedReporter(createReporter(flags.json), flags.hook);
  const gathered = await gather(located, reporter);
  const options = { ...located, urls: located.urls.map(withoutPassword) };
  const data = read(options, sourcesOf(gathered), reporter);
  const prompts = readPromptsOf(flags, data, reporter);
  const { runsDir, name } = flags;
  const newRun = { runsDir, name, fetched: gathered.fetched, mayUseGpu: mayUseGpu(given) };
  const outcome = await begin(data, options, newRun, { share: 1 }, reporter);
  return await answer(outcome, prompts, options);
}

/**
 * Resumes a run from its newest whole checkpoint, exactly as if it had never stopped. The run is locked after its text is
 * read: until then a signal ends the process at once, and leaves nothing behind.
 */
export async function resume(path: string, { takeOver }: ResumeOptions, flags: ReporterFlags): Promise<number> {
  const run = Run.open(path);
  const whose = takeOver ? "any" : "dead";
  run.checkFree(whose);
  const reporter = await hookedReporter(createReporter(flags.json), flags.hook);
  const data = read(run.options, await runSources(run), reporter);
  const prompts = readPromptsOf(flags, data, reporter);
  const outcome = await StopRequest.during(async (stop) => {
    run.lock(whose);
    return await continueRun(run, data, { share: 1 }, reporter, stop);
  });
  return await answer(outcome, prompts, run.options);
}

function read(options: ResolvedOptions, sources: readonly TextSource[], reporter: Reporter): TrainingData {
  watchReading(sources, PASSES, (reading) => reporter.reading(reading));
  return prepareTrainingData(options, sources, { newHasher: nodeHasher });
}

function readPromptsOf(
  { promptFile }: ReporterFlags,
  { tokenizer }: TrainingData,
  reporter: Reporter,
): readonly string[] | null {
  return promptFile === null ? null : readPrompts(promptFile, tokenizer, (message) => reporter.warn(message));
}

/** Completes the prompts of a file, or asks for some at a terminal. Resolves to the exit code. */
async function answer(
  { exitCode, writer }: Outcome,
  prompts: readonly string[] | null,
  { temperature }: ResolvedOptions,
): Promise<number> {
  if (writer === null) return exitCode;
  const sampling = { temperature, topK: null, topP: null, maxTokens: null };
  if (prompts !== null) await printCompletions(writer, prompts, sampling);
  else if (process.stdin.isTTY && process.stdout.isTTY) await promptLoop(writer, sampling);
  return exitCode;
}
