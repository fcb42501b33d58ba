/** The output of a sweep, as interfaces. `cli/sweep-view.ts` and `cli/sweep.ts` implement them. */
import type { ReportRun } from "../experiments/report-data.ts";
import type { Reporter } from "../run/reporter.ts";
import type { TaskEvent } from "./pool.ts";

/** Shows the progress of a sweep's runs. */
export interface SweepView {
  /** Shows an event. @param result of a finished run, in bits per byte; else null. */
  pool(event: TaskEvent, result: number | null): void;
  /** Shows a message. */
  note(message: string): void;
  /** Shows a warning. */
  warn(message: string): void;
  /** Shows the final state; only messages follow. */
  end(): void;
}

/** All output of a sweep, from its plan to its results. */
export interface SweepOutput {
  /** Receives progress and warnings while texts and pages are read. */
  readonly reporter: Reporter;
  /** Opens a view. @param names of the runs that are still to do. @param finished number of runs done before. */
  readonly openView: (names: readonly string[], finished: number) => SweepView;
  /** Prints text unchanged: the plan or the script of `--dry-run`. */
  readonly print: (text: string) => void;
  /** Prints the table of results. */
  readonly results: (runs: readonly ReportRun[]) => void;
}
