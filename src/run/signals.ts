/**
 * SIGINT (Ctrl-C), SIGTERM and SIGHUP (a closed terminal) ask a training to stop: it saves between two steps and ends.
 * A second signal ends the process at once.
 *
 * Of several ranks each may be asked; they agree (`training/ranks.ts`) and stop after the same step. There, further signals
 * change nothing: a launcher and a terminal may both send one, and a launcher that loses patience kills.
 */
import { setImmediate } from "node:timers/promises";
import type { Ranks } from "../training/ranks.ts";
import { errorCode } from "../node/files.ts";

/** Signals and their exit codes: 128 + the signal's number, as in shells. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** SIGPIPE's exit code: the reader of our output closed the pipe. */
const PIPE_CLOSED = 141;

/** Milliseconds between turns of the event loop, in which signals are delivered. */
const YIELD_MS = 20;

/** Whether a signal, or a closed pipe, has asked to stop. */
export class StopRequest {
  /** The exit code to stop with; null while nothing asks to stop. */
  exitCode: number | null = null;
  /** Called on every signal, and when the output fails. While it is null, a second signal ends the process at once. */
  onStop: (() => void) | null = null;
  /** The ranks that must agree; null: none, or no longer. */
  #ranks: Ranks | null = null;
  #lastYieldMs = performance.now();

  /**
   * Listens for signals while `work` is running. Work that holds a lock must take and release it inside: a signal
   * without a listener kills the process, and its lock stays behind.
   */
  static async during<Result>(
    work: (stop: StopRequest) => Promise<Result>,
    ranks: Ranks | null = null,
  ): Promise<Result> {
    const stop = new StopRequest();
    stop.#ranks = ranks;
    process.stdout.off("error", exitOnError); // there is something to save now
    for (const signal of Object.keys(EXIT_CODES)) process.on(signal, stop.#onSignal);
    process.stdout.on("error", stop.#onOutputError);
    try {
      return await work(stop);
    } finally {
      for (const signal of Object.keys(EXIT_CODES)) process.off(signal, stop.#onSignal);
      process.stdout.off("error", stop.#onOutputError);
      // What stopped the work has been said; every further write to a full disk fails again.
      if (stop.exitCode === null) exitOnOutputError();
      else process.stdout.on("error", ignoreError);
    }
  }

  /** Yields to the event loop every few milliseconds so that signals arrive; resolves to whether to stop. */
  async heard(): Promise<boolean> {
    if (performance.now() - this.#lastYieldMs > YIELD_MS) {
      await setImmediate();
      this.#lastYieldMs = performance.now();
    }
    this.exitCode ??= this.#ranks?.agreedStop ?? null;
    return this.exitCode !== null;
  }

  /** From now on this process stops by itself: the ranks have done their common work. */
  stopAlone(): void {
    this.exitCode ??= this.#ranks?.wish ?? null;
    this.#ranks = null;
  }

  readonly #onSignal = (signal: keyof typeof EXIT_CODES): void => {
    if (this.#ranks !== null) {
      this.#ranks.wish ??= EXIT_CODES[signal];
      return;
    }
    if (this.exitCode !== null && this.onStop === null) process.exit(EXIT_CODES[signal]);
    this.exitCode = EXIT_CODES[signal];
    this.onStop?.();
  };

  readonly #onOutputError = (error: Error): void => {
    if (this.exitCode !== null || (this.#ranks?.wish ?? null) !== null) return;
    const exitCode = outputExitCode(error);
    if (this.#ranks === null) this.exitCode = exitCode;
    else this.#ranks.wish = exitCode;
    this.onStop?.();
  };
}

/** From now on signals that ask to stop do nothing. */
export function ignoreSignals(): void {
  for (const signal of Object.keys(EXIT_CODES)) process.on(signal, () => {});
}

/**
 * Ends the process when its output cannot be written, except `during` work that has something to save. What cannot be
 * written to the error output is lost: there is nowhere to say so.
 */
export function exitOnOutputError(): void {
  if (!process.stdout.listeners("error").includes(exitOnError)) process.stdout.on("error", exitOnError);
  if (!process.stderr.listeners("error").includes(ignoreError)) process.stderr.on("error", ignoreError);
}

const exitOnError = (error: Error): void => process.exit(outputExitCode(error));
const ignoreError = (): void => {};

/** A closed pipe (`| head`) is not an error; any other reason is printed. */
function outputExitCode(error: Error): number {
  if (errorCode(error) === "EPIPE") return PIPE_CLOSED;
  process.stderr.write(`microgpt: cannot write the output: ${error.message}\n`);
  return 1;
}
