/** `microgpt train … --on slurm`: what the job is given of the command (`sweep/train-job.ts` submits it). */
import { realpathSync } from "node:fs";
import type { Command } from "commander";
import { InputError } from "../errors.ts";
import { NO_SLURM_SETTINGS } from "../experiments/slurm-script.ts";
import { stemOf } from "../node/run-name.ts";
import { checkTogether } from "../options/option-rules.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { printable, warningLine } from "../run/format.ts";
import { knownOptions } from "../run/sizing.ts";
import type { PresetRequest } from "../run/presets.ts";
import { locate } from "../run/sources.ts";
import { jobScript, trainOnSlurm } from "../sweep/train-job.ts";
import type { TrainJob } from "../sweep/train-job.ts";
import type { ClusterFlags } from "./cluster-flags.ts";
import { slurmSettingsOf } from "./flags.ts";
import type { CommonFlags } from "./flags.ts";

/**
 * Submits a training and follows it, or prints its script. Resolves to the exit code.
 * @param words what was typed, with whole options. @param command that of `train`.
 */
export async function trainJobCommand(
  options: TrainOptions,
  request: PresetRequest,
  flags: CommonFlags & ClusterFlags,
  words: readonly string[],
  command: Command,
): Promise<number> {
  checkTogether(knownOptions(options, request));
  if (options.data.includes("-")) throw new InputError("--on slurm: a job cannot read standard input; name a file");
  const located = locate(options);
  const { nodes = "1", ntasksPerNode = "1", mpi = "pmi2" } = flags;
  const job: TrainJob = {
    words: wordsOfJob(words, command),
    reporting: reportingOf(flags),
    name: flags.name ?? null,
    stem: stemOf(located.data, located.urls),
    runsDir: flags.runsDir,
    settings: { ...NO_SLURM_SETTINGS, ...slurmSettingsOf(flags) },
    ranks: { nodes, ntasksPerNode, mpi },
    program: [process.execPath, ...process.execArgv, realpathSync(process.argv[1])],
  };
  if (flags.dryRun === true) {
    process.stdout.write(jobScript(job));
    return 0;
  }
  return await trainOnSlurm(job, {
    print: (line) => void process.stdout.write(`${printable(line)}\n`),
    warn: (message) => void process.stderr.write(warningLine(message)),
  });
}

/** How a run reports, which it does not store. */
const reportingOf = ({ json = false, promptFile = null, hook = null }: CommonFlags): string[] => [
  ...(json ? ["--json"] : []),
  ...(promptFile === null ? [] : ["--prompt-file", promptFile]),
  ...(hook === null ? [] : ["--hook", hook]),
];

/** The words that the job's `train` is given: without the command's name, the cluster, and the run's place. */
function wordsOfJob(words: readonly string[], command: Command): string[] {
  const isOwn = new Map(command.options.map(({ long, helpGroupHeading }) => [long, helpGroupHeading === "Cluster:"]));
  const kept: string[] = [];
  for (let i = words[0] === "train" ? 1 : 0; i < words.length; i++) {
    if (words[i] === "--") return [...kept, ...words.slice(i)];
    const [name] = words[i].split("=");
    if (name === "--dry-run") continue;
    if (isOwn.get(name) !== true && !["--name", "--runs-dir"].includes(name)) kept.push(words[i]);
    else if (!words[i].includes("=")) i++;
  }
  return kept;
}
