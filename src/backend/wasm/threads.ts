/**
 * Workers on several threads over one shared memory: commands and barriers, by atomics on a few control words. What a
 * worker does with a command is in `worker.ts`; how a thread is started, in `node/threads.ts` and `web-threads.ts`.
 *
 * The calling thread is worker 0. It issues a command, then runs its own share of it:
 *
 *              section 1                     │ section 2                    │
 *   worker 0   chunk 0 ── chunk 3 ───────────│ chunk 0 ─────────── waits ───│ …
 *   worker 1     chunk 1 ──────── waits ─────│ chunk 1 ── chunk 3 ──────────│ …
 *   worker 2     chunk 2 ─────────── waits ──│ chunk 2 ──────── waits ──────│ …
 *            ↑                               ↑                              ↑
 *         command                         barrier                        barrier
 *
 * The last worker to arrive at a barrier resets NEXT_CHUNK and ARRIVED, then releases the others.
 *
 * Control words, i32 from `map.control` on:
 *
 *   0  COMMANDS    number of commands issued; idle threads wait for it to change
 *   1  COMMAND     RUN, UPDATE, PACK, SQUARE or CLOSE
 *   2  PROGRAM     index of the command's program
 *   3  DOCUMENTS   of a run: length of the list of documents
 *   4  FIRST_ROW   of a run
 *   5  ACCUMULATE  of a run: 1 or 0
 *   6  DROPOUT     of a run: `dropoutSeed`
 *   7  FIRST_TOKEN of a run
 *   8  GENERATION  number of barriers passed; threads at a barrier wait for it to change
 *   9  ARRIVED     workers that have arrived at the next barrier
 *  10  NEXT_CHUNK  next chunk of the section that no worker has taken
 *  16  LOSS_SCALE  of a run: an f64 in words 16 and 17
 */
import type { RunOptions } from "../../tensor/backend.ts";
import type { Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { newSingleBarrier, WasmWorker } from "./worker.ts";
import type { Barrier } from "./worker.ts";

const [COMMANDS, COMMAND, PROGRAM, DOCUMENTS, FIRST_ROW, ACCUMULATE, DROPOUT, FIRST_TOKEN] = [0, 1, 2, 3, 4, 5, 6, 7];
const [GENERATION, ARRIVED, NEXT_CHUNK] = [8, 9, 10];
const LOSS_SCALE_BYTE = 64;
const [RUN, UPDATE, PACK, SQUARE, CLOSE] = [1, 2, 3, 4, 5];

/**
 * Spins before a futex wait: sleeping and waking take about 20 µs, a spin about 10 ns. A training step of a small model
 * takes 100 µs and has six barriers.
 */
const SPINS = 20_000;

/** What all workers of a session are made from. It can be posted to a thread: a shared memory stays shared. */
export interface PoolTask {
  /** Layout of the weights. */
  readonly layout: Layout;
  /** All programs of the session. */
  readonly programs: readonly Program[];
  /** Memory map of the session. */
  readonly map: WasmMemoryMap;
  /** Memory of the session; shared if there are several workers. */
  readonly memory: WebAssembly.Memory;
  /** Whether multiply-add is rounded twice: the same bits on every machine. */
  readonly strict: boolean;
  /** Number of workers, the calling thread included. */
  readonly count: number;
}

/** What one thread is given. */
export interface ThreadTask extends PoolTask {
  /** Index of its worker, from 1. */
  readonly index: number;
  /** The kernels, compiled by worker 0. */
  readonly module: WebAssembly.Module;
}

/** A thread that has received its task. */
export interface Thread {
  /** Ends the thread. */
  stop(): void;
}

/** Starts a thread that calls `serve` with the task. Resolves when it has received the task; rejects if it can't start. */
export type StartThread = (task: ThreadTask) => Promise<Thread>;

/** All workers of a session. Each method but `close` blocks until all of them have finished. */
export interface WorkerPool {
  /** Runs a program, by index, over the packed tokens in memory. `documents` are those in memory, too. */
  run(program: number, documents: Int32Array, options: RunOptions): void;
  /** Runs a program's update: Adam's step for every weight, with the numbers in memory. */
  update(program: number): void;
  /** Packs all weights for the forward products. */
  pack(): void;
  /** Sums the squares of all gradients, by rows of 8. */
  square(): void;
  /** Stops the threads. */
  close(): void;
}

/** Makes the calling thread worker 0 and starts `task.count − 1` threads, which need `startThread`. */
export async function startWorkers(task: PoolTask, startThread: StartThread | null): Promise<WorkerPool> {
  const { layout, programs, map, memory, strict, count } = task;
  const words = new Int32Array(memory.buffer, map.control);
  const barrier = count === 1 ? newSingleBarrier() : newSharedBarrier(words, count);
  const share = { index: 0, count };
  const worker = new WasmWorker(layout, programs, map, memory, { share, barrier, strict, module: null });
  const threads: Thread[] = [];
  for (let index = 1; index < count; index++) {
    threads.push(await startThread!({ ...task, index, module: worker.module }));
  }
  const issue = (command: number, program: number): void => {
    words[COMMAND] = command;
    words[PROGRAM] = program;
    if (count === 1) return;
    Atomics.add(words, COMMANDS, 1);
    Atomics.notify(words, COMMANDS);
  };
  return {
    run(program, documents, options) {
      if (count > 1) {
        words[DOCUMENTS] = documents.length;
        words[FIRST_ROW] = options.firstRow;
        words[ACCUMULATE] = options.accumulate ? 1 : 0;
        words[DROPOUT] = options.dropoutSeed;
        words[FIRST_TOKEN] = options.firstToken;
        new Float64Array(memory.buffer, map.control + LOSS_SCALE_BYTE, 1)[0] = options.lossScale;
        issue(RUN, program);
      }
      worker.run(programs[program], documents, options);
    },
    update(program) {
      issue(UPDATE, program);
      runCommand(worker, task, words);
    },
    pack() {
      issue(PACK, 0);
      runCommand(worker, task, words);
    },
    square() {
      issue(SQUARE, 0);
      runCommand(worker, task, words);
    },
    close() {
      issue(CLOSE, 0);
      for (const thread of threads) thread.stop();
    },
  };
}

/** Runs commands in a thread until the pool is closed. It blocks the thread: no other event is handled there. */
export function serve(task: ThreadTask): void {
  const { layout, programs, map, memory, strict, count, index, module } = task;
  const words = new Int32Array(memory.buffer, map.control);
  const barrier = newSharedBarrier(words, count);
  const share = { index, count };
  const worker = new WasmWorker(layout, programs, map, memory, { share, barrier, strict, module });
  for (let done = 0; ; done++) {
    waitWhile(words, COMMANDS, done);
    if (words[COMMAND] === CLOSE) return;
    runCommand(worker, task, words);
  }
}

/** Runs the current command, read from the control words. */
function runCommand(worker: WasmWorker, { programs, map, memory }: PoolTask, words: Int32Array): void {
  const program = programs[words[PROGRAM]];
  if (words[COMMAND] === UPDATE) return worker.update(program);
  if (words[COMMAND] === PACK) return worker.pack();
  if (words[COMMAND] === SQUARE) return worker.square();
  const documents = new Int32Array(memory.buffer, map.documents, words[DOCUMENTS]);
  const [lossScale] = new Float64Array(memory.buffer, map.control + LOSS_SCALE_BYTE, 1);
  worker.run(program, documents, {
    firstRow: words[FIRST_ROW],
    lossScale,
    accumulate: words[ACCUMULATE] === 1,
    dropoutSeed: words[DROPOUT],
    firstToken: words[FIRST_TOKEN],
  });
}

/** The barrier of several workers: the last to arrive releases the others. */
function newSharedBarrier(words: Int32Array, count: number): Barrier {
  return {
    nextChunk: () => Atomics.add(words, NEXT_CHUNK, 1),
    wait() {
      const generation = Atomics.load(words, GENERATION);
      if (Atomics.add(words, ARRIVED, 1) === count - 1) {
        Atomics.store(words, ARRIVED, 0);
        Atomics.store(words, NEXT_CHUNK, 0);
        Atomics.add(words, GENERATION, 1);
        Atomics.notify(words, GENERATION);
      } else {
        waitWhile(words, GENERATION, generation);
      }
    },
  };
}

/** Waits while the word has this value: spins first, then sleeps. The main thread of a page must not sleep; it spins on. */
function waitWhile(words: Int32Array, index: number, value: number): void {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, index) !== value) return;
  while (Atomics.load(words, index) === value) {
    if (MAY_SLEEP) Atomics.wait(words, index, value);
  }
}

/** False on the main thread of a page, where `Atomics.wait` throws. */
const MAY_SLEEP = typeof document === "undefined";
