/** What a sweep prints, as interfaces; `cli/sweep-view.ts` implements them. */
import type { ReportRun } from "../experiments/report-data.ts";
import type { Reporter } from "../run/reporter.ts";
import type { PoolEvent } from "./pool.ts";

/** Shows the progress of a sweep. */
export interface SweepView {
  /** Shows an event; `result` is a finished run's, in bits per byte. */
  pool(event: PoolEvent, result: number | null): void;
  /** Shows a message. */
  note(message: string): void;
  /** Shows a warning. */
  warn(message: string): void;
  /** Shows the final state. */
  end(): void;
}

/** Where a sweep prints, from its plan to its results. */
export interface SweepOutput {
  /** Is told about texts and pages while they are read. */
  readonly reporter: Reporter;
  /** A view of the runs that are still to do. @param finished runs before those `names`. */
  readonly openView: (names: readonly string[], finished: number) => SweepView;
  /** Prints lines as they are: the plan of `--dry-run`, a script. */
  readonly print: (text: string) => void;
  /** Prints the table of results. */
  readonly results: (runs: readonly ReportRun[]) => void;
}
