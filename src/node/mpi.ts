/**
 * Ranks over MPI: starts the thread that speaks it (`mpi-thread.ts`), and gives it sums to do. Nothing is loaded unless an MPI
 * launcher has started this process.
 */
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { InputError } from "../errors.ts";
import type { RankTransport } from "../training/ranks.ts";
import { loadKoffi } from "./koffi.ts";
import type { Koffi } from "./koffi.ts";
import type { Launch } from "./mpi-launch.ts";
import {
  CONTROL_BYTES,
  controlOf,
  DONE,
  MAX_NUMBERS,
  MAX_TASKS,
  MAX_TEXT,
  POSTED,
  TASKS,
  WAITING,
} from "./mpi-control.ts";
import type { Control } from "./mpi-control.ts";
import { MPI_THREAD } from "./mpi-thread.ts";
import type { MpiThreadStart, MpiThreadTask } from "./mpi-thread.ts";

/** Sums over MPI. Each call blocks this thread until all ranks have made it. */
export class MpiTransport implements RankTransport {
  /** As the launcher says. */
  readonly rank: number;
  /** As the launcher says. */
  readonly size: number;
  readonly #koffi: Koffi;
  readonly #control: Control;
  readonly #numbersAt: number;
  #posted = 0;

  private constructor({ rank, size }: Launch, koffi: Koffi, control: Control) {
    this.rank = rank;
    this.size = size;
    this.#koffi = koffi;
    this.#control = control;
    this.#numbersAt = this.#addressOf(control.numbers);
  }

  /**
   * Joins the other ranks, which must do the same. Throws InputError (code "machine") without an MPI library, or with another
   * one than the launcher's.
   * @param named the library's path; null: the usual ones.
   */
  static async start(launch: Launch, named: string | null): Promise<MpiTransport> {
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    const task: MpiThreadTask = { isMpiThread: true, launch, named, control };
    const thread = new Worker(MPI_THREAD, { workerData: task });
    let timer: NodeJS.Timeout | undefined;
    const start = await new Promise<MpiThreadStart>((resolve, reject) => {
      thread.once("message", resolve);
      thread.on("error", reject);
      timer = setTimeout(() => resolve({ error: lateText(launch), code: "machine" }), JOINED_MS);
    }).finally(() => clearTimeout(timer));
    thread.unref();
    if (start.error !== null) throw new InputError(start.error, start.code);
    return new MpiTransport(launch, loadKoffi()!, controlOf(control));
  }

  /** As in `RankTransport`; for floats in memory that V8 does not move, as WebAssembly's. */
  begin(list: Float32Array | Float64Array): void {
    if (!(list instanceof Float32Array)) throw new TypeError("mpi: only sums of floats can begin early");
    this.#post(TASKS.sumFloats, this.#addressOf(list), list.length);
  }

  /** As in `RankTransport`. It blocks this thread. */
  async sum(list: Float64Array): Promise<void> {
    if (list.length > MAX_NUMBERS) throw new RangeError(`mpi: a sum of more than ${MAX_NUMBERS} doubles`);
    this.#control.numbers.set(list);
    this.#post(TASKS.sumDoubles, this.#numbersAt, list.length);
    this.#wait();
    list.set(this.#control.numbers.subarray(0, list.length));
  }

  /** Ends all ranks with an exit code, because this one has failed; rank 0 prints the sentence of another. Does not return. */
  fail(text: string, exitCode: number): never {
    const { written } = new TextEncoder().encodeInto(text.slice(0, MAX_TEXT / 8), this.#control.text);
    this.#post(TASKS.fail, exitCode, written);
    for (;;) this.#wait();
  }

  /**
   * Leaves MPI, after all ranks have called it. Where MPI_Finalize does not return, as now and then that of MPICH 4.0 over UCX's
   * TCP, the process ends here with the exit code: all ranks are done, and its output is written.
   */
  leave(exitCode: number): void {
    this.#post(TASKS.leave, 0, 0);
    if (this.#wait(LEFT_MS)) return;
    tellLauncher("cmd=finalize\n"); // else MPICH's counts it as a failure
    exitAtOnce(this.#koffi, exitCode);
  }

  #post(kind: number, address: number, count: number): void {
    if (this.#posted - Atomics.load(this.#control.words, DONE) >= MAX_TASKS) this.#wait();
    this.#control.tasks.set([kind, address, count], 3 * (this.#posted % MAX_TASKS));
    this.#posted++;
    Atomics.store(this.#control.words, POSTED, this.#posted);
    Atomics.notify(this.#control.words, POSTED);
  }

  /** Sleeps until all tasks are done; returns whether they are. */
  #wait(limitMs: number = Infinity): boolean {
    const { words } = this.#control;
    Atomics.store(words, WAITING, 1);
    Atomics.notify(words, POSTED);
    for (let done = Atomics.load(words, DONE); done < this.#posted; done = Atomics.load(words, DONE)) {
      if (Atomics.wait(words, DONE, done, limitMs) === "timed-out") return false;
    }
    Atomics.store(words, WAITING, 0);
    return true;
  }

  #addressOf(list: Float32Array | Float64Array): number {
    return Number(this.#koffi.address(list));
  }
}

/** How long a rank waits for all others to start. */
const JOINED_MS = 60_000;
const lateText = ({ size }: Launch): string =>
  `mpi: not all of the ${size} ranks have joined within ${JOINED_MS / 1000} s; is microgpt on every host, with its MPI library?`;

/** Ends this process; `process.exit` waits for the thread, which may never return from the library. */
const exitAtOnce = (koffi: Koffi, exitCode: number): void => void koffi.load(null).func("void _exit(int)")(exitCode);

/**
 * Ends all ranks without MPI, where the launcher listens: MPICH's and Slurm's speak PMI-1, a line per command. Open MPI's ends
 * all when this process exits with a code other than 0, which it does here.
 */
export async function abortByLauncher(exitCode: number): Promise<void> {
  tellLauncher("cmd=init pmi_version=1 pmi_subversion=1\n");
  await sleep(ANSWER_MS); // Slurm's answers one line at a time
  tellLauncher(`cmd=abort exitcode=${exitCode}\n`);
  const koffi = loadKoffi();
  if (koffi !== null) exitAtOnce(koffi, exitCode); // without it, no thread is in a library
}

/** Writes to a launcher that listens. */
function tellLauncher(line: string): void {
  const { PMI_FD } = process.env;
  if (PMI_FD === undefined) return;
  try {
    writeSync(Number(PMI_FD), line);
  } catch {
    // it is gone, and the other ranks with it
  }
}

const ANSWER_MS = 200;
/** Leaving takes milliseconds, and as long as the slowest rank needs to begin. */
const LEFT_MS = 3000;
