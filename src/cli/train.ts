/**
 * `microgpt train` and `microgpt resume`: finds the text, trains (`run/begin.ts`), then answers prompts.
 */
import type { ExtendOptions, ResumeOptions, TrainOptions } from "../options/train-options.ts";
import { Run } from "../node/run-directory.ts";
import { nodeHasher } from "../node/text.ts";
import type { TextSource } from "../node/text.ts";
import { checkTogether } from "../options/option-rules.ts";
import { mayChooseEngine, resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { begin, continueRun } from "../run/begin.ts";
import type { Outcome } from "../run/begin.ts";
import { checkExtension, isExtended } from "../run/extension.ts";
import { heritageOf, lackingText } from "../run/from.ts";
import type { PresetRequest } from "../run/presets.ts";
import { passesOver } from "../library/encode.ts";
import { prepareTrainingData } from "../library/training-data.ts";
import type { TrainingData } from "../library/training-data.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { isPiped, PipedLines } from "./piped.ts";
import { Chat } from "./chat.ts";
import { answerAll, chatAtTerminal, isTerminal, readPrompts } from "./prompts.ts";
import { nodeMachine } from "../run/machine.ts";
import { knownOptions, withSizes } from "../run/sizing.ts";
import { watchReading } from "../run/reading.ts";
import { mustBeSame } from "../run/agreement.ts";
import { quietReporter } from "../run/quiet-reporter.ts";
import type { RankGroup } from "../run/rank-group.ts";
import { StopRequest } from "../run/signals.ts";
import type { Ranks } from "../training/ranks.ts";
import { InputError } from "../errors.ts";
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
  /** Standard input, where answers to `--interactive` have been read from it; null: not yet read. */
  readonly lines?: PipedLines | null;
}

/** The flags of `train`. */
export interface RunFlags extends ReporterFlags {
  /** The run's name; null: made from the data's. */
  readonly name: string | null;
  /** The directory of runs. */
  readonly runsDir: string;
  /** The run whose weights and vocabulary to begin with; its model is among the options. null: none. */
  readonly from: Run | null;
  /** The preset that is asked for, and the options that count more. */
  readonly request: PresetRequest;
}

/** Starts a training. Resolves to the exit code. Throws InputError, before anything is written, for bad input. */
export async function train(given: TrainOptions, flags: RunFlags, group: RankGroup | null): Promise<number> {
  checkTogether(knownOptions(given, flags.request));
  const located = locate(given);
  const machine = (await group?.join()) ?? nodeMachine;
  const { ranks = null } = machine;
  if (ranks !== null) checkForRanks(located);
  const reporter = await reporterOf(flags, ranks);
  const warn = (message: string): void => reporter.warn(message);
  const heritage = flags.from === null ? null : await heritageOf(flags.from, warn);
  const gathered = await gather(located, reporter, flags.runsDir);
  const sources = sourcesOf(gathered, located);
  const say = (message: string): void => reporter.note(message);
  const { options: chosen, expected } = await withSizes(located, flags.request, sources, machine, say);
  checkTogether(chosen);
  const history = {
    ...(heritage === null ? {} : { from: heritage.from }),
    ...(expected === null ? {} : { expected }),
  };
  const options = { ...resolveOptions(chosen), urls: located.urls.map(withoutPassword), ...history };
  const data = read(options, sources, heritage?.tokenizer ?? null, reporter);
  if (ranks !== null) await mustBeSame(ranks, options, data);
  const lacking = data.lacking === null ? null : lackingText(data.lacking, data.tokenizer);
  if (lacking !== null) warn(lacking);
  const prompts = readPromptsOf(flags, data, options, reporter);
  const { runsDir, name } = flags;
  const { fetched } = gathered;
  const newRun = {
    runsDir,
    name,
    fetched,
    mayChooseEngine: mayChooseEngine(given),
    weights: heritage?.weights ?? null,
    machine,
  };
  const outcome = await begin(data, options, newRun, { share: 1 }, reporter);
  const { lines = null } = flags;
  const isData = lines === null && given.data.includes("-");
  const mayRead = ranks === null && !isData;
  return await answer(outcome, { prompts, lines, mayRead }, options, reporter);
}

/**
 * Resumes a run from its newest whole checkpoint, exactly as if it had never stopped, and extends it where a budget is
 * given. The run is locked after its text is read: until then a signal ends the process at once, and leaves nothing
 * behind.
 */
export async function resume(
  path: string,
  options: ResumeOptions & ExtendOptions,
  flags: ReporterFlags,
  group: RankGroup | null,
): Promise<number> {
  const run = Run.open(path);
  const machine = (await group?.join()) ?? nodeMachine;
  const { ranks = null } = machine;
  if (ranks !== null) checkEngineForRanks(run.options.engine);
  const isFirst = ranks === null || ranks.rank === 0;
  const whose = options.takeOver ? "any" : "dead";
  if (isFirst) run.checkFree(whose);
  checkExtension(run, options);
  const extension = isExtended(options) ? options : null;
  const reporter = await reporterOf(flags, ranks);
  const data = read(run.options, await runSources(run), run.tokenizer, reporter);
  if (ranks !== null) await mustBeSame(ranks, run.options, data);
  const prompts = readPromptsOf(flags, data, run.options, reporter);
  const outcome = await StopRequest.during(async (stop) => {
    if (isFirst) run.lock(whose);
    return await continueRun(run, data, { share: 1 }, reporter, stop, extension, machine);
  }, ranks);
  return await answer(outcome, { prompts, lines: null, mayRead: ranks === null }, run.options, reporter);
}

/** Of several ranks, the first reports. */
async function reporterOf({ json, hook }: ReporterFlags, ranks: Ranks | null): Promise<Reporter> {
  if (ranks !== null && ranks.rank > 0) return quietReporter;
  return await hookedReporter(createReporter(json), hook);
}

/** Throws InputError for what several ranks cannot do. */
function checkForRanks(options: TrainOptions): void {
  checkEngineForRanks(resolveOptions(options).engine);
  if (options.urls.length > 0 || options.data.includes("-")) {
    throw new InputError(
      "several ranks each read the text: pages and standard input must be in a file first (microgpt fetch --out FILE)",
    );
  }
}

function checkEngineForRanks(engine: ResolvedOptions["engine"]): void {
  if (engine === "wasm" || engine === "native") return;
  throw new InputError(`several ranks need --engine wasm or native, got ${engine}; or drop mpirun`);
}

/** @param tokenizer the vocabulary of another text, or of a run that is resumed; null: it is learnt from this text. */
function read(
  options: ResolvedOptions,
  sources: readonly TextSource[],
  tokenizer: Tokenizer | null,
  reporter: Reporter,
): TrainingData {
  watchReading(sources, passesOver(options, tokenizer !== null), (reading) => reporter.reading(reading));
  const { tokenizer: kind } = options;
  return prepareTrainingData(options, sources, {
    newHasher: nodeHasher,
    tokenizer,
    onMerge: (merge) => reporter.merge({ ...merge, kind }),
  });
}

function readPromptsOf(
  { promptFile }: ReporterFlags,
  { tokenizer }: TrainingData,
  options: ResolvedOptions,
  reporter: Reporter,
): readonly string[] | null {
  if (promptFile === null) return null;
  return readPrompts(promptFile, { tokenizer, options }, (message) => reporter.warn(message));
}

/** Where prompts come from. */
interface PromptSource {
  /** Those of a file; null: none was given. */
  readonly prompts: readonly string[] | null;
  /** Standard input, where it is being read already. */
  readonly lines: PipedLines | null;
  /** Whether standard input may have prompts: not where it was the data, nor where it is a launcher's pipe, which stays open. */
  readonly mayRead: boolean;
}

/** Completes the prompts of a file, or asks for some at a terminal, or reads them from a pipe. Resolves to the exit code. */
async function answer(
  { exitCode, writer }: Outcome,
  { prompts, lines, mayRead }: PromptSource,
  { temperature, documents }: ResolvedOptions,
  reporter: Reporter,
): Promise<number> {
  if (writer === null) return exitCode;
  const settings = { temperature, topK: null, topP: null, maxTokens: null, seed: null };
  const chat = new Chat(writer, settings, reporter);
  if (prompts !== null) {
    for (const prompt of prompts) await chat.complete(prompt);
  } else if (isTerminal()) {
    await chatAtTerminal(writer, settings, reporter, documents !== "line");
  } else if (mayRead && (lines !== null || isPiped())) {
    const piped = lines ?? new PipedLines();
    await answerAll(chat, piped).finally(() => piped.close());
  }
  return exitCode;
}
