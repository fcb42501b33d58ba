/**
 * The thread that speaks MPI: it alone calls the library. The main thread leaves tasks in shared memory and sleeps until they
 * are done (`mpi.ts`); while it computes or saves, this thread shows the other ranks that the process is alive.
 *
 *   rank 0 ──beat──▶ rank 1 ──beat──▶ rank 2 ─┐      one byte per second; who hears none for `LOST_MS` names its
 *      ▲─────────────────beat─────────────────┘      neighbour, and ends all ranks by MPI_Abort
 *
 * A process that dies is noticed by the launcher, which ends the others; beats are for those that stop, and for hosts that
 * are gone. A rank that fails with an error of its own sends its sentence to rank 0, which prints it, once, and ends all.
 */
import { writeSync } from "node:fs";
import { hostname } from "node:os";
import { inspect } from "node:util";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { InputError } from "../errors.ts";
import type { InputErrorCode } from "../errors.ts";
import { loadKoffi } from "./koffi.ts";
import type { Koffi } from "./koffi.ts";
import { controlOf, DONE, MAX_TASKS, MAX_TEXT, POSTED, TASKS, WAITING } from "./mpi-control.ts";
import type { Control } from "./mpi-control.ts";
import { openMpi } from "./mpi-library.ts";
import type { Launch } from "./mpi-launch.ts";
import type { Mpi } from "./mpi-library.ts";

/** What the thread is started with. */
export interface MpiThreadTask {
  /** Marks it. */
  readonly isMpiThread: true;
  /** What the launcher says. */
  readonly launch: Launch;
  /** As in `openMpi`. */
  readonly named: string | null;
  /** Memory that both threads see, as `Control`. */
  readonly control: SharedArrayBuffer;
}

/** The thread's answer to its start: it has joined the ranks, or why it has not. */
export type MpiThreadStart = { readonly error: null } | { readonly error: string; readonly code: InputErrorCode };

/** This file, for a `Worker`. */
export const MPI_THREAD: URL = new URL(import.meta.url);

const [BEAT_TAG, FAILURE_TAG] = [1, 2];
const BEAT_MS = 1000;
/** Silence after which a rank counts as lost. */
const LOST_MS = 6000;
/** A gap between two turns of the loop after which this process itself was stopped, and has missed beats. */
const STOPPED_MS = 3000;
/** How long rank 0 may take to fail by itself, for the same reason, before it reports another rank's failure. */
const GRACE_MS = 2000;
/** How long a launcher may take to read what a rank has printed. */
const READ_MS = 100;
/** For this long a sum is polled without sleeping. Longer than most wait for others; shorter than a save. */
const AWAKE_MS = 200;

/**
 * How long a rank answers the network before it leaves. MPI_Finalize of MPICH 4.0 over UCX's TCP waits for the others without
 * answering them, so a connection that is still being set up then never ends.
 */
const SETTLE_MS = 100;

class MpiThread {
  readonly #mpi: Mpi;
  readonly #launch: Launch;
  readonly #control: Control;
  /** Bytes: one request per task, those of beats and of a failure, the two beats, a failure's text. */
  readonly #memory: ArrayBuffer = new ArrayBuffer(8 * (MAX_TASKS + 4) + MAX_TEXT);
  readonly #bytes: Uint8Array = new Uint8Array(this.#memory);
  readonly #base: number;
  readonly #textAt: number;
  #started = 0;
  #done = 0;
  #turnMs = performance.now();
  #progressMs = this.#turnMs;
  #heardMs = this.#turnMs;
  #beatMs = -Infinity;
  #isSending = false;
  /** Whether the neighbour has said that its next byte is none: it leaves. */
  #isLast = false;
  /** A failure of another rank, printed when the time has come. */
  #failure: { readonly text: string; readonly exitCode: number; readonly dueMs: number } | null = null;
  #state: "summing" | "failed" | "leaving" = "summing";

  constructor(mpi: Mpi, koffi: Koffi, launch: Launch, control: Control) {
    this.#mpi = mpi;
    this.#launch = launch;
    this.#control = control;
    this.#base = Number(koffi.address(this.#bytes));
    this.#textAt = Number(koffi.address(control.text));
    this.#receive();
  }

  /** Works until the main thread leaves. */
  run(): void {
    const { words } = this.#control;
    while (this.#state !== "leaving") {
      const posted = Atomics.load(words, POSTED);
      while (this.#started < posted) this.#start(this.#started++);
      if (this.#state === "summing" && this.#done < this.#started && this.#isTaskDone()) continue;
      this.#watch();
      if (this.#done === this.#started) Atomics.wait(words, POSTED, posted, BEAT_MS);
      else if (this.#mayTakeCore()) this.#mpi.yield();
      else Atomics.wait(words, POSTED, posted, 1);
    }
    this.#leave();
    this.#finishTask();
  }

  /** Whether to poll without sleeping: not while the main thread computes on this core, nor for long. */
  #mayTakeCore(): boolean {
    return Atomics.load(this.#control.words, WAITING) === 1 && this.#turnMs - this.#progressMs < AWAKE_MS;
  }

  #start(task: number): void {
    const { tasks } = this.#control;
    const [kind, address, count] = tasks.subarray(3 * (task % MAX_TASKS));
    this.#progressMs = performance.now();
    if (kind === TASKS.sumFloats || kind === TASKS.sumDoubles) {
      this.#mpi.sum(kind === TASKS.sumFloats ? "float" : "double", address, count, this.#requestAt(task % MAX_TASKS));
    } else if (kind === TASKS.fail) {
      this.#fail(address, count);
    } else {
      this.#state = "leaving";
    }
  }

  #isTaskDone(): boolean {
    if (!this.#mpi.isDone(this.#requestAt(this.#done % MAX_TASKS))) return false;
    this.#finishTask();
    return true;
  }

  #finishTask(): void {
    this.#progressMs = performance.now();
    const { words } = this.#control;
    Atomics.store(words, DONE, ++this.#done);
    Atomics.notify(words, DONE);
  }

  /** Sends a beat and listens for the neighbour's; ends all ranks if there was none for long. */
  #watch(): void {
    const nowMs = performance.now();
    if (nowMs - this.#turnMs > STOPPED_MS) this.#heardMs = nowMs; // this process was stopped itself
    this.#turnMs = nowMs;
    if (!this.#isLast && this.#mpi.isDone(this.#requestAt(MAX_TASKS))) {
      this.#heardMs = nowMs;
      this.#isLast = this.#bytes[BEATS] === 1;
      if (!this.#isLast) this.#receive();
    }
    if (nowMs - this.#beatMs < BEAT_MS) return;
    this.#beatMs = nowMs;
    if (this.#state !== "leaving" && this.#isSent()) this.#send(0);
    if (this.#launch.rank === 0) this.#hearFailure();
    if (this.#failure !== null && nowMs > this.#failure.dueMs) this.#end(this.#failure.text, this.#failure.exitCode);
    if (!this.#isLast && nowMs - this.#heardMs > LOST_MS) {
      this.#end(`rank ${this.#left} has not answered for ${LOST_MS / 1000} s; all ranks end`, 1);
    }
  }

  get #left(): number {
    const { rank, size } = this.#launch;
    return (rank + size - 1) % size;
  }

  #receive(): void {
    this.#mpi.receive(this.#base + BEATS, 1, this.#left, BEAT_TAG, this.#requestAt(MAX_TASKS));
  }

  #send(beat: number): void {
    const { rank, size } = this.#launch;
    this.#bytes[BEATS + 1] = beat;
    this.#mpi.send(this.#base + BEATS + 1, 1, (rank + 1) % size, BEAT_TAG, this.#requestAt(MAX_TASKS + 1));
    this.#isSending = true;
  }

  #isSent(): boolean {
    if (this.#isSending && this.#mpi.isDone(this.#requestAt(MAX_TASKS + 1))) this.#isSending = false;
    return !this.#isSending;
  }

  /** The main thread has failed, and its sentence of `length` bytes is in the shared memory. */
  #fail(exitCode: number, length: number): void {
    this.#state = "failed";
    if (this.#launch.rank === 0) return this.#abort(exitCode); // it has printed it
    const text = Buffer.from(this.#control.text.slice(0, length)).toString("utf8");
    const { rank } = this.#launch;
    const message = JSON.stringify({ text: `rank ${rank} on ${hostname()}: ${text}`, exitCode });
    this.#control.text.fill(32);
    Buffer.from(this.#control.text.buffer, this.#control.text.byteOffset, MAX_TEXT).write(message);
    this.#mpi.send(this.#textAt, MAX_TEXT, 0, FAILURE_TAG, this.#requestAt(MAX_TASKS + 2));
    // Rank 0 ends all. Should it be unable to, this one does.
    this.#failure = { text, exitCode, dueMs: performance.now() + 3 * GRACE_MS };
  }

  #hearFailure(): void {
    if (this.#failure !== null || !this.#mpi.hasCome(FAILURE_TAG)) return;
    this.#mpi.take(this.#base + TEXT, MAX_TEXT, FAILURE_TAG);
    const message = Buffer.from(this.#memory, TEXT, MAX_TEXT).toString("utf8");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a rank of the same program
    const { text, exitCode } = JSON.parse(message) as { text: string; exitCode: number };
    this.#failure = { text, exitCode, dueMs: performance.now() + GRACE_MS };
  }

  /** Prints a sentence and ends all ranks. */
  #end(text: string, exitCode: number): void {
    writeSync(2, `microgpt: ${text}\n`);
    this.#abort(exitCode);
  }

  /** Ends all ranks, once the launcher has had time to read what was printed: some forget it. */
  #abort(exitCode: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, READ_MS);
    this.#mpi.abort(exitCode);
    process.kill(process.pid, "SIGKILL"); // MPI_Abort need not end the process that calls it
  }

  /** Prints an error of this thread, which is a bug, and ends all ranks: the main thread sleeps, and would not hear of it. */
  crash(error: unknown): void {
    writeSync(2, `${inspect(error)}\n`);
    this.#abort(1);
  }

  /** Says that no beat follows, waits until the neighbour has said so, and leaves MPI. */
  #leave(): void {
    this.#waitUntil(() => this.#isSent());
    this.#send(1);
    this.#waitUntil(() => this.#isLast && this.#isSent());
    const settledMs = performance.now() + SETTLE_MS;
    this.#waitUntil(() => !this.#mpi.hasCome(FAILURE_TAG) && performance.now() > settledMs);
    this.#mpi.finish();
  }

  #waitUntil(condition: () => boolean): void {
    while (!condition()) {
      this.#watch();
      this.#mpi.yield();
    }
  }

  #requestAt(index: number): number {
    return this.#base + 8 * index;
  }
}

/** Offsets in the thread's own memory. */
const BEATS = 8 * (MAX_TASKS + 3);
const TEXT = 8 * (MAX_TASKS + 4);

/** Joins the other ranks. Throws InputError as `openMpi`, or if the library does not see the launcher's ranks. */
function join({ launch, named, control }: MpiThreadTask): MpiThread {
  const koffi = loadKoffi();
  const mpi = openMpi(koffi, launch, named);
  const { rank, size } = mpi.start();
  if (rank !== launch.rank || size !== launch.size) {
    throw new InputError(
      `mpi: the launcher has started ${launch.size} ranks, but the library sees ${size}: it is not the launcher's;` +
        " name that one: MICROGPT_MPI=/path/to/libmpi.so",
      "machine",
    );
  }
  return new MpiThread(mpi, koffi!, launch, controlOf(control));
}

function isTask(data: unknown): data is MpiThreadTask {
  return typeof data === "object" && data !== null && "isMpiThread" in data;
}

if (!isMainThread && isTask(workerData)) {
  const answer = (start: MpiThreadStart): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    parentPort!.postMessage(start);
  };
  let thread: MpiThread | null = null;
  try {
    thread = join(workerData);
    answer({ error: null });
    thread.run();
  } catch (error) {
    if (thread !== null) thread.crash(error);
    if (!(error instanceof InputError)) throw error;
    answer({ error: error.message, code: error.code });
  }
}
