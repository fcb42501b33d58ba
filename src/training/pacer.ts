/**
 * Lets the event loop run during long work. CPU engines resolve their promises without returning to the event loop, so
 * timers, messages, signals and an AbortSignal would otherwise wait until all steps or tokens are done.
 */

/** Milliseconds of work between two turns of the event loop: less than a frame at 60 Hz. */
const WORK_MS = 10;

/** Returns to the event loop at most once per `WORK_MS`. Each loop makes its own. */
export class Pacer {
  #lastMs = performance.now();

  /** If due, resolves after the event loop has run its timers and messages; otherwise at once. */
  async pause(): Promise<void> {
    if (performance.now() - this.#lastMs < WORK_MS) return;
    await nextTask();
    this.#lastMs = performance.now();
  }

  /** Whether `pause` would return to the event loop now. Checking first saves a fast loop a useless `await`. */
  get isDue(): boolean {
    return performance.now() - this.#lastMs >= WORK_MS;
  }
}

/** Node's setImmediate. Browsers lack it; there MessageChannel avoids the 4 ms minimum of setTimeout. */
const immediate: unknown = Reflect.get(globalThis, "setImmediate");

/** Resolves in a later task of the event loop. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof immediate === "function") {
      immediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a rule for windows, not ports
    port2.postMessage(null);
  });
}
