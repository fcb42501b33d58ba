/** The flags of one training on a cluster. Apart from `train-job.ts`, which is loaded only where they are given. */
import { Option as Flag } from "commander";
import type { Command } from "commander";
import { InputError } from "../errors.ts";
import { slurmFlags, slurmSettingsOf } from "./flags.ts";
import type { CommonFlags } from "./flags.ts";

/** The flags of a training's cluster. */
export interface ClusterFlags {
  /** Where to train. */
  readonly on?: "local" | "slurm";
  /** Machines. */
  readonly nodes?: string;
  /** Ranks on each. */
  readonly ntasksPerNode?: string;
  /** How they find each other. */
  readonly mpi?: string;
}

const RANK_FLAGS: readonly (readonly [flags: string, help: string])[] = [
  ["--nodes <N>", "machines that share the training, by MPI (default: 1)"],
  ["--ntasks-per-node <M>", "ranks on each machine (default: 1, with all its --cpus-per-task)"],
  ["--mpi <TYPE>", "how ranks find each other, as srun takes it (default: pmi2; for Open MPI pmix)"],
  ["--mem <MEMORY>", "memory on each machine (default: the cluster's)"],
];

/** Adds the flags of a cluster to `train`. */
export function addClusterFlags(train: Command): void {
  train.optionsGroup("Cluster:");
  train.addOption(new Flag("--on <PLACE>", "where to train (default: local)").choices(["local", "slurm"]));
  for (const [flags, help] of RANK_FLAGS) train.option(flags, help);
  for (const flag of slurmFlags("the job; after it, another resumes the run", "each rank")) train.addOption(flag);
}

/** Throws InputError for what a launcher's ranks, which each run the command, cannot do together. */
export function checkLaunched({ interactive, dryRun, on }: CommonFlags & ClusterFlags): void {
  if (interactive === true) throw new InputError("--interactive: several ranks cannot ask; give the options as flags");
  if (on === "slurm") throw new InputError("--on slurm: the job starts its own ranks; drop mpirun or srun");
  if (dryRun === true) throw new InputError("--dry-run: it measures one process; drop mpirun or srun");
}

/** Throws InputError for flags of a cluster without one. */
export function checkCluster(flags: CommonFlags & ClusterFlags): void {
  if (flags.on === "slurm") {
    if (flags.interactive === true) throw new InputError("--interactive and --on slurm: drop one of them");
    return;
  }
  const { nodes, ntasksPerNode, mpi } = flags;
  const isGiven = [nodes, ntasksPerNode, mpi].some((value) => value !== undefined);
  if (!isGiven && Object.keys(slurmSettingsOf(flags)).length === 0) return;
  throw new InputError("--nodes, --time and the other flags of a cluster need --on slurm; add it, or drop them");
}
