/**
 * The ranks of a command that an MPI launcher has started: joining them, failing together and leaving together. Started in
 * any other way, a command is alone, and nothing here does anything.
 */
import { availableParallelism, cpus, hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../errors.ts";
import type { Machine } from "../library/machine.ts";
import { launchOf } from "../node/mpi-library.ts";
import type { Launch } from "../node/mpi-library.ts";
import { abortByLauncher, MpiTransport } from "../node/mpi.ts";
import { Ranks } from "../training/ranks.ts";
import { nodeMachine } from "./machine.ts";

/** The processes that do one training, this one among them. */
export class RankGroup {
  #launch: Launch | null = launchOf(process.env);
  #transport: MpiTransport | null = null;
  #ranks: Ranks | null = null;

  /** Joins the others; null: this process is alone. Throws as `MpiTransport.start`. */
  async join(): Promise<Ranks | null> {
    if (this.#launch === null || this.#ranks !== null) return this.#ranks;
    process.stdout.isTTY = false; // Open MPI's launcher gives each rank a terminal, wherever the output goes
    this.#transport = await MpiTransport.start(this.#launch, process.env.MICROGPT_MPI ?? null);
    return (this.#ranks = new Ranks(this.#transport));
  }

  /** The machine with these ranks, and this one's share of its cores. */
  machineOf(ranks: Ranks | null): Machine {
    if (ranks === null) return nodeMachine;
    const { isBound, onThisHost } = this.#launch!;
    const isTold = process.env.MICROGPT_CORES !== undefined; // the cores of this process already
    const hasOwnCores = isTold || (isBound && availableParallelism() < cpus().length);
    const share = hasOwnCores ? 1 : (onThisHost ?? 1);
    const cores = Math.max(1, Math.floor(nodeMachine.cores / share));
    return { ...nodeMachine, cores, findGpu: async () => "several ranks compute on CPUs", ranks };
  }

  /** For a command that several processes do not share: each is alone. */
  dissolve(): void {
    this.#launch = null;
  }

  /**
   * Prints a sentence, as `print` does, and ends all ranks; a rank that fails with the others prints nothing. Returns where this
   * process is alone, or where there is no MPI to end the others by.
   */
  async fail(message: string, exitCode: number, print: (message: string) => void): Promise<void> {
    if (this.#launch === null || this.#launch.rank === 0) print(message);
    if (this.#launch === null) return;
    try {
      await this.join();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return await failWithoutMpi(this.#launch, message, exitCode, print);
    }
    this.#transport!.fail(message, exitCode);
  }

  /** Waits for the others to end, too; resolves to the exit code of all: the first that is not 0. */
  async leave(exitCode: number): Promise<number> {
    if (this.#ranks === null) return exitCode;
    const codes = (await this.#ranks.gather([exitCode])).flat();
    const common = codes.find((code) => code !== 0) ?? 0;
    this.#transport!.leave(common);
    return common;
  }
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
