/**
 * Keeps the event loop alive during long work. Engines on the CPU resolve their promises without ever returning to the
 * event loop, so timers, messages, signals and an AbortSignal would wait until all steps or tokens are done.
 */

/** Milliseconds of work between two turns of the event loop: less than a frame of a page at 60 Hz. */
const WORK_MS = 10;

/** Returns to the event loop at most once per `WORK_MS`. One per loop that needs it. */
export class Pacer {
  #lastMs = performance.now();

  /** Resolves at once, or, when it is time, after the event loop has run its timers and messages. */
  async pause(): Promise<void> {
    if (performance.now() - this.#lastMs < WORK_MS) return;
    await nextTask();
    this.#lastMs = performance.now();
  }

  /** Whether `pause` would return to the event loop now: saves a loop of microseconds an `await` that does nothing. */
  get isDue(): boolean {
    return performance.now() - this.#lastMs >= WORK_MS;
  }
}

/** Node's setImmediate, which browsers lack; they have MessageChannel, without the 4 ms that their setTimeout takes. */
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
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    port2.postMessage(null);
  });
}
