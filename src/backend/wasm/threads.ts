/**
 * Several workers over one shared memory. The calling thread is the first of them: it says what is to be done, takes
 * its share, and meets the others where all must have come as far.
 *
 * Control words (i32, from `map.control` on): 0 counts the orders; 1 the order, 2 its program, 3–5 its numbers;
 * 8 counts the meetings, 9 who has arrived at the next, 10 the parts of the section that are taken. The loss's scale is
 * an f64 behind them.
 */
import type { RunOptions } from "../../tensor/backend.ts";
import type { Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import type { Multiply } from "./compiler.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { newSingleBarrier, WasmWorker } from "./worker.ts";
import type { Barrier } from "./worker.ts";

const [ORDERS, ORDER, PROGRAM, DOCUMENTS, FIRST_ROW, ACCUMULATE, GENERATION, ARRIVED, NEXT_CHUNK] = [
  0, 1, 2, 3, 4, 5, 8, 9, 10,
];
const LOSS_SCALE_BYTE = 64;
const [RUN, UPDATE, PACK, CLOSE] = [1, 2, 3, 4];

/**
 * Looks at a word before one goes to sleep on it: sleeping and waking take about 20 µs, a look 10 ns or so. A step of
 * a small model is 100 µs and has six meetings.
 */
const SPINS = 20_000;

/** What a thread must be told to take part. Structured cloning keeps it whole, the memory shared. */
export interface PoolTask {
  /** Whether products are somebody else's: each thread must find it for itself. */
  readonly usesMultiply: boolean;
  readonly layout: Layout;
  readonly programs: readonly Program[];
  readonly map: WasmMemoryMap;
  readonly memory: WebAssembly.Memory;
  readonly strict: boolean;
  readonly count: number;
}

export interface ThreadTask extends PoolTask {
  readonly index: number;
  readonly module: WebAssembly.Module;
}

/** A thread that has been given its task with `serve`, and is ready. */
export interface Thread {
  stop(): void;
}

/** Starts a thread that calls `serve` with the task; resolves when it is about to. */
export type StartThread = (task: ThreadTask) => Promise<Thread>;

/** Workers that do as they are told, all at once; calls return when all is done. */
export interface WorkerPool {
  run(program: number, documents: Int32Array, options: RunOptions): void;
  update(program: number): void;
  pack(): void;
  close(): void;
}

/** Starts `task.count − 1` threads beside the calling one. */
export async function startWorkers(
  task: PoolTask,
  startThread: StartThread | null,
  multiply: Multiply | null,
): Promise<WorkerPool> {
  const { layout, programs, map, memory, strict, count } = task;
  const words = new Int32Array(memory.buffer, map.control);
  const barrier = count === 1 ? newSingleBarrier() : newSharedBarrier(words, count);
  const share = { index: 0, count };
  const worker = new WasmWorker(layout, programs, map, memory, { share, barrier, strict, multiply, module: null });
  const threads: Thread[] = [];
  for (let index = 1; index < count; index++) {
    threads.push(await startThread!({ ...task, index, module: worker.module }));
  }
  const order = (what: number, program: number): void => {
    words[ORDER] = what;
    words[PROGRAM] = program;
    if (count === 1) return;
    Atomics.add(words, ORDERS, 1);
    Atomics.notify(words, ORDERS);
  };
  return {
    run(program, documents, options) {
      if (count > 1) {
        words[DOCUMENTS] = documents.length;
        words[FIRST_ROW] = options.firstRow;
        words[ACCUMULATE] = options.accumulate ? 1 : 0;
        new Float64Array(memory.buffer, map.control + LOSS_SCALE_BYTE, 1)[0] = options.lossScale;
        order(RUN, program);
      }
      worker.run(programs[program], documents, options);
    },
    update(program) {
      order(UPDATE, program);
      obey(worker, task, words);
    },
    pack() {
      order(PACK, 0);
      obey(worker, task, words);
    },
    close() {
      order(CLOSE, 0);
      for (const thread of threads) thread.stop();
    },
  };
}

/** What a thread does until it is told to stop. It blocks: nothing else can run in it. */
export function serve(task: ThreadTask, multiply: Multiply | null): void {
  const { layout, programs, map, memory, strict, count, index, module } = task;
  const words = new Int32Array(memory.buffer, map.control);
  const barrier = newSharedBarrier(words, count);
  const share = { index, count };
  const worker = new WasmWorker(layout, programs, map, memory, { share, barrier, strict, multiply, module });
  for (let done = 0; ; done++) {
    waitWhile(words, ORDERS, done);
    if (words[ORDER] === CLOSE) return;
    obey(worker, task, words);
  }
}

function obey(worker: WasmWorker, { programs, map, memory }: PoolTask, words: Int32Array): void {
  const program = programs[words[PROGRAM]];
  if (words[ORDER] === UPDATE) return worker.update(program);
  if (words[ORDER] === PACK) return worker.pack();
  const documents = new Int32Array(memory.buffer, map.documents, words[DOCUMENTS]);
  const [lossScale] = new Float64Array(memory.buffer, map.control + LOSS_SCALE_BYTE, 1);
  const options = { firstRow: words[FIRST_ROW], lossScale, accumulate: words[ACCUMULATE] === 1 };
  worker.run(program, documents, options);
}

/** One of several workers. The last to arrive at a meeting lets all others go. */
function newSharedBarrier(words: Int32Array, count: number): Barrier {
  return {
    nextChunk: () => Atomics.add(words, NEXT_CHUNK, 1),
    wait() {
      const before = Atomics.load(words, GENERATION);
      if (Atomics.add(words, ARRIVED, 1) === count - 1) {
        Atomics.store(words, ARRIVED, 0);
        Atomics.store(words, NEXT_CHUNK, 0);
        Atomics.add(words, GENERATION, 1);
        Atomics.notify(words, GENERATION);
      } else {
        waitWhile(words, GENERATION, before);
      }
    },
  };
}

/** Until the word is another: looking first, then asleep. A page's own thread may not sleep, and looks on. */
function waitWhile(words: Int32Array, index: number, value: number): void {
  for (let look = 0; look < SPINS; look++) if (Atomics.load(words, index) !== value) return;
  while (Atomics.load(words, index) === value) {
    if (MAY_SLEEP) Atomics.wait(words, index, value);
  }
}

const MAY_SLEEP = typeof document === "undefined";
