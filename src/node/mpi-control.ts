/**
 * Memory that the main thread shares with the thread that speaks MPI, as a ring of tasks:
 *
 *   words     i32   0 POSTED: tasks posted by the main thread, 1 DONE: tasks done, 2 WAITING: 1 while the main thread sleeps
 *                   until all are done
 *   tasks     f64   three per task: what to do, an address, a count; task t from 3 · (t mod MAX_TASKS) on
 *   numbers   f64   to sum
 *   text      u8    a failure, in UTF-8
 */

/** What the main thread asks for. `fail` ends all ranks. */
export const TASKS = { sumFloats: 0, sumDoubles: 1, fail: 2, leave: 3 } as const;
/** Tasks that may wait at once. */
export const MAX_TASKS = 128;
/** Most numbers of a sum of doubles. */
export const MAX_NUMBERS = 8192;
/** Most bytes of a failure's text. */
export const MAX_TEXT = 4096;
/** Index in `words`: tasks posted. */
export const POSTED = 0;
/** Index in `words`: tasks done. */
export const DONE = 1;
/** Index in `words`: whether the main thread sleeps. */
export const WAITING = 2;

const WORDS = 16;
const TASK_NUMBERS = 3 * MAX_TASKS;

/** Bytes of the shared memory. */
export const CONTROL_BYTES: number = 4 * WORDS + 8 * TASK_NUMBERS + 8 * MAX_NUMBERS + MAX_TEXT;

/** The shared memory, as drawn above. */
export interface Control {
  /** [16]. */
  readonly words: Int32Array;
  /** [3 · MAX_TASKS]. */
  readonly tasks: Float64Array;
  /** [MAX_NUMBERS]. */
  readonly numbers: Float64Array;
  /** [MAX_TEXT]. */
  readonly text: Uint8Array;
}

/** The parts of the shared memory. */
export function controlOf(memory: SharedArrayBuffer): Control {
  const tasks = 4 * WORDS;
  const numbers = tasks + 8 * TASK_NUMBERS;
  return {
    words: new Int32Array(memory, 0, WORDS),
    tasks: new Float64Array(memory, tasks, TASK_NUMBERS),
    numbers: new Float64Array(memory, numbers, MAX_NUMBERS),
    text: new Uint8Array(memory, numbers + 8 * MAX_NUMBERS, MAX_TEXT),
  };
}
