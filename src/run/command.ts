/** Options as the command that has them, for a user to copy. */
import { flagOf, initialOptions, TRAIN_OPTIONS } from "../options/config.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { SIZES } from "../options/presets.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { showPath } from "../errors.ts";
import { programName } from "./program-name.ts";

/** A budget in place of steps. */
type Budget = Pick<TrainOptions, "tokens" | "seconds">;

/** The budget of a training that has begun: it has become the number of steps. */
const AS_STEPS: Budget = { tokens: null, seconds: null };

/** What a user might change for a better model. */
export interface Remedy {
  /** What is wrong: the text was learnt by heart, too few steps were done, or the learning rate is too high or too low. */
  readonly against: "by heart" | "too short" | "too fast" | "too slow";
  /** The command, with the change; null for a text that cannot be read again. */
  readonly command: string | null;
  /** The change alone, as flags. */
  readonly change: string;
}

/** Below this fraction of tokens that no step learns from, `--stream` adds little. */
const MUCH = 0.1;
/** Of 1, 3, 10 and 30, the one that helped most small texts most, and harmed none by more than 1 % (LOG.md). */
const WEIGHT_DECAY = 3;

/** Beside that weight decay, it helped three texts of four by up to 1 %. */
const DROPOUT = 0.2;

/**
 * What helps against learning by heart, one change: all of the text, then weight decay, then dropout, then half the width.
 * null: nothing of it is left.
 * @param unlearnt as in `TrainingData`.
 */
export function remedyOf(options: ResolvedOptions, unlearnt: number): Remedy | null {
  const change = changeOf(options, unlearnt);
  if (change === null) return null;
  return changedTo("by heart", options, change);
}

/** What helps a training whose losses were above that of guessing: a tenth of the learning rate. */
export const slowerOf = (options: ResolvedOptions): Remedy =>
  changedTo("too fast", options, { learningRate: Number((options.learningRate / 10).toPrecision(3)) });

/** What helps a training that has hardly learnt at a low learning rate: ten times that. */
export const fasterOf = (options: ResolvedOptions): Remedy =>
  changedTo("too slow", options, { learningRate: Number((options.learningRate * 10).toPrecision(3)) });

/** The command of a new training with other options. */
function changedTo(against: Remedy["against"], options: ResolvedOptions, change: Partial<TrainOptions>): Remedy {
  const command = trainCommand({ ...options, ...change });
  return { against, command, change: Object.entries(change).map(flagText).join(" ") };
}

/** The command of a new training; null for a text that cannot be read again. @param budget as in `flagsOf`. */
export function trainCommand(options: TrainOptions, budget: Budget = AS_STEPS): string | null {
  if (options.data.includes("-")) return null;
  // Without a size, the text would choose a preset.
  const preset = SIZES.every((key) => options[key] === TRAIN_OPTIONS[key].initial) ? ["--preset names"] : [];
  return [`${programName()} train`, ...preset, ...flagsOf(options, budget)].join(" ");
}

/** What helps a training whose loss was still falling: three times the steps. @param path of the run. */
export function longerOf(path: string, numSteps: number): Remedy {
  const change = `--num-steps ${3 * numSteps}`;
  return { against: "too short", command: `${programName()} resume ${quoted(showPath(path))} ${change}`, change };
}

/** The command that chooses anew for the same text and another time; null for a text that cannot be read again. */
export function commandFor(options: ResolvedOptions, seconds: number): string | null {
  if (options.data.includes("-")) return null;
  const initial = initialOptions(TRAIN_OPTIONS);
  const texts = Object.fromEntries(TEXT_OPTIONS.map((key) => [key, options[key]]));
  const time = seconds % 60 === 0 ? `--minutes ${seconds / 60}` : `--seconds ${seconds}`;
  return [`${programName()} train`, ...flagsOf({ ...initial, ...texts }), time].join(" ");
}

/** Options that say which text is learnt; the others are chosen. */
const TEXT_OPTIONS = [
  "data",
  "encoding",
  "urls",
  "field",
  "nfc",
  "minLength",
  "maxLength",
  "keepDuplicates",
  "valFraction",
] as const satisfies readonly (keyof TrainOptions)[];

function changeOf(
  { learningRate, weightDecay, dropout, nEmbd, nHead }: ResolvedOptions,
  unlearnt: number,
): Partial<TrainOptions> | null {
  if (unlearnt >= MUCH) return { stream: true };
  if (weightDecay < WEIGHT_DECAY && learningRate * WEIGHT_DECAY <= 1) return { weightDecay: WEIGHT_DECAY };
  if (dropout < DROPOUT) return { dropout: DROPOUT };
  const narrower = nHead * Math.max(1, Math.floor(nEmbd / nHead / 2));
  return narrower < nEmbd ? { nEmbd: narrower } : null;
}

/**
 * The flags of options that are not defaults: `["--data", "my text.txt"]` → `["--data 'my text.txt'"]`.
 * @param budget tokens or seconds that no training has turned into steps.
 */
export function flagsOf(options: TrainOptions, budget: Budget = AS_STEPS): string[] {
  const initial = initialOptions(TRAIN_OPTIONS);
  const { batchSize } = resolveOptions({ ...options, batchSize: null });
  const defaults = new Map<string, unknown>(Object.entries({ ...initial, batchSize }));
  // What suits the machine is found anew.
  const engine = options.engine === "atomic" && !options.noGpu ? options.engine : "auto";
  const given = Object.entries({ ...options, engine, ...budget });
  return given.flatMap(([key, value]) => {
    if (value === null || JSON.stringify(value) === JSON.stringify(defaults.get(key))) return [];
    return [flagText([key, value])];
  });
}

const flagText = ([key, value]: readonly [string, unknown]): string =>
  value === true ? flagOf(key) : `${flagOf(key)} ${[value].flat().map(String).map(quoted).join(" ")}`;

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
