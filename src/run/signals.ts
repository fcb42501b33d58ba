/**
 * Ctrl-C, SIGTERM and a closed terminal ask a training to stop; it does so between two steps, saved. A second signal
 * doesn't ask.
 */
import { setImmediate } from "node:timers/promises";
import { errorCode } from "../node/files.ts";

/** A reason to stop and the exit code that tells it: 128 + the signal's number, as shells have it. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** SIGPIPE's: whoever read our output is gone. */
const PIPE_CLOSED = 141;

/** How long a training may go without looking up; a person takes a second for slow. */
const BREATH_MS = 20;

export class StopRequest {
  /** The exit code to stop with; null while nobody has asked. */
  exitCode: number | null = null;
  #lastBreathMs = performance.now();
  readonly #onStop: (() => void) | null;

  /** @param onStop hears of every signal; without it the second one ends the process. */
  constructor(onStop: (() => void) | null = null) {
    this.#onStop = onStop;
  }

  /** Listens until `stopListening`. */
  listen(): void {
    for (const signal of Object.keys(EXIT_CODES)) process.on(signal, this.#onSignal);
    process.stdout.on("error", this.#onOutputError);
  }

  stopListening(): void {
    for (const signal of Object.keys(EXIT_CODES)) process.off(signal, this.#onSignal);
  }

  /** Lets signals in, at most every few milliseconds; resolves to whether to stop. A busy loop would never hear one. */
  async heard(): Promise<boolean> {
    if (performance.now() - this.#lastBreathMs > BREATH_MS) {
      await setImmediate();
      this.#lastBreathMs = performance.now();
    }
    return this.exitCode !== null;
  }

  readonly #onSignal = (signal: keyof typeof EXIT_CODES): void => {
    if (this.exitCode !== null && this.#onStop === null) process.exit(EXIT_CODES[signal]);
    this.exitCode = EXIT_CODES[signal];
    this.#onStop?.();
  };

  readonly #onOutputError = (error: Error): void => {
    if (this.exitCode !== null) return;
    this.exitCode = outputExitCode(error);
    this.#onStop?.();
  };
}

/** Ends the process where its output can't be written: for commands that have nothing to save. */
export function exitOnOutputError(): void {
  process.stdout.on("error", (error) => process.exit(outputExitCode(error)));
}

/** A reader that has seen enough (`| head`) is no news; any other reason is told. */
function outputExitCode(error: Error): number {
  if (errorCode(error) === "EPIPE") return PIPE_CLOSED;
  process.stderr.write(`microgpt: cannot write the output: ${error.message}\n`);
  return 1;
}
