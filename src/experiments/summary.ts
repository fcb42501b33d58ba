/**
 * A sweep's results as JSON and CSV, best first. They contain no times, memory or paths, so that a sweep gives the same
 * bytes however often it was interrupted.
 */
import { groupsOf, importances, ranked } from "./analysis.ts";
import type { ReportRun } from "./report-data.ts";

/** The fields of a run that a summary contains. */
export type SummaryRun = Pick<
  ReportRun,
  | "name"
  | "state"
  | "failure"
  | "settings"
  | "parameters"
  | "vocabSize"
  | "step"
  | "numSteps"
  | "bestStep"
  | "heldOutLoss"
  | "bitsPerByte"
  | "worseThan"
  | "heldOutText"
>;

const COLUMNS = [
  "state",
  "parameters",
  "vocabSize",
  "step",
  "numSteps",
  "bestStep",
  "heldOutLoss",
  "bitsPerByte",
  "worseThan",
  "heldOutText",
  "failure",
] as const satisfies readonly (keyof SummaryRun)[];

/**
 * The results as plain JSON. `settings` groups runs that differ only in their seed; it is omitted if there are none.
 */
export function summaryJson(runs: readonly SummaryRun[]): object {
  const groups = groupsOf(runs);
  const isRepeated = groups.some((group) => group.runs > 1);
  return {
    format: "microgpt-sweep-summary",
    version: 1,
    runs: ranked(runs).map(summaryOf),
    ...(isRepeated ? { settings: groups } : {}),
    importance: importances(runs),
  };
}

/** Picks the fields of a summary, in a fixed order. */
const summaryOf = ({ name, settings, ...run }: SummaryRun): object => ({
  name,
  settings,
  ...Object.fromEntries(COLUMNS.map((column) => [column, run[column]])),
});

/** The results as CSV (RFC 4180), with a header. @param more further fields to append as columns. */
export function summaryCsv(runs: readonly SummaryRun[], more: readonly (keyof ReportRun)[] = []): string {
  const options = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const columns = [...COLUMNS, ...more];
  const lines = ranked(runs).map((run) => {
    const fields: Readonly<Record<string, unknown>> = { ...run };
    return [run.name, ...options.map((option) => run.settings[option]), ...columns.map((column) => fields[column])];
  });
  return [["name", ...options, ...columns], ...lines].map((line) => `${line.map(csvField).join(",")}\r\n`).join("");
}

function csvField(value: unknown): string {
  const text = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  // Spreadsheets run cells that begin with these as formulas, and a failure's message may quote any text.
  const safe = typeof value === "string" && /^[=+@\t\r-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
