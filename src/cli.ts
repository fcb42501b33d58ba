#!/usr/bin/env node
/**
 * The command line. It knows the commands and makes their flags from the option table; what they do is in `cli/`.
 */
import { Command, CommanderError, Option as Flag } from "commander";
import { complete, sample } from "./cli/sample.ts";
import { dryRun } from "./cli/dry-run.ts";
import { closeGpus } from "./cli/gpu.ts";
import { askOptions } from "./cli/interactive.ts";
import { resume, train } from "./cli/train.ts";
import { printable } from "./cli/terminal.ts";
import { VERSION } from "./cli/version.ts";
import { FETCH_OPTIONS, flagOf, SAMPLE_OPTIONS, TOKENIZE_OPTIONS, TRAIN_OPTIONS } from "./config.ts";
import type { FetchOptions, Option, SampleOptions, TokenizeOptions, TrainOptions } from "./config.ts";
import { EngineLost } from "./engine.ts";
import { InputError, quote } from "./errors.ts";
import { findRun } from "./node/run.ts";
import { TOKENIZER_KINDS } from "./tokenizer.ts";
import type { TokenizerKind } from "./tokenizer.ts";

const RUNS_DIRECTORY = "runs";
const COMMANDS = ["train", "resume", "sample", "complete", "tokenize", "fetch", "sweep", "compare", "report"];

/** Adds a flag for every option of a table. Lists are `--data A B`, or, before an argument, `--data A --data B`. */
function addOptions(
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
    isList ? [...(Array.isArray(previous) ? previous : []), text] : parse(text, name),
  );
}

/** The options of a table among those that a command was given, with defaults for the rest. */
function pick<Options>(table: { readonly [Key in keyof Options]: Option<Options[Key]> }, given: object): Options {
  const values = new Map(Object.entries(given));
  // Commander takes `--no-blas` for `blas: false`.
  for (const key of Object.keys(table).filter((name) => /^no[A-Z]/.test(name))) {
    values.set(key, values.get(key.charAt(2).toLowerCase() + key.slice(3)) === false);
  }
  const entries = Object.entries<Option<unknown>>(table).map(([key, { initial }]) => [key, values.get(key) ?? initial]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value went through its option's parse
  return Object.fromEntries(entries) as Options;
}

interface CommonFlags {
  readonly json?: boolean;
  readonly promptFile?: string | null;
  readonly name?: string | null;
  readonly runsDir: string;
  readonly interactive?: boolean;
  readonly dryRun?: boolean;
  readonly probs?: boolean;
  readonly tokenizer?: readonly TokenizerKind[];
  readonly run?: string;
  readonly export?: string;
  readonly out?: string;
}

const runsDirFlag = (): Flag => new Flag("--runs-dir <DIR>", "where runs are").default(RUNS_DIRECTORY);
const jsonFlag = (): Flag => new Flag("--json", "a JSON object a line, for programs");
const promptFileFlag = (): Flag => new Flag("--prompt-file <FILE>", "complete each line of FILE after the training");

function buildProgram(exit: Exit): Command {
  const program = new Command("microgpt");
  program
    .description("A GPT from first principles: train a small model of a text, then let it write.")
    .version(VERSION)
    .configureOutput({ writeErr: () => {} }) // errors are printed once, by `main`
    .exitOverride();

  addOptions(program.command("train", { isDefault: true }), TRAIN_OPTIONS)
    .description("train a model; without --data on the bundled first names")
    .addOption(new Flag("--name <NAME>", "of the run (default: the data's name and a number)"))
    .addOption(runsDirFlag())
    .addOption(promptFileFlag())
    .addOption(jsonFlag())
    .option("--interactive", "ask for each option")
    .option("--dry-run", "say what memory it would take, and train nothing")
    .action(async (flags: CommonFlags, command: Command) => {
      const typed = pick<TrainOptions>(TRAIN_OPTIONS, flags);
      const given = new Set(Object.keys(TRAIN_OPTIONS).filter((key) => command.getOptionValueSource(key) === "cli"));
      const options = flags.interactive === true ? await askOptions(typed, given) : typed;
      if (options === null) return exit(130);
      const { name = null, runsDir, promptFile = null, json = false } = flags;
      if (flags.dryRun === true) return exit(await dryRun(options));
      return exit(await train(options, { name, runsDir, promptFile, json }));
    });

  program
    .command("resume <RUN>")
    .description("go on with a run that was stopped, from its newest checkpoint")
    .addOption(runsDirFlag())
    .addOption(promptFileFlag())
    .addOption(jsonFlag())
    .action(async (run: string, { runsDir, promptFile = null, json = false }: CommonFlags) => {
      exit(await resume(findRun(run, runsDir), { promptFile, json }));
    });

  addSampling(program, exit);
  addTexts(program, exit);
  addExperiments(program, exit);
  addReport(program, exit);
  return program;
}

type Exit = (code: number) => void;

/** What is done with a trained model. */
function addSampling(program: Command, exit: Exit): void {
  addOptions(program.command("sample <RUN>"), SAMPLE_OPTIONS)
    .description("write texts with the best weights of a run")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (run: string, flags: CommonFlags) => {
      exit(await sample(findRun(run, flags.runsDir), pick<SampleOptions>(SAMPLE_OPTIONS, flags), flags.json === true));
    });

  const completeOptions = { ...SAMPLE_OPTIONS, numSamples: { ...SAMPLE_OPTIONS.numSamples, initial: 1 } };
  addOptions(program.command("complete <RUN> <PREFIX>"), completeOptions)
    .description("write on from a beginning")
    .option("--probs", "show how likely each token was, and what else might have come")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (run: string, prefix: string, flags: CommonFlags) => {
      const options = pick<SampleOptions>(completeOptions, flags);
      const { probs = false, json = false, runsDir } = flags;
      exit(await complete(findRun(run, runsDir), prefix, options, { probs, json }));
    });
}

/** What is done with texts alone. */
function addTexts(program: Command, exit: Exit): void {
  addOptions(program.command("tokenize [TEXT]"), TOKENIZE_OPTIONS, "repeated")
    .description("learn how a text becomes tokens, show it, and compare; without --data from the bundled first names")
    .addOption(kindsFlag())
    .option("--run <RUN>", "take the tokenizer of a run")
    .option("--export <FILE>", "write the tokenizer as Hugging Face's tokenizer.json")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (text: string | undefined, flags: CommonFlags) => {
      const { tokenizer: kinds = [], run, export: exported = null, json = false, runsDir } = flags;
      const found = run === undefined ? null : findRun(run, runsDir);
      const options = pick<TokenizeOptions>(TOKENIZE_OPTIONS, flags);
      const { tokenize } = await import("./cli/tokenize.ts");
      exit(await tokenize(text ?? null, options, { kinds, run: found, exported, json }));
    });

  addOptions(program.command("fetch [URL...]"), FETCH_OPTIONS, "repeated")
    .description("fetch pages and clean them, train nothing: their text goes to the output, or to a file")
    .option("--out <FILE>", "where the text goes")
    .action(async (urls: string[], flags: CommonFlags) => {
      const options = { ...pick<FetchOptions>(FETCH_OPTIONS, flags), urls };
      const { fetchTexts } = await import("./cli/fetch.ts");
      exit(await fetchTexts(options, flags.out ?? null));
    });
}

interface SweepFlags extends CommonFlags {
  readonly grid?: string[];
  readonly random?: string[];
  readonly trials?: number;
  readonly repeats?: number;
  readonly halving?: boolean;
  readonly jobs?: number;
  readonly resume?: string;
  readonly share?: number;
  readonly csv?: boolean;
}

/** Many trainings. */
function addExperiments(program: Command, exit: Exit): void {
  const sweep = program.command("sweep [FILE|PRESET]");
  sweep
    .description("train many models of one text side by side, and compare them")
    .optionsGroup("Sweep:")
    .addOption(repeated("--grid <OPTION=A,B,…>", "values of an option; every combination is a run"))
    .addOption(repeated("--random <OPTION=A..B>", "a range, or values, to draw from; needs --trials"))
    .addOption(whole("--trials <N>", "runs to draw, in place of all combinations"))
    .addOption(whole("--repeats <K>", "runs of each, with seeds of their own"))
    .option("--halving", "stop the worse half early, again and again, until one is trained to its end")
    .addOption(whole("--jobs <N>", "runs at once (default: by cores and memory)"))
    .option("--resume <DIR>", "go on with a sweep that was stopped")
    .addOption(new Flag("--name <NAME>", "of the sweep (default: the data's name and a number)"))
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .option("--dry-run", "say what each run would need, and train nothing");
  addOptions(sweep, TRAIN_OPTIONS, "repeated").action(
    async (source: string | undefined, flags: SweepFlags, command: Command) => {
      const { name = null, runsDir, json = false, dryRun: isDry = false, jobs = null } = flags;
      const { sweep: run, resumeSweep } = await import("./cli/sweep.ts");
      const all = pick<TrainOptions>(TRAIN_OPTIONS, flags);
      const typed = Object.entries(all).filter(([key]) => isTyped(command, key));
      if (flags.resume !== undefined) {
        if (source !== undefined || typed.length > 0)
          throw new InputError("--resume: a sweep goes on as it began; leave options away");
        return exit(await resumeSweep(findRun(flags.resume, runsDir), { jobs, json }));
      }
      const { grid = [], random = [], trials = null, repeats = null, halving = false } = flags;
      const spec = { grid, random, trials, repeats, halving };
      return exit(
        await run(source ?? null, Object.fromEntries(typed), { ...spec, name, runsDir, jobs, json, dryRun: isDry }),
      );
    },
  );

  program
    .command("sweep-task <SWEEP> <RUN>")
    .description("do one run of a sweep, or what is left of it: what a sweep starts as a process")
    .addOption(new Flag("--share <X>", "stop after this share of its steps").argParser(Number).default(1))
    .addOption(jsonFlag())
    .action(async (directory: string, run: string, { share = 1, json = false }: SweepFlags) => {
      const { sweepTask } = await import("./cli/sweep-task.ts");
      exit(await sweepTask(directory, run, { share, json }));
    });

  program
    .command("compare <RUN...>")
    .description("runs, or all of a sweep, in a table, best first")
    .addOption(promptFileFlag())
    .option("--csv", "comma-separated values")
    .addOption(runsDirFlag())
    .addOption(new Flag("--json", "JSON, for programs"))
    .action(async (runs: string[], { json = false, csv = false, promptFile = null, runsDir }: SweepFlags) => {
      const { compare } = await import("./cli/compare.ts");
      exit(
        await compare(
          runs.map((run) => findRun(run, runsDir)),
          { json, csv, promptFile },
        ),
      );
    });
}

function addReport(program: Command, exit: Exit): void {
  program
    .command("report <RUN...>")
    .description("runs, or all of a sweep, as one HTML page with their curves")
    .addOption(new Flag("-o, --out <FILE>", "where the page goes").default("report.html"))
    .addOption(promptFileFlag())
    .addOption(runsDirFlag())
    .action(async (runs: string[], { out = "report.html", promptFile = null, runsDir }: CommonFlags) => {
      const { report } = await import("./cli/report.ts");
      exit(
        await report(
          runs.map((run) => findRun(run, runsDir)),
          { out, promptFile },
        ),
      );
    });
}

/** Commander's source of `--no-blas` is that of `blas`. */
const isTyped = (command: Command, key: string): boolean =>
  [key, key.replace(/^no([A-Z])/, (_, letter: string) => letter.toLowerCase())].some(
    (name) => command.getOptionValueSource(name) === "cli",
  );

const repeated = (flags: string, help: string): Flag =>
  new Flag(flags, `${help}; more than once for more options`).argParser((text: string, previous: unknown) => [
    ...(Array.isArray(previous) ? previous : []),
    text,
  ]);

const whole = (flags: string, help: string): Flag =>
  new Flag(flags, help).argParser((text: string) => TRAIN_OPTIONS.numSteps.parse(text, flags.replace(/ .*/, "")));

const kindsFlag = (): Flag =>
  new Flag(
    "--tokenizer <KIND>",
    `which, more than once to compare: ${TOKENIZER_KINDS.join(", ")} (default: all)`,
  ).argParser((kind: string, previous: readonly TokenizerKind[] | undefined) => [
    ...(previous ?? []),
    TRAIN_OPTIONS.tokenizer.parse(kind, "--tokenizer"),
  ]);

async function main(): Promise<void> {
  try {
    await buildProgram((code) => (process.exitCode = code)).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return; // --help, --version
      fail(usageMessage(error), 2);
    } else if (error instanceof InputError) {
      fail(error.message, error.exitCode);
    } else if (error instanceof EngineLost) {
      fail(`the GPU was lost (${error.message}); what was saved is whole, try again`, 1);
    } else {
      throw error;
    }
  } finally {
    closeGpus();
  }
}

/** Commander's message on one line; a mistyped command would else be "too many arguments" of the default one. */
function usageMessage(error: CommanderError): string {
  const message = error.message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(/\.$/, "");
  const command = process.argv[2] ?? "";
  if (error.code !== "commander.excessArguments" || COMMANDS.includes(command))
    return `${message}; see microgpt --help`;
  return `unknown command ${quote(command)}; expected one of ${COMMANDS.join(", ")}; see microgpt --help`;
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`microgpt: ${printable(message)}\n`);
  process.exitCode = exitCode;
}

await main();
