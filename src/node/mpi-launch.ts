/**
 * Which MPI launcher has started this process. Every command looks; what follows from it (`run/rank-group.ts`, and the other
 * `mpi` files here) is loaded only where there is one.
 */

/** A family of MPI libraries with one binary interface. */
export type MpiKind = "MPICH" | "Open MPI";

/** What a launcher says of itself, in the environment of the processes that it starts. */
export interface Launch {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Number of processes; at least 2. */
  readonly size: number;
  /** How many of them are on this host; null: not known. */
  readonly onThisHost: number | null;
  /** Whose launcher it is; two: one that starts both, the likelier first. */
  readonly kinds: readonly MpiKind[];
  /** Whether the launcher has bound each process to cores of its own. */
  readonly isBound: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The launcher that has started this process, or null: none, or one with a single process. */
export function launchOf(env: Environment): Launch | null {
  const count = (name: string): number | null => (/^\d+$/.test(env[name] ?? "") ? Number(env[name]) : null);
  const isSlurm = count("SLURM_PROCID") !== null;
  const onNode = count("SLURM_NTASKS_PER_NODE");
  const isBound = isSlurm || env.OMPI_MCA_orte_bound_at_launch === "1";
  const launch = (
    kinds: readonly MpiKind[],
    rank: number | null,
    size: number | null,
    onThisHost: number | null,
  ): Launch | null => {
    if (rank === null || size === null || size < 2 || rank >= size) return null;
    return { rank, size, onThisHost, kinds, isBound };
  };
  const ompi = (name: string): number | null => count(`OMPI_COMM_WORLD_${name}`);
  if (ompi("RANK") !== null) return launch(["Open MPI"], ompi("RANK"), ompi("SIZE"), ompi("LOCAL_SIZE"));
  // Slurm starts libraries of both kinds: `srun --mpi=pmi2` and `srun --mpi=pmix`.
  if (count("PMI_RANK") !== null) {
    const kinds = isSlurm ? (["MPICH", "Open MPI"] as const) : (["MPICH"] as const);
    return launch(kinds, count("PMI_RANK"), count("PMI_SIZE"), count("MPI_LOCALNRANKS") ?? onNode);
  }
  return launch(["Open MPI", "MPICH"], count("PMIX_RANK"), count("SLURM_NTASKS"), onNode);
}
