/** The flags of the commands for many runs: `sweep`, `compare`, `report`, and the internal `sweep-task`. */
import { Option as Flag } from "commander";
import type { Command } from "commander";
import { RESUME_OPTIONS, TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { NO_SLURM_SETTINGS } from "../experiments/slurm-script.ts";
import type { SlurmSettings } from "../experiments/slurm-script.ts";
import { checkLastData } from "./typed-words.ts";
import { findRun } from "../sweep/find-run.ts";
import {
  addOptions,
  hookFlag,
  isTyped,
  jsonFlag,
  pick,
  presetFlag,
  promptFileFlag,
  repeated,
  runsDirFlag,
  slurmFlags,
  slurmSettingsOf,
  whole,
} from "./flags.ts";
import type { CommonFlags, Exit } from "./flags.ts";

interface SweepCommandFlags extends CommonFlags, Partial<SlurmSettings> {
  readonly grid?: string[];
  readonly random?: string[];
  readonly trials?: number;
  readonly repeats?: number;
  readonly halving?: boolean;
  readonly jobs?: number;
  readonly resume?: string;
  readonly takeOver?: boolean;
  readonly on?: "local" | "slurm";
}

/** Adds the commands for many runs. */
export function addExperiments(program: Command, exit: Exit): void {
  addSweep(program, exit);
  addTask(program, exit);
  addResults(program, exit);
  addRuns(program, exit);
}

function addSweep(program: Command, exit: Exit): void {
  const sweep = program.command("sweep [FILE|PRESET]");
  sweep
    .description("train many models on one text side by side, and compare them")
    .optionsGroup("Sweep:")
    .addOption(repeated("--grid <OPTION=A,B,…>", "values of an option; every combination is a run"))
    .addOption(repeated("--random <OPTION=A..B>", "a range or values to draw from; needs --trials"))
    .addOption(whole("--trials <N>", "number of runs to draw, instead of all combinations"))
    .addOption(whole("--repeats <K>", "runs per setting, each with its own seed"))
    .option("--halving", "stop the worse half early, repeatedly, until one run is trained to the end")
    .addOption(whole("--jobs <N>", "runs at once (default: by cores and memory; on Slurm, all)"))
    .option("--resume <DIR>", "resume a stopped sweep")
    .addOption(presetFlag())
    .addOption(new Flag("--name <NAME>", "name of the sweep (default: the name of the data and a number)"))
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .addOption(hookFlag())
    .option("--dry-run", "print the memory of each run, or the Slurm script, and train nothing")
    .optionsGroup("Cluster:")
    .addOption(new Flag("--on <PLACE>", "where to train (default: local)").choices(["local", "slurm"]))
    .option("--mem <M>", "memory of each run (default: by the formula of --dry-run)")
    .option("--gres <G>", "devices of each run, such as gpu:1");
  for (const flag of slurmFlags("each run", "each run")) sweep.addOption(flag);
  addOptions(addOptions(sweep, TRAIN_OPTIONS), RESUME_OPTIONS).action(
    async (source: string | undefined, flags: SweepCommandFlags, command: Command) => {
      const { json = false, jobs = null, hook = null, on = null, takeOver = false } = flags;
      const all = pick<TrainOptions>(TRAIN_OPTIONS, flags);
      const typed = Object.entries(all).filter(([key]) => isTyped(command, key));
      const cluster = slurmSettingsOf(flags);
      const { sweepCommand, resumeSweepCommand } = await import("./sweep.ts");
      if (flags.resume !== undefined) {
        const { grid, random, trials, repeats, halving, name } = flags;
        const isNew = [source, grid, random, trials, repeats, halving, name].some((value) => value !== undefined);
        if (isNew || flags.dryRun === true || typed.length > 0)
          throw new InputError("--resume continues a sweep with its own options; drop the others");
        const path = findRun(flags.resume, flags.runsDir, "sweep");
        return exit(await resumeSweepCommand(path, { jobs, hook, on, takeOver, slurm: cluster }, json));
      }
      if (takeOver) throw new InputError("--take-over needs --resume; add it, or drop --take-over");
      if (on !== "slurm" && Object.keys(cluster).length > 0)
        throw new InputError("--time, --mem and the other flags of a cluster need --on slurm; add it, or drop them");
      const { grid = [], random = [], trials = null, repeats = null, halving = false } = flags;
      const spec = { grid, random, trials, repeats, halving };
      const { name = null, runsDir, preset = null, dryRun: isDry = false } = flags;
      const slurm = on === "slurm" ? { ...NO_SLURM_SETTINGS, ...cluster } : null;
      const execution = { name, runsDir, preset, jobs, hook, dryRun: isDry, slurm };
      if (source === undefined) checkLastData(all.data, "the sweep file or preset", "microgpt sweep FILE --data TEXT");
      return exit(await sweepCommand(source ?? null, Object.fromEntries(typed), { ...spec, ...execution }, json));
    },
  );
}

interface TaskCommandFlags extends CommonFlags {
  readonly share: number;
  readonly every: number;
}

/** `sweep-task`: internal, so hidden from --help. */
function addTask(program: Command, exit: Exit): void {
  program
    .command("sweep-task <SWEEP> <RUN>", { hidden: true })
    .description("train or resume one run of a sweep (internal: a sweep starts it as a process)")
    .addOption(new Flag("--share <X>", "stop after this fraction of its steps").argParser(Number).default(1))
    .addOption(
      new Flag("--every <SECONDS>", "minimum time between the step events of --json").argParser(Number).default(0.25),
    )
    .addOption(hookFlag())
    .addOption(jsonFlag())
    .action(async (directory: string, run: string, { share, every, hook = null, json = false }: TaskCommandFlags) => {
      const { taskCommand } = await import("./sweep.ts");
      exit(await taskCommand(directory, run, { share, everyMs: 1000 * every, hook, json }));
    });
}

function addResults(program: Command, exit: Exit): void {
  program
    .command("compare <RUN...>")
    .description("compare runs and sweeps in a table, best first")
    .addOption(promptFileFlag("complete each line of FILE with each run"))
    .option("--csv", "print comma-separated values")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (runs: string[], { json = false, csv = false, promptFile = null, runsDir }: CommonFlags) => {
      const { compare } = await import("./compare.ts");
      const paths = runs.map((run) => findRun(run, runsDir));
      exit(await compare(paths, { json, csv, promptFile }));
    });

  program
    .command("report <RUN...>")
    .description("write runs and sweeps as one HTML page with curves")
    .addOption(new Flag("-o, --out <FILE>", "file to write").default("report.html"))
    .addOption(promptFileFlag("complete each line of FILE with each run"))
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async (runs: string[], { out = "report.html", promptFile = null, json = false, runsDir }: CommonFlags) => {
      const { report } = await import("./report.ts");
      const paths = runs.map((run) => findRun(run, runsDir));
      exit(await report(paths, { out, promptFile, json }));
    });
}

/** `runs`, which lists, and `runs rm`. */
function addRuns(program: Command, exit: Exit): void {
  const runs = program
    .command("runs")
    .description("list the runs and sweeps, the newest first; runs rm removes some")
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .action(async ({ runsDir, json = false }: CommonFlags) => {
      const { printRuns } = await import("./runs.ts");
      exit(printRuns(runsDir, json));
    });
  runs
    .command("rm <RUN...>")
    .description("remove runs and sweeps, after a question")
    .option("-y, --yes", "do not ask")
    .action(async (names: string[], _: object, command: Command) => {
      const {
        runsDir,
        json = false,
        yes = false,
      }: CommonFlags & { readonly yes?: boolean } = command.optsWithGlobals();
      const { removeRuns } = await import("./runs.ts");
      const paths = [...new Set(names.map((name) => findRun(name, runsDir)))];
      exit(await removeRuns(paths, { yes, json }));
    });
}
