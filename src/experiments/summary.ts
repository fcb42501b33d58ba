/**
 * A sweep's results as JSON and as CSV: what was reached, best first. No time, no memory, no place: the same sweep has the
 * same bytes, however it was interrupted.
 */
import { groupsOf, importances, ranked } from "./analysis.ts";
import type { ReportRun } from "./report-data.ts";

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
  "failure",
] as const satisfies readonly (keyof SummaryRun)[];

/** Plain JSON. `settings`: runs with the same, but for their seed, as one; only where there are such. */
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

/** Only what belongs here, whatever else the run has. */
const summaryOf = ({ name, settings, ...run }: SummaryRun): object => ({
  name,
  settings,
  ...Object.fromEntries(COLUMNS.map((column) => [column, run[column]])),
});

/** As RFC 4180 has it, with a line of names. */
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
  // A sheet takes what begins with one of these for a formula, and a failure's message may be anybody's text.
  const safe = typeof value === "string" && /^[=+@\t\r-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
