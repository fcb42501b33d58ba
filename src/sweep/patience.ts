/**
 * How often to ask a cluster, and for how long to ask one that does not answer. Pure but for the clock; what is asked is
 * in `slurm-pool.ts`.
 */
import { InputError, quote } from "../errors.ts";

/** Times in milliseconds. */
export interface Pace {
  /** Between the first two looks at the queue; later ones are further apart, to spare the controller. */
  readonly firstPollMs: number;
  /** Between two looks at the queue, at most. */
  readonly maxPollMs: number;
  /** How long the cluster may be out of reach, or refuse to take a run again, before the sweep ends. */
  readonly patienceMs: number;
  /** How long a task may be absent from the queue without a known end: queues, accounts and shared disks lag behind. */
  readonly graceMs: number;
}

const DEFAULT_PACE: Pace = { firstPollMs: 500, maxPollMs: 15_000, patienceMs: 600_000, graceMs: 90_000 };
/** Growth of the time between two looks at the queue, and between two attempts that fail; the latter's limit. */
const [POLL_GROWTH, BACK_OFF, MAX_BACK_OFF_MS] = [1.1, 2, 60_000];

/** The pace of a sweep: the default, with the patience of MICROGPT_SLURM_PATIENCE, in seconds. Throws InputError. */
export function paceOf({ MICROGPT_SLURM_PATIENCE: seconds }: NodeJS.ProcessEnv): Pace {
  if (seconds === undefined) return DEFAULT_PACE;
  const patienceMs = 1000 * Number(seconds);
  if (seconds.trim() !== "" && patienceMs >= 0) return { ...DEFAULT_PACE, patienceMs };
  throw new InputError(`MICROGPT_SLURM_PATIENCE: expected seconds, 0 or more, got ${quote(seconds)}`);
}

/** Waits longer and longer: a little between answers, and twice as long after each failure. */
export class Patience {
  readonly #pace: Pace;
  #pollMs: number;
  #failures = 0;
  #heardMs = performance.now();

  /** Its patience begins now. */
  constructor(pace: Pace) {
    this.#pace = pace;
    this.#pollMs = pace.firstPollMs;
  }

  /** Whether the last attempt failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Notes a sign of life: patience begins anew. */
  hear(): void {
    this.#heardMs = performance.now();
  }

  /** Notes a success. Returns the milliseconds until the next look. */
  succeed(): number {
    this.hear();
    this.#failures = 0;
    this.#pollMs = Math.min(this.#pace.maxPollMs, this.#pollMs * POLL_GROWTH);
    return this.#pollMs;
  }

  /** Notes a failure. Returns the milliseconds until the next attempt; null: the patience is at its end. */
  fail(): number | null {
    if (performance.now() - this.#heardMs >= this.#pace.patienceMs) return null;
    return Math.min(MAX_BACK_OFF_MS, this.#pace.firstPollMs * BACK_OFF ** this.#failures++);
  }
}
