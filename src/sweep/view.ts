/** How a sweep says what it does; who listens (`cli/sweep-view.ts`) is not known here. */
import type { ReportRun } from "../experiments/report-data.ts";
import type { Reporter } from "../run/reporter.ts";
import type { PoolEvent } from "./pool.ts";

export interface SweepView {
  /** A pool's event; `result` is what a finished run has reached, in bits a byte. */
  pool(event: PoolEvent, result: number | null): void;
  note(message: string): void;
  warn(message: string): void;
  /** Nothing moves any more. */
  end(): void;
}

/** What a sweep prints, from its plan to its results. */
export interface SweepOutput {
  /** Hears of texts and pages while they are gathered. */
  readonly reporter: Reporter;
  /** A view of the runs that are still to do. @param finished runs before those `names`. */
  readonly openView: (names: readonly string[], finished: number) => SweepView;
  /** Prints lines as they are: the plan of `--dry-run`, a script. */
  readonly print: (text: string) => void;
  /** Prints the table of results. */
  readonly results: (runs: readonly ReportRun[]) => void;
}
