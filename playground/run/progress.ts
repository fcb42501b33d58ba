/** Collects what a training reports and sends it at most 20 times per second, however fast the steps come. */
import type { EvaluationEvent, HeldOutResult, StepEvent } from "../../src/index.ts";
import type { ProgressMessage, RunState } from "./protocol.ts";

const MIN_INTERVAL_MS = 50;
/** The speed is the mean over about this long. */
const SPEED_WINDOW_MS = 1000;

/** What the training knows when a message is sent. */
export interface Status {
  readonly state: RunState;
  readonly step: number;
  readonly engine: string;
  readonly why: string | null;
  readonly numSteps: number;
  readonly snapshots: readonly number[];
  readonly failure: string | null;
  readonly measured: HeldOutResult | null;
}

/** Sends a message; `transfer` lists the buffers to move instead of copying. */
export type Send = (message: ProgressMessage, transfer: readonly ArrayBuffer[]) => void;

/** What has happened since the last message. */
export class ProgressReport {
  readonly #send: Send;
  readonly #status: () => Status;
  #points: number[] = [];
  #evaluations: EvaluationEvent[] = [];
  #warnings: string[] = [];
  #sentMs = 0;
  #speed = { sinceMs: 0, tokens: 0, steps: 0 };
  #perSecond = { tokens: 0, steps: 0 };

  /** @param status what is true now. */
  constructor(send: Send, status: () => Status) {
    this.#send = send;
    this.#status = status;
  }

  /** Takes an event of the training; sends if it is time. */
  take(event: StepEvent | EvaluationEvent): void {
    if (event.type === "evaluation") this.#evaluations.push(event);
    else if (event.type === "step") {
      this.#points.push(event.step, event.loss, event.learningRate);
      this.#count(event.tokens);
    }
    if (performance.now() - this.#sentMs >= MIN_INTERVAL_MS) this.send();
  }

  /** Takes a warning for the visitor. */
  warn(message: string): void {
    this.#warnings.push(message);
  }

  /** Starts measuring the speed: a pause does not count. */
  startClock(): void {
    this.#speed = { sinceMs: performance.now(), tokens: 0, steps: 0 };
    this.#perSecond = { tokens: 0, steps: 0 };
  }

  /** Sends now, as when the state changes. */
  send(): void {
    const message = this.next();
    this.#sentMs = performance.now();
    this.#send(message, [message.points.buffer]);
  }

  /** What has happened since the last message; the next one begins here. */
  next(): ProgressMessage {
    const { numSteps, ...status } = this.#status();
    const isPlaying = status.state === "playing";
    const { tokens, steps } = this.#perSecond;
    const message: ProgressMessage = {
      ...status,
      points: Float64Array.from(this.#points),
      evaluations: this.#evaluations,
      tokensPerSecond: isPlaying ? tokens : 0,
      secondsLeft: isPlaying && steps > 0 ? (numSteps - status.step) / steps : null,
      warnings: this.#warnings,
    };
    [this.#points, this.#evaluations, this.#warnings] = [[], [], []];
    return message;
  }

  #count(tokens: number): void {
    this.#speed.tokens += tokens;
    this.#speed.steps++;
    const ms = performance.now() - this.#speed.sinceMs;
    const isFirst = this.#perSecond.steps === 0 && ms > 100;
    if (ms < SPEED_WINDOW_MS && !isFirst) return;
    this.#perSecond = { tokens: (1000 * this.#speed.tokens) / ms, steps: (1000 * this.#speed.steps) / ms };
    if (ms >= SPEED_WINDOW_MS) this.#speed = { sinceMs: performance.now(), tokens: 0, steps: 0 };
  }
}
