/** The commands of many runs: `sweep`, `compare`, `report`, and what a sweep starts as processes. */
import { Option as Flag } from "commander";
import type { Command } from "commander";
import { TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { NO_SLURM_SETTINGS } from "../experiments/slurm-script.ts";
import type { SlurmSettings } from "../experiments/slurm-script.ts";
import { findRun } from "../node/run-directory.ts";
import {
  addOptions,
  hookFlag,
  isTyped,
  jsonFlag,
  pick,
  promptFileFlag,
  repeated,
  runsDirFlag,
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
  readonly on?: "local" | "slurm";
}

/** Many trainings: doing them, and what is done with their results. */
export function addExperiments(program: Command, exit: Exit): void {
  addSweep(program, exit);
  addTask(program, exit);
  addResults(program, exit);
}

function addSweep(program: Command, exit: Exit): void {
  const sweep = program.command("sweep [FILE|PRESET]");
  sweep
    .description("train many models of one text side by side, and compare them")
    .optionsGroup("Sweep:")
    .addOption(repeated("--grid <OPTION=A,B,…>", "values of an option; every combination is a run"))
    .addOption(repeated("--random <OPTION=A..B>", "a range, or values, to draw from; needs --trials"))
    .addOption(whole("--trials <N>", "runs to draw, in place of all combinations"))
    .addOption(whole("--repeats <K>", "runs of each, with seeds of their own"))
    .option("--halving", "stop the worse half early, again and again, until one is trained to its end")
    .addOption(whole("--jobs <N>", "runs at once (default: by cores and memory; on Slurm, all)"))
    .option("--resume <DIR>", "resume a sweep that was stopped")
    .addOption(new Flag("--name <NAME>", "name of the sweep (default: the data's name and a number)"))
    .addOption(runsDirFlag())
    .addOption(jsonFlag())
    .addOption(hookFlag())
    .option("--dry-run", "print the memory of each run, or the cluster's script, and train nothing")
    .optionsGroup("Cluster:")
    .addOption(new Flag("--on <PLACE>", "where to train (default: local)").choices(["local", "slurm"]))
    .option("--time <T>", "time limit of each run, as sbatch takes it: minutes, or 1-12:00:00")
    .option("--mem <M>", "memory of each run (default: by the formula of --dry-run)")
    .option("--gres <G>", "devices of each run, such as gpu:1")
    .option("--partition <P>", "queue of the cluster")
    .option("--cpus-per-task <N>", "cores for each run")
    .addOption(repeated("--sbatch <ARG>", "anything else for sbatch, as --sbatch=--account=me"));
  addOptions(sweep, TRAIN_OPTIONS, "repeated").action(
    async (source: string | undefined, flags: SweepCommandFlags, command: Command) => {
      const { json = false, jobs = null, hook = null, on = null } = flags;
      const all = pick<TrainOptions>(TRAIN_OPTIONS, flags);
      const typed = Object.entries(all).filter(([key]) => isTyped(command, key));
      const asked = Object.fromEntries(Object.entries(flags).filter(([key]) => Object.hasOwn(NO_SLURM_SETTINGS, key)));
      const { sweepCommand, resumeSweepCommand } = await import("./sweep.ts");
      if (flags.resume !== undefined) {
        const { grid, random, trials, repeats, halving, name } = flags;
        const isAnew = [source, grid, random, trials, repeats, halving, name].some((value) => value !== undefined);
        if (isAnew || flags.dryRun === true || typed.length > 0)
          throw new InputError("--resume continues a sweep with its own options; drop the others");
        const path = findRun(flags.resume, flags.runsDir);
        return exit(await resumeSweepCommand(path, { jobs, hook, on, slurm: asked }, json));
      }
      if (on !== "slurm" && Object.keys(asked).length > 0)
        throw new InputError("--time, --mem, --gres, --partition and the like are Slurm's; give --on slurm, too");
      const { grid = [], random = [], trials = null, repeats = null, halving = false } = flags;
      const spec = { grid, random, trials, repeats, halving };
      const { name = null, runsDir, dryRun: isDry = false } = flags;
      const slurm = on === "slurm" ? { ...NO_SLURM_SETTINGS, ...asked } : null;
      const way = { name, runsDir, jobs, hook, dryRun: isDry, slurm };
      return exit(await sweepCommand(source ?? null, Object.fromEntries(typed), { ...spec, ...way }, json));
    },
  );
}

interface TaskCommandFlags extends CommonFlags {
  readonly share: number;
  readonly every: number;
}

function addTask(program: Command, exit: Exit): void {
  program
    .command("sweep-task <SWEEP> <RUN>", { hidden: true })
    .description("do one run of a sweep, or what is left of it: what a sweep starts as a process")
    .addOption(new Flag("--share <X>", "stop after this share of its steps").argParser(Number).default(1))
    .addOption(new Flag("--every <SECONDS>", "between two steps that --json tells").argParser(Number).default(0.25))
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
    .description("print runs, or a sweep, as a table, the best first")
    .addOption(promptFileFlag("let each run complete each line of FILE"))
    .option("--csv", "comma-separated values")
    .addOption(runsDirFlag())
    .addOption(new Flag("--json", "JSON, for programs"))
    .action(async (runs: string[], { json = false, csv = false, promptFile = null, runsDir }: CommonFlags) => {
      const { compare } = await import("./compare.ts");
      const paths = runs.map((run) => findRun(run, runsDir));
      exit(await compare(paths, { json, csv, promptFile }));
    });

  program
    .command("report <RUN...>")
    .description("write runs, or a sweep, as one HTML page with curves")
    .addOption(new Flag("-o, --out <FILE>", "file of the page").default("report.html"))
    .addOption(promptFileFlag("what each run makes of each line of FILE"))
    .addOption(runsDirFlag())
    .action(async (runs: string[], { out = "report.html", promptFile = null, runsDir }: CommonFlags) => {
      const { report } = await import("./report.ts");
      const paths = runs.map((run) => findRun(run, runsDir));
      exit(await report(paths, { out, promptFile }));
    });
}
