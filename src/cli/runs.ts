/** `microgpt runs`: lists the runs and sweeps of a directory, or removes some. What they are is in `sweep/run-list.ts`. */
import { confirm, isCancel } from "@clack/prompts";
import { InputError, showPath } from "../errors.ts";
import { duration, grouped, jsonLine, printable } from "../run/format.ts";
import { checkRemovable, removeRun } from "../sweep/remove-run.ts";
import { listRuns } from "../sweep/run-list.ts";
import type { ListedRun } from "../sweep/run-list.ts";
import { tableLines } from "./table.ts";
import { paint } from "./terminal.ts";

/** Prints the runs and sweeps, the newest first. */
export function printRuns(directory: string, json: boolean): number {
  const runs = listRuns(directory);
  if (json) {
    for (const { writtenMs, ...run } of runs)
      process.stdout.write(jsonLine({ event: run.kind, ...run, written: new Date(writtenMs).toISOString() }));
  } else if (runs.length === 0) {
    process.stdout.write(`there is no run in ${showPath(directory)} yet; microgpt train makes one\n`);
  } else {
    for (const line of listLines(runs)) process.stdout.write(`${line}\n`);
  }
  return 0;
}

/** The table, and below it what is wrong with damaged runs. */
function listLines(runs: readonly ListedRun[]): string[] {
  const columns = [
    { name: "run", isNumber: false },
    { name: "state", isNumber: false },
    ...["steps", "parameters", "bits/byte", "written"].map((name) => ({ name, isNumber: true })),
    { name: "data", isNumber: false },
  ];
  const [head, ...lines] = tableLines(columns, runs.map(cellsOf));
  const problems = runs.flatMap(({ problem }) => (problem === null ? [] : [printable(problem)]));
  return [paint("bold", head), ...lines, ...problems];
}

function cellsOf(run: ListedRun): string[] {
  const { name, kind, state, done, total, parameters, bitsPerByte, writtenMs, data } = run;
  const steps = done === total ? grouped(total) : `${grouped(done)}/${grouped(total)}`;
  return [
    name,
    state,
    state === "damaged" ? "" : kind === "sweep" ? `${steps} runs` : steps,
    parameters === null ? "" : grouped(parameters),
    bitsPerByte === null ? "" : bitsPerByte.toFixed(4),
    whenText(writtenMs),
    data ?? "",
  ];
}

const DAY_MS = 24 * 3600 * 1000;

/** `3m05s ago`, or after a day the date here. */
function whenText(ms: number): string {
  const age = Date.now() - ms;
  if (age < DAY_MS) return `${duration(age / 1000)} ago`;
  return new Date(ms - 60_000 * new Date(ms).getTimezoneOffset()).toISOString().slice(0, 10);
}

/**
 * Removes runs and sweeps, after a question at a terminal. Throws InputError, before anything is removed, for one that must
 * not be, and where nobody can be asked. Resolves to 130 if the answer is no.
 */
export async function removeRuns(
  paths: readonly string[],
  { yes, json }: { readonly yes: boolean; readonly json: boolean },
): Promise<number> {
  for (const path of paths) checkRemovable(path);
  const names = paths.map(showPath).join(", ");
  if (!yes) {
    if (!process.stdin.isTTY || !process.stdout.isTTY)
      throw new InputError(`runs rm asks before it removes ${names}, and this is not a terminal; add --yes`);
    const answer = await confirm({ message: `Remove ${names} for good?`, initialValue: false });
    if (isCancel(answer) || !answer) {
      process.stdout.write("nothing was removed\n");
      return 130;
    }
  }
  for (const path of paths) {
    removeRun(path);
    process.stdout.write(json ? jsonLine({ event: "removed", run: path }) : `removed ${printable(path)}\n`);
  }
  return 0;
}
