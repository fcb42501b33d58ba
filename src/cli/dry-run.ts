/**
 * `microgpt train --dry-run`: prints the memory and the time that a training would need, and how often it would learn the
 * text, and on which engine; writes no run. The time is that of a short trial, whose weights are thrown away.
 */
import type { TrainOptions } from "../options/train-options.ts";
import type { Run } from "../node/run-directory.ts";
import { countParameters, engineTitle } from "../training/engine.ts";
import { mayChooseEngine } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { chooseCpu } from "../library/choose-engine.ts";
import { estimateSeconds, passesOf } from "../library/budget.ts";
import { startTraining } from "../library/start.ts";
import type { TrainingData } from "../library/training-data.ts";
import { nodeMachine } from "../run/machine.ts";
import { memoryNeed, sumOf } from "../run/memory.ts";
import type { MemoryNeed } from "../run/memory.ts";
import type { PresetRequest } from "../run/presets.ts";
import type { Reporter } from "../run/reporter.ts";
import { createReporter } from "./reporters.ts";
import { readForTrial } from "./trial.ts";
import { counted } from "../run/cleaning.ts";
import { duration, grouped, jsonLine, megabytes } from "../run/format.ts";

/** The flags of a dry run. */
export interface DryRunFlags {
  /** The preset that is asked for, and the options that count more. */
  readonly request: PresetRequest;
  /** The directory of runs. */
  readonly runsDir: string;
  /** The run whose vocabulary to begin with; null: it is learnt from the text. */
  readonly from: Run | null;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/** The time of a training. */
interface Time {
  /** The steps, also where the options say tokens or seconds. */
  readonly numSteps: number;
  readonly seconds: number;
  /** How often the text is learnt. */
  readonly passes: number;
  /** The engine that would train, with compiler, vectors and threads. */
  readonly engine: string;
  /** How "auto" chose it; null where the options name one, or another would not matter. */
  readonly why: string | null;
}

/** Prints what the training would take. Throws InputError for options that cannot be trained with. */
export async function dryRun(given: TrainOptions, { request, runsDir, from, json }: DryRunFlags): Promise<number> {
  const reporter = createReporter(json);
  const tokenizer = from?.tokenizer ?? null;
  const { options, data } = await readForTrial(given, { request, runsDir, tokenizer }, reporter);
  const { config, train, heldOut } = data;
  // A GPU's memory would be a guess: it is looked for when the trial begins.
  const engine = mayChooseEngine(given) ? chooseCpu(config, options, nodeMachine).engine : options.engine;
  const need = memoryNeed(
    config,
    { ...options, engine },
    {
      tokens: train.countTokens() + heldOut.countTokens(),
      documents: train.length + heldOut.length,
      isMerged: data.tokenizer.toJSON().merges !== undefined,
    },
  );
  const time = sumOf(need.process) < process.availableMemory() ? await timeOf(data, options, given, reporter) : null;
  if (json) {
    const memory = { process: Object.fromEntries(need.process), gpu: need.gpu && Object.fromEntries(need.gpu) };
    const sizes = { parameters: countParameters(config), vocabSize: config.vocabSize };
    const counts = { documents: train.length, heldOut: heldOut.length };
    process.stdout.write(jsonLine({ event: "dry run", ...sizes, ...counts, memory, ...time }));
    return 0;
  }
  printSizes(data);
  printMemory(need, options);
  printTime(time);
  return 0;
}

async function timeOf(
  data: TrainingData,
  options: ResolvedOptions,
  given: TrainOptions,
  reporter: Reporter,
): Promise<Time> {
  const warn = (message: string): void => reporter.warn(message);
  const started = await startTraining(data, { ...options, keepC: null }, mayChooseEngine(given), nodeMachine, warn);
  const { numSteps } = started.options;
  const seconds = options.seconds ?? (await estimateSeconds(started.options, data, started.engine));
  return { numSteps, seconds, passes: passesOf(started.options, data), engine: started.engine.name, why: started.why };
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function printSizes({ config, train, heldOut, unit }: TrainingData): void {
  print(`${grouped(countParameters(config))} parameters, ${grouped(config.vocabSize)} tokens in the vocabulary`);
  print(`${counted(train.length, unit)} to learn, ${grouped(heldOut.length)} held out\n`);
}

function printMemory(need: MemoryNeed, { engine }: ResolvedOptions): void {
  const row = (what: string, bytes: number): void => print(`${what.padEnd(34)}${megabytes(bytes).padStart(12)}`);
  if (need.gpu !== null) {
    for (const [what, bytes] of need.gpu) row(what, bytes);
    row("total on the GPU", sumOf(need.gpu));
    print("");
  }
  for (const [what, bytes] of need.process) row(what, bytes);
  // V8 decides when it collects the graphs of the atomic core, so that figure is approximate.
  row(engine === "atomic" ? "total, about" : "total, at most", sumOf(need.process));
}

function printTime(time: Time | null): void {
  if (time === null) return print("\ntime: not tried, because this machine has less memory free than that");
  const { numSteps, seconds, passes, engine, why } = time;
  const times = passes < 10 ? passes.toFixed(1) : grouped(passes);
  print(`\n${engineTitle(engine)}${why === null ? "" : `: ${why}`}`);
  print(`${grouped(numSteps)} steps: about ${duration(seconds)} on this machine; the text is learnt ${times} times`);
}
