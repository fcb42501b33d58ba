/** Between the option table and commander: options → flags, and what was typed → options. */
import { Option as Flag } from "commander";
import type { Command } from "commander";
import { flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import { PRESET_NAMES } from "../options/presets.ts";
import type { PresetName } from "../options/presets.ts";
import type { TrainOptions } from "../options/train-options.ts";
import type { Option } from "../options/values.ts";
import { InputError, quote } from "../errors.ts";
import { NO_SLURM_SETTINGS } from "../experiments/slurm-script.ts";
import type { SlurmSettings } from "../experiments/slurm-script.ts";
import type { TokenizerKind } from "../text/tokenizer.ts";

/** The directory of runs, unless another is named. */
export const RUNS_DIRECTORY = "runs";

/** Flags that several commands take. */
export interface CommonFlags {
  /** Whether to print JSON. */
  readonly json?: boolean;
  /** Whether to print CSV. */
  readonly csv?: boolean;
  /** A file of prompts. */
  readonly promptFile?: string | null;
  /** A module to call with every event. */
  readonly hook?: string | null;
  /** The name of the run or sweep. */
  readonly name?: string | null;
  /** The run to begin with. */
  readonly from?: string;
  /** The directory of runs. */
  readonly runsDir: string;
  /** Whether to ask for options. */
  readonly interactive?: boolean;
  /** Whether to train nothing. */
  readonly dryRun?: boolean;
  /** Whether to print probabilities. */
  readonly probs?: boolean;
  /** Kinds of tokenizers. */
  readonly tokenizer?: readonly TokenizerKind[];
  /** A run. */
  readonly run?: string;
  /** A file for the tokenizer. */
  readonly export?: string;
  /** Formats to export to. */
  readonly to?: readonly string[];
  /** A preset. */
  readonly preset?: PresetName;
  /** Whether the sizes are chosen for text and time. */
  readonly auto?: boolean;
  /** A budget of minutes. */
  readonly minutes?: number;
  /** A file or folder for the output. */
  readonly out?: string;
}

/** Takes a command's exit code. */
export type Exit = (code: number) => void;

/** Adds a flag for every option of a table. Lists are `--data A B`, or, before an argument, `--data A --data B`. */
export function addOptions(
  command: Command,
  table: Readonly<Record<string, Option<unknown>>>,
  lists: "greedy" | "repeated" = "greedy",
): Command {
  let group = "";
  for (const [key, option] of Object.entries(table)) {
    if (option.group !== group)
      command.optionsGroup(`${(group = option.group)}:`.replace(/^./, (c) => c.toUpperCase()));
    command.addOption(toFlag(key, option, lists));
  }
  return command;
}

function toFlag(
  key: string,
  { placeholder, help, initial, parse }: Option<unknown>,
  lists: "greedy" | "repeated",
): Flag {
  const name = flagOf(key);
  if (placeholder === "") return new Flag(name, help);
  const isList = placeholder.endsWith("…");
  const more = lists === "greedy" ? "..." : "";
  const flag = new Flag(`${name} <${isList ? `${placeholder.slice(0, -1)}${more}` : placeholder}>`, help);
  if (initial !== null && !isList) flag.default(initial);
  return flag.argParser((text: string, previous: unknown) =>
    isList ? [...listOf(previous), ...listOf(parse(text, name))] : parse(text, name),
  );
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The options of a table among those that a command was given, with defaults for the rest. */
export function pick<Options>(
  table: { readonly [Key in keyof Options]: Option<Options[Key]> },
  given: object,
): Options {
  const values = new Map(Object.entries(given));
  // Commander takes `--no-gpu` for `gpu: false`.
  for (const key of Object.keys(table).filter((name) => /^no[A-Z]/.test(name))) {
    values.set(key, values.get(key.charAt(2).toLowerCase() + key.slice(3)) === false);
  }
  const entries = Object.entries<Option<unknown>>(table).map(([key, { initial }]) => [key, values.get(key) ?? initial]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value went through its option's parse
  return Object.fromEntries(entries) as Options;
}

/** `--runs-dir` */
export const runsDirFlag = (): Flag => new Flag("--runs-dir <DIR>", "directory of runs").default(RUNS_DIRECTORY);
/** `--json` */
export const jsonFlag = (): Flag => new Flag("--json", "print JSON, one object per line, for programs");
/** `--preset` */
export const presetFlag = (): Flag =>
  new Flag(
    "--preset <NAME>",
    "sizes that suit a kind of text; typed options count more (default: chosen by the data, where no size is typed)",
  ).choices(PRESET_NAMES);
/** `--auto` */
export const autoFlag = (): Flag =>
  new Flag(
    "--auto",
    "choose tokenizer, sizes and steps for the text and the time (default for your own text, where neither a size nor steps are typed)",
  );

/** `--minutes` */
export const minutesFlag = (): Flag =>
  new Flag("--minutes <N>", "as --seconds, in minutes (default with --auto: 1)").argParser(
    (text: string) => TRAIN_OPTIONS.seconds.parse(text, "--minutes") ?? 0,
  );

/** The options with the seconds of `--minutes`. Throws InputError if both are given. */
export function withMinutes<Options extends { readonly seconds: number | null }>(
  options: Options,
  { minutes }: CommonFlags,
): Options {
  if (minutes === undefined) return options;
  if (options.seconds === null)
    return { ...options, seconds: TRAIN_OPTIONS.seconds.parse(String(60 * minutes), "--minutes, in seconds,") };
  throw new InputError("--minutes and --seconds both say when to stop; drop one of them");
}

/** `--prompt-file` */
export const promptFileFlag = (help: string = "complete each line of FILE after the training"): Flag =>
  new Flag("--prompt-file <FILE>", help);
/** `--hook` */
export const hookFlag = (): Flag =>
  new Flag("--hook <FILE>", "a module called with every event: export default (event) => { … }");

/** The keys of the options of a table that a command was given. */
export const typedKeys = (command: Command, table: object): ReadonlySet<string> =>
  new Set(Object.keys(table).filter((key) => isTyped(command, key)));

/** Commander's source of `--no-gpu` is that of `gpu`. */
export const isTyped = (command: Command, key: string): boolean =>
  [key, key.replace(/^no([A-Z])/, (_, letter: string) => letter.toLowerCase())].some(
    (name) => command.getOptionValueSource(name) === "cli",
  );

/** What a command with the options of `train` was given: the options, and the keys of those that were typed. */
export function givenOptions(
  command: Command,
  texts: readonly string[],
  flags: CommonFlags,
): { readonly options: TrainOptions; readonly typed: ReadonlySet<string> } {
  const options = withMinutes(pick<TrainOptions>(TRAIN_OPTIONS, flags), flags);
  const minutes = flags.minutes === undefined ? [] : ["seconds"];
  return {
    options: { ...options, data: [...texts, ...options.data] },
    typed: new Set([...typedKeys(command, TRAIN_OPTIONS), ...minutes]),
  };
}

/** A flag that may be given several times. */
export const repeated = (flags: string, help: string, what: string = "options"): Flag =>
  new Flag(flags, `${help}; more than once for more ${what}`).argParser((text: string, previous: unknown) => [
    ...listOf(previous),
    text,
  ]);

/** A flag with a whole number. */
export const whole = (flags: string, help: string): Flag =>
  new Flag(flags, help).argParser((text: string) => TRAIN_OPTIONS.numSteps.parse(text, flags.replace(/ .*/, "")));

/** `--port`, from `min` on. @param usual what its default is, in words. */
export const portFlag = (usual: string, min: 0 | 1): Flag =>
  new Flag("--port <N>", `port to listen on (default: ${usual})`).argParser((text: string) => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
    if (port >= min && port <= 65_535) return port;
    throw new InputError(`--port: expected a whole number from ${min} to 65535, got ${quote(text)}`);
  });

/** The flags of a Slurm cluster that a sweep and a training share. @param job what has a time limit. @param task what has cores. */
export const slurmFlags = (job: string, task: string): Flag[] => [
  new Flag("--time <T>", `time limit of ${job}, as sbatch takes it: minutes, or 1-12:00:00`),
  new Flag("--partition <P>", "queue of the cluster"),
  new Flag("--cpus-per-task <N>", `cores for ${task}`),
  repeated("--sbatch <ARG>", "further options for sbatch, such as --sbatch=--account=me"),
];

/** The settings of Slurm among flags. */
export const slurmSettingsOf = (flags: object): Partial<SlurmSettings> =>
  Object.fromEntries(Object.entries(flags).filter(([key]) => Object.hasOwn(NO_SLURM_SETTINGS, key)));
