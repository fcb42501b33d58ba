#!/usr/bin/env node
/** The command line: declares the commands, with flags from the option table. What they do is in `cli/`. */
import { Command, CommanderError, Option as Flag } from "commander";
import { complete, sample } from "./cli/sample.ts";
import { addExperiments } from "./cli/experiments.ts";
import { addPlanning } from "./cli/planning.ts";
import { addServing } from "./cli/serving.ts";
import {
  addOptions,
  autoFlag,
  givenOptions,
  hookFlag,
  jsonFlag,
  minutesFlag,
  pick,
  presetFlag,
  promptFileFlag,
  repeated,
  runsDirFlag,
  withMinutes,
} from "./cli/flags.ts";
import type { CommonFlags, Exit } from "./cli/flags.ts";
import { closeGpus } from "./run/gpu.ts";
import type { RankGroup } from "./run/rank-group.ts";
import { PipedLines } from "./cli/piped.ts";
import { askOptions } from "./cli/interactive.ts";
import { addClusterFlags, checkCluster, checkLaunched } from "./cli/cluster-flags.ts";
import type { ClusterFlags } from "./cli/cluster-flags.ts";
import { chat } from "./cli/prompts.ts";
import { resume, train } from "./cli/train.ts";
import { printable } from "./run/format.ts";
import { VERSION } from "./options/version.ts";
import { FETCH_OPTIONS, RESUME_OPTIONS, SAMPLE_OPTIONS, TOKENIZE_OPTIONS, TRAIN_OPTIONS } from "./options/config.ts";
import { EXTEND_OPTIONS } from "./options/extend-options.ts";
import type {
  ExtendOptions,
  FetchOptions,
  ResumeOptions,
  SampleOptions,
  TokenizeOptions,
} from "./options/train-options.ts";
import { FORMATS } from "./export/formats.ts";
import { EngineLost } from "./training/engine.ts";
import { InputError } from "./errors.ts";
import { isOutOfFiles, TOO_MANY_FILES } from "./node/files.ts";
import { launchOf } from "./node/mpi-launch.ts";
import { Run } from "./node/run-directory.ts";
import { findRun } from "./sweep/find-run.ts";
import { DECIDED, withModelOf } from "./run/from.ts";
import { checkFirstWords, checkLastData, commandNames, commandOf, wholeOptions } from "./cli/typed-words.ts";
import { TOKENIZER_KINDS } from "./text/tokenizer.ts";
import type { TokenizerKind } from "./text/tokenizer.ts";
import { exitOnOutputError } from "./run/signals.ts";

/** The ranks of `train` and `resume`; null: this process is alone. */
type FindGroup = () => RankGroup | null;

/** @param words what was typed; the first decides the command. */
function buildProgram(words: readonly string[], exit: Exit, findGroup: FindGroup): Command {
  const program = new Command("microgpt");
  program
    .description(
      "A GPT from first principles: train a small model on a text, then generate text with it." +
        "\nmicrogpt TEXT… is microgpt train TEXT…; a word that is a command's name is the command.",
    )
    .version(VERSION)
    .configureOutput({ writeErr: () => {} }) // errors are printed once, by `main`
    .exitOverride();

  addTrain(program, words, exit, findGroup);
  const resumeOptions = { ...EXTEND_OPTIONS, ...RESUME_OPTIONS };
  addOptions(program.command("resume <RUN>"), resumeOptions)
    .description("resume a run from its newest checkpoint, or extend it")
    .addOption(minutesFlag())
    .addOption(runsDirFlag())
    .addOption(promptFileFlag())
    .addOption(jsonFlag())
    .addOption(hookFlag())
    .action(async (run: string, flags: CommonFlags) => {
      const { runsDir, promptFile = null, json = false, hook = null } = flags;
      const options = withMinutes(pick<ResumeOptions & ExtendOptions>(resumeOptions, flags), flags);
      exit(await resume(findRun(run, runsDir), options, { promptFile, json, hook }, findGroup()));
    });

  addSampling(program, exit);
  addExports(program, exit);
  addTexts(program, exit);
  addPlanning(program, exit);
  addExperiments(program, exit);
  addServing(program, exit);
  return program;
}

/** `microgpt train`, the default command. */
function addTrain(program: Command, words: readonly string[], exit: Exit, findGroup: FindGroup): void {
  const command = addOptions(program.command("train [TEXT...]", { isDefault: true }), TRAIN_OPTIONS);
  addClusterFlags(command);
  command
    .optionsGroup("Run:")
    .description("train a model on texts, as --data names them (default: the bundled first names)")
    .addOption(presetFlag())
    .addOption(autoFlag())
    .addOption(minutesFlag())
    .addOption(new Flag("--name <NAME>", "name of the run (default: the data's name and a number)"))
    .addOption(new Flag("--from <RUN>", "begin with the weights and the vocabulary of a run, on another text"))
    .addOption(runsDirFlag())
    .addOption(promptFileFlag())
    .addOption(jsonFlag())
    .addOption(hookFlag())
    .option("--interactive", "ask for the text, the preset and, where wanted, each option")
    .option(
      "--dry-run",
      "print the memory, the time and the passes over the text that the training would take, then exit",
    )
    .action(async (texts: string[], flags: CommonFlags & ClusterFlags, self: Command) => {
      const group = findGroup();
      if (group !== null) checkLaunched(flags);
      checkCluster(flags);
      if (words[0] !== "train") checkFirstWords(texts, commandNames(program));
      const { options: named, typed: keys } = givenOptions(self, texts, flags);
      const { preset = null, auto: isAuto = false } = flags;
      const from = flags.from === undefined ? null : Run.open(findRun(flags.from, flags.runsDir));
      const typed = from === null ? named : withModelOf(from, named, keys);
      const decided = new Set(from === null ? keys : [...keys, ...DECIDED]);
      const isTyping = process.stdin.isTTY && process.stdout.isTTY;
      const lines = flags.interactive === true && !isTyping ? new PipedLines() : null;
      if (lines !== null && typed.data.includes("-")) {
        throw new InputError("--interactive and --data - both read standard input; give one of them another way");
      }
      try {
        const given = { options: typed, request: { typed: decided, preset, isAuto } };
        const answers = flags.interactive === true ? await askOptions(given, lines) : given;
        if (answers === null) return exit(130);
        const { name = null, runsDir, promptFile = null, json = false, hook = null } = flags;
        const { options, request } = answers;
        if (flags.on === "slurm") {
          const { trainJobCommand } = await import("./cli/train-job.ts");
          return exit(await trainJobCommand(options, request, flags, wholeOptions(words, program), self));
        }
        if (flags.dryRun === true) {
          const { dryRun } = await import("./cli/dry-run.ts");
          return exit(await dryRun(options, { request, runsDir, from, json }));
        }
        exit(await train(options, { name, runsDir, from, request, promptFile, json, hook, lines }, group));
      } finally {
        lines?.close();
      }
    });
}

type ChatOptions = Omit<SampleOptions, "numSamples">;

/** Commands that use a trained model. */
function addSampling(program: Command, exit: Exit): void {
  addOptions(program.command("sample <RUN>"), SAMPLE_OPTIONS)
    .description("generate texts with the best weights of a run")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (run: string, flags: CommonFlags) => {
      exit(await sample(findRun(run, flags.runsDir), pick<SampleOptions>(SAMPLE_OPTIONS, flags), flags.json === true));
    });

  const { numSamples: _, ...chatOptions } = SAMPLE_OPTIONS;
  addOptions(program.command("chat <RUN>"), chatOptions)
    .description("type beginnings of texts, which a run continues; also asks it for the next tokens (/help)")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (run: string, flags: CommonFlags) => {
      exit(await chat(findRun(run, flags.runsDir), pick<ChatOptions>(chatOptions, flags), flags.json === true));
    });

  const completeOptions = { ...SAMPLE_OPTIONS, numSamples: { ...SAMPLE_OPTIONS.numSamples, initial: 1 } };
  addOptions(program.command("complete <RUN> <PREFIX>"), completeOptions)
    .description("generate continuations of a text; - reads it from standard input")
    .option("--probs", "show the probability of each token, and the likeliest alternatives")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (run: string, prefix: string, flags: CommonFlags) => {
      const options = pick<SampleOptions>(completeOptions, flags);
      const { probs = false, json = false, runsDir } = flags;
      exit(await complete(findRun(run, runsDir), prefix, options, { probs, json }));
    });
}

/** Commands that take a model elsewhere, and back. */
function addExports(program: Command, exit: Exit): void {
  program
    .command("export <RUN>")
    .description("write the model of a run for other programs")
    .addOption(formatsFlag())
    .option(
      "--out <PATH>",
      "the folder or file to make; with several formats, the folder for all (default: named after the run)",
    )
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (run: string, flags: CommonFlags) => {
      const { exportRun } = await import("./cli/export.ts");
      const { to = [], out = null, json = false, runsDir } = flags;
      exit(await exportRun(findRun(run, runsDir), { to, out, json }));
    });

  program
    .command("import <FOLDER>")
    .description("make a run of an exported folder, also after another program has trained the model on")
    .option("--name <NAME>", "name of the run (default: the folder's name and a number)")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (folder: string, flags: CommonFlags) => {
      const { importFolder } = await import("./cli/import.ts");
      const { name = null, json = false, runsDir } = flags;
      exit(await importFolder(folder, { name, runsDir, json }));
    });
}

/** Commands that use texts only. */
function addTexts(program: Command, exit: Exit): void {
  addOptions(program.command("tokenize [TEXT]"), TOKENIZE_OPTIONS)
    .description(
      "show how a text becomes tokens, and compare tokenizers (without --data, learnt from the bundled names)",
    )
    .addOption(kindsFlag())
    .option("--run <RUN>", "use the tokenizer of a run")
    .option("--export <FILE>", "write the tokenizer as Hugging Face's tokenizer.json")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (text: string | undefined, flags: CommonFlags) => {
      const { tokenizer: kinds = [], run, export: exported = null, json = false, runsDir } = flags;
      const found = run === undefined ? null : findRun(run, runsDir);
      const options = pick<TokenizeOptions>(TOKENIZE_OPTIONS, flags);
      if (text === undefined) checkLastData(options.data, "the text", 'microgpt tokenize "a text" --data FILE');
      const { tokenize } = await import("./cli/tokenize.ts");
      exit(await tokenize(text ?? null, options, { kinds, run: found, exported, json, runsDir }));
    });

  addOptions(program.command("fetch [URL...]"), FETCH_OPTIONS, "repeated")
    .description("fetch pages and print their text, cleaned; train nothing")
    .option("--out <FILE>", "write the text to a file")
    .addOption(jsonFlag())
    .action(async (urls: string[], flags: CommonFlags) => {
      const options = { ...pick<FetchOptions>(FETCH_OPTIONS, flags), urls };
      const { fetchTexts } = await import("./cli/fetch.ts");
      exit(await fetchTexts(options, { path: flags.out ?? null, json: flags.json === true }));
    });
}

const kindsFlag = (): Flag =>
  new Flag(
    "--tokenizer <KIND>",
    `tokenizer to use; repeat to compare several: ${TOKENIZER_KINDS.join(", ")} (default: all)`,
  ).argParser((kind: string, previous: readonly TokenizerKind[] | undefined) => [
    ...(previous ?? []),
    TRAIN_OPTIONS.tokenizer.parse(kind, "--tokenizer"),
  ]);

function formatsFlag(): Flag {
  const formats = Object.entries(FORMATS).map(([name, { help }]) => `${name} (${help})`);
  return repeated("--to <FORMAT>", formats.join(", "), "formats");
}

async function main(): Promise<void> {
  exitOnOutputError(); // the help may be piped, too
  let group: RankGroup | null = null;
  const print = (text: string): void => void process.stderr.write(`microgpt: ${text}\n`);
  const fail = async (message: string, exitCode: number): Promise<void> => {
    process.exitCode = exitCode;
    const text = printable(message);
    if (group === null) print(text);
    else await group.fail(text, exitCode, print);
  };
  try {
    const words = process.argv.slice(2);
    const program = buildProgram(
      words,
      (code) => (process.exitCode = code),
      () => group,
    );
    group = await findRanks(commandOf(program, words));
    await program.parseAsync(wholeOptions(words, program), { from: "user" });
    if (group !== null) process.exitCode = await group.leave(Number(process.exitCode ?? 0));
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return; // --help, --version
      await fail(usageMessage(error), 2);
    } else if (error instanceof InputError) {
      await fail(error.message, error.exitCode);
    } else if (isOutOfFiles(error)) {
      await fail(TOO_MANY_FILES, 1);
    } else if (error instanceof EngineLost) {
      await fail(`the GPU was lost (${error.message}); saved files are intact; try again`, 1);
    } else {
      throw error;
    }
  } finally {
    closeGpus();
  }
}

/** The ranks of a command that processes share; null where no launcher has started this one, and nothing is loaded. */
async function findRanks(command: Command | undefined): Promise<RankGroup | null> {
  const launch = launchOf(process.env);
  if (launch === null || !["train", "resume"].includes(command?.name() ?? "")) return null;
  const { RankGroup } = await import("./run/rank-group.ts");
  return new RankGroup(launch);
}

/** Commander's message on one line. */
function usageMessage(error: CommanderError): string {
  const message = error.message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(/\.$/, "");
  return `${message}; see microgpt --help`;
}

await main();
