/**
 * The ranks of a command that an MPI launcher has started: joining them, failing together and leaving together. Loaded only
 * where there is a launcher (`node/mpi-launch.ts`).
 */
import { availableParallelism, cpus, hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../errors.ts";
import type { Machine } from "../library/machine.ts";
import type { Launch } from "../node/mpi-launch.ts";
import { abortByLauncher, MpiTransport } from "../node/mpi.ts";
import { Ranks } from "../training/ranks.ts";
import { nodeMachine } from "./machine.ts";
import { ignoreSignals } from "./signals.ts";

/** The processes that do one training, this one among them. */
export class RankGroup {
  readonly #launch: Launch;
  #joining: Promise<Joined> | null = null;

  /** @param launch as `launchOf` has it. */
  constructor(launch: Launch) {
    this.#launch = launch;
  }

  /** Joins the others; resolves to this process's share of the machine, with the ranks. Rejects as `MpiTransport.start`. */
  async join(): Promise<Machine> {
    return (await this.#join()).machine;
  }

  #join(): Promise<Joined> {
    return (this.#joining ??= joinBy(this.#launch));
  }

  /** Prints a sentence, as `print` does, and ends all ranks; one that fails with the others prints nothing. */
  async fail(message: string, exitCode: number, print: (message: string) => void): Promise<void> {
    if (this.#launch.rank === 0) print(message);
    let transport: MpiTransport;
    try {
      ({ transport } = await this.#join());
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return await failWithoutMpi(this.#launch, message, exitCode, print);
    }
    transport.fail(message, exitCode);
  }

  /** Waits for the others to end, too; resolves to the exit code of all: the first that is not 0. */
  async leave(exitCode: number): Promise<number> {
    if (this.#joining === null) return exitCode;
    const { transport, ranks } = await this.#joining;
    // Rank 0 may still be writing samples. If a signal ended this rank, the launcher would kill rank 0.
    if (ranks.rank > 0) ignoreSignals();
    const codes = (await ranks.gather([exitCode])).flat();
    const common = codes.find((code) => code !== 0) ?? 0;
    transport.leave(common);
    return common;
  }
}

/** What a process has once it has joined the others. */
interface Joined {
  readonly transport: MpiTransport;
  readonly ranks: Ranks;
  readonly machine: Machine;
}

async function joinBy(launch: Launch): Promise<Joined> {
  process.stdout.isTTY = false; // Open MPI's launcher gives each rank a terminal, wherever the output goes
  const transport = await MpiTransport.start(launch, process.env.MICROGPT_MPI ?? null);
  const ranks = new Ranks(transport);
  return { transport, ranks, machine: machineOf(launch, ranks) };
}

/** The machine with these ranks, and this one's share of its cores. */
function machineOf({ isBound, onThisHost }: Launch, ranks: Ranks): Machine {
  const isGiven = process.env.MICROGPT_CORES !== undefined; // the cores of this process already
  const hasOwnCores = isGiven || (isBound && availableParallelism() < cpus().length);
  const share = hasOwnCores ? 1 : (onThisHost ?? 1);
  const cores = Math.max(1, Math.floor(nodeMachine.cores / share));
  return { ...nodeMachine, cores, findGpu: async () => "several ranks compute on CPUs", ranks };
}

/** Where one rank lacks MPI, usually all do: the first that is still there speaks, and ends the others. */
async function failWithoutMpi(
  { rank }: Launch,
  message: string,
  exitCode: number,
  print: (message: string) => void,
): Promise<void> {
  if (rank > 0) {
    await sleep(PATIENCE_MS + STAGGER_MS * Math.min(rank, MAX_STAGGERS));
    print(`rank ${rank} on ${hostname()}: ${message}`);
  }
  await abortByLauncher(exitCode);
}

const PATIENCE_MS = 2000;
const STAGGER_MS = 100;
const MAX_STAGGERS = 30;
