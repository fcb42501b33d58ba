/** `microgpt plan`: which sizes would be chosen for a text in 10 seconds to an hour, and what is expected of each. Trains no model of it. */
import type { TrainOptions } from "../options/train-options.ts";
import { mayChooseEngine, resolveOptions } from "../options/resolve.ts";
import { charactersPerToken, chooseSizes, MIN_GAIN, passesIn, vocabularyOf } from "../options/sizing.ts";
import type { Expectation, Sizing, SizedOptions, TextMeasure } from "../options/sizing.ts";
import { chooseCpu } from "../library/choose-engine.ts";
import { measureSpeed } from "../library/machine-speed.ts";
import { InputError } from "../errors.ts";
import { nodeMachine } from "../run/machine.ts";
import { memoryNeed, sumOf } from "../run/memory.ts";
import type { PresetRequest } from "../run/presets.ts";
import { givenOf, MIN_CHARACTERS, textOf, timeText } from "../run/sizing.ts";
import { fileSize, grouped, jsonLine } from "../run/format.ts";
import { createReporter } from "./reporters.ts";
import { tableLines } from "./table.ts";
import { outputWidth, wrapLine } from "./terminal.ts";
import { gatherForTrial } from "./trial.ts";
import type { PlanFlags } from "./trial.ts";

/** Seconds of the rows. */
const BUDGETS: readonly number[] = [10, 30, 60, 120, 300, 600, 1200, 3600];
/** The time whose engine the speed is measured with. */
const USUAL_SECONDS = 60;
/** A line of text has about so many characters: documents are counted for their memory alone. */
const CHARACTERS_PER_DOCUMENT = 60;

/** The choice for a time. */
interface Row {
  /** The time. */
  readonly seconds: number;
  /** How much of it a training would use. */
  readonly usedSeconds: number;
  /** How often it would learn the text. */
  readonly passes: number;
  readonly options: SizedOptions;
  readonly expected: Expectation;
  /** At most. */
  readonly memoryBytes: number;
}

/** Prints the choice for each time. Throws InputError for texts that cannot be read, or are too short for the rules. */
export async function printPlan(given: TrainOptions, { request, runsDir, json }: PlanFlags): Promise<number> {
  const { located, sources } = await gatherForTrial(given, { request, runsDir }, createReporter(json));
  const { text } = textOf(sources, request);
  if (text.characters < MIN_CHARACTERS) {
    throw new InputError(
      `plan: the text has ${text.characters} characters, too few to choose sizes for; give ${MIN_CHARACTERS} or more`,
    );
  }
  const trial = { ...resolveOptions(located), seconds: USUAL_SECONDS };
  const speed = await measureSpeed(trial, mayChooseEngine(given), nodeMachine);
  const rows = BUDGETS.map((seconds) => rowOf(seconds, speed, text, located, request));
  const enoughSeconds = enough(rows);
  if (json) {
    process.stdout.write(jsonLine({ event: "plan", ...text, speed, enoughSeconds, rows }));
    return 0;
  }
  printRows(
    rows,
    sources.reduce((sum, { size }) => sum + size, 0),
    enoughSeconds,
  );
  return 0;
}

function rowOf(seconds: number, speed: number, text: TextMeasure, options: TrainOptions, request: PresetRequest): Row {
  const sizing = chooseSizes(text, seconds * speed, givenOf(options, request));
  const usedSeconds = seconds * sizing.share;
  return {
    seconds,
    usedSeconds,
    passes: passesIn(text, sizing.options, usedSeconds * speed),
    options: sizing.options,
    expected: sizing.expected,
    memoryBytes: memoryOf(text, sizing, { ...options, seconds }),
  };
}

function memoryOf({ characters }: TextMeasure, { options }: Sizing, given: TrainOptions): number {
  const sized = resolveOptions({ ...given, ...options });
  const config = { ...options, vocabSize: vocabularyOf(options) };
  const engine = mayChooseEngine(given) ? chooseCpu(config, sized, nodeMachine).engine : sized.engine;
  const merges = options.tokenizer === "char" || options.tokenizer === "word" ? 0 : options.bpeMerges;
  const tokens = Math.round(characters / charactersPerToken(merges));
  const documents = Math.round(characters / CHARACTERS_PER_DOCUMENT);
  return sumOf(memoryNeed(config, { ...sized, engine }, { tokens, documents, isMerged: merges > 0 }).process);
}

/** The first time after which no longer one of the table gains 1 %; null: the longest still does. */
function enough(rows: readonly Row[]): number | null {
  const best = rows.at(-1)!.expected.bitsPerByte;
  const first = rows.findIndex(({ expected }) => best > (1 - MIN_GAIN) * expected.bitsPerByte);
  return first === rows.length - 1 ? null : rows[first].seconds;
}

/** The columns; of those that are left out of a narrow terminal, the last first. */
const COLUMNS: readonly string[] = [
  "time",
  "bits per byte",
  "tokenizer",
  "merges",
  "wide",
  "layers",
  "rate",
  "dropout",
  "decay",
  "block",
  "batch",
  "passes",
  "memory",
];
const FIRST_DROPPED = COLUMNS.indexOf("rate");

function cellsOf({ seconds, passes, expected, memoryBytes, options }: Row): string[] {
  const { tokenizer, bpeMerges, nEmbd, nLayer, blockSize, batchSize, learningRate, dropout, weightDecay } = options;
  return [
    timeText(seconds),
    `${expected.bitsPerByte.toFixed(2)} (${expected.low.toFixed(2)}–${expected.high.toFixed(2)})`,
    tokenizer,
    tokenizer === "char" || tokenizer === "word" ? "" : grouped(bpeMerges),
    ...[nEmbd, nLayer, learningRate, dropout, weightDecay, blockSize, batchSize].map(String),
    passes < 10 ? passes.toFixed(1) : passes.toFixed(0),
    fileSize(memoryBytes),
  ];
}

function printRows(rows: readonly Row[], bytes: number, enoughSeconds: number | null): void {
  const columns = COLUMNS.map((name, at) => ({
    name,
    isNumber: name !== "tokenizer",
    ...(at < FIRST_DROPPED ? {} : { dropped: at }),
  }));
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`${fileSize(bytes)} of text; on this machine, by the rules of docs/sizing.md:\n`);
  for (const line of tableLines(columns, rows.map(cellsOf), outputWidth())) print(line);
  const last =
    enoughSeconds === null
      ? "More time still pays after an hour."
      : `More than ${timeText(enoughSeconds)} hardly pays: the text is too short for a larger model.`;
  print(wrapLine(`\n${last}`, outputWidth(), 0));
}
