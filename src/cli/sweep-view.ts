/**
 * Shows the progress of a sweep: on a terminal a table with one row per run, redrawn; in a pipe one line per event;
 * with `--json` one object per event. It only prints; the results' table is in `compare.ts`.
 */
import { createLogUpdate } from "log-update";
import type { TaskEvent } from "../sweep/pool.ts";
import type { SweepView } from "../sweep/view.ts";
import { droppedOf, tableLines } from "./table.ts";
import { paint } from "./terminal.ts";
import { duration, grouped, jsonLine, printable, sparkline, warningLine } from "../run/format.ts";

/**
 * The view for this output.
 *
 * @param names of the runs that are still to do, in order.
 * @param finished number of runs done before.
 */
export function createSweepView(json: boolean, names: readonly string[], finished: number): SweepView {
  if (json) return new JsonView();
  return process.stdout.isTTY ? new TableView(names, finished) : new PlainView(names.length + finished, finished);
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const bits = (value: number | null): string => (value === null ? "" : value.toFixed(4));

/** One line per change of a run's state. */
class PlainView implements SweepView {
  readonly #count: number;
  readonly #startedMs = new Map<string, number>();
  #finished: number;

  constructor(count: number, finished: number) {
    this.#count = count;
    this.#finished = finished;
  }

  pool(event: TaskEvent, result: number | null): void {
    const { type, name } = event;
    if (type === "started") {
      this.#startedMs.set(name, performance.now());
      print(`started   ${name}`);
    } else if (type === "finished") {
      this.#finished++;
      const took = duration((performance.now() - (this.#startedMs.get(name) ?? 0)) / 1000);
      const reached = result === null ? "" : `  ${bits(result)} bits per byte`;
      print(`finished  ${name}${reached}  ${took}  (${this.#finished} of ${this.#count})`);
    } else if (type === "killed") {
      print(`stopped   ${name}`);
    } else if (type === "failed") {
      this.warn(`${name}: ${event.failure.message}`);
    }
  }

  note(message: string): void {
    print(printable(message));
  }

  warn(message: string): void {
    process.stderr.write(warningLine(message));
  }

  end(): void {}
}

/** The state of a run, as its row shows it. */
interface Row {
  state: "waiting" | "running" | "interrupted" | "finished" | "failed";
  step: number;
  numSteps: number;
  loss: number | null;
  heldOutLoss: number | null;
  result: number | null;
  tokensPerSecond: number;
  etaSeconds: number;
  readonly losses: number[];
}

const newRow = (): Row => ({
  state: "waiting",
  step: 0,
  numSteps: 0,
  loss: null,
  heldOutLoss: null,
  result: null,
  tokensPerSecond: 0,
  etaSeconds: 0,
  losses: [],
});

const NAMES = ["run", "state", "step", "loss", "held-out", "bits/byte", "tokens/s", "ETA", ""];
/** What a narrow terminal does without, the first first. */
const DROPPED = ["", "tokens/s", "loss", "ETA", "bits/byte", "held-out"];
const COLUMNS = NAMES.map((name, i) => ({
  name,
  isNumber: i > 1 && i < 8,
  dropped: droppedOf(DROPPED, name),
}));
const CURVE_WIDTH = 16;
const DRAW_MS = 100;

/** A table that is redrawn in place, with messages above it. */
class TableView implements SweepView {
  readonly #rows: Map<string, Row>;
  readonly #log = createLogUpdate(process.stdout);
  readonly #finishedBefore: number;
  #drawnMs = -Infinity;
  #hasEnded = false;

  constructor(names: readonly string[], finished: number) {
    this.#rows = new Map(names.map((name) => [name, newRow()]));
    this.#finishedBefore = finished;
  }

  pool(event: TaskEvent, result: number | null): void {
    const row = this.#rows.get(event.name);
    if (row === undefined) return;
    if (event.type === "event") follow(row, event.event);
    else
      row.state = ({ started: "running", killed: "interrupted", finished: "finished", failed: "failed" } as const)[
        event.type
      ];
    if (event.type === "finished") row.result = result;
    if (event.type === "failed") this.warn(`${event.name}: ${event.failure.message}`);
    this.#draw(event.type !== "event");
  }

  note(message: string): void {
    this.#above(() => print(printable(message)));
  }

  warn(message: string): void {
    this.#above(() => void process.stderr.write(warningLine(message)));
  }

  end(): void {
    this.#draw(true);
    this.#log.done();
    this.#hasEnded = true;
  }

  #above(write: () => void): void {
    if (this.#hasEnded) return write();
    this.#log.clear();
    write();
    this.#draw(true);
  }

  #draw(now: boolean): void {
    if (!now && performance.now() - this.#drawnMs < DRAW_MS) return;
    this.#drawnMs = performance.now();
    const maxRows = Math.max(3, (process.stdout.rows || 24) - 5);
    const order = ["running", "failed", "interrupted", "waiting", "finished"];
    const rows = [...this.#rows];
    // More runs than lines: running ones are shown first, and the status line counts the rest.
    const shown =
      rows.length <= maxRows
        ? rows
        : rows.toSorted(([, a], [, b]) => order.indexOf(a.state) - order.indexOf(b.state)).slice(0, maxRows);
    const width = (process.stdout.columns || 80) - 1;
    const lines = tableLines(
      COLUMNS,
      shown.map(([name, row]) => cellsOf(name, row)),
      width,
    );
    const count = (state: Row["state"]): number => rows.filter(([, row]) => row.state === state).length;
    const status = (["running", "interrupted", "waiting", "finished", "failed"] as const)
      .map((state) => [state, count(state) + (state === "finished" ? this.#finishedBefore : 0)] as const)
      .flatMap(([state, number]) => (number > 0 ? [`${number} ${state}`] : []))
      .join(", ");
    const cut = [paint("bold", lines[0].slice(0, width)), ...lines.slice(1).map((line) => line.slice(0, width))];
    this.#log([...cut, "", paint("dim", status)].join("\n"));
  }
}

/** Updates a row from an event that its run printed. */
function follow(row: Row, { event, ...fields }: Readonly<Record<string, unknown>>): void {
  if (event !== "step") return;
  const number = (key: string): number => (typeof fields[key] === "number" ? fields[key] : 0);
  const loss = number("meanLoss");
  Object.assign(row, {
    step: number("step"),
    numSteps: number("numSteps"),
    loss,
    heldOutLoss: typeof fields.heldOutLoss === "number" ? fields.heldOutLoss : null,
    tokensPerSecond: number("tokensPerSecond"),
    etaSeconds: number("etaSeconds"),
  });
  row.losses.push(loss);
}

function cellsOf(name: string, row: Row): string[] {
  const { state, step, numSteps, loss, heldOutLoss, result, tokensPerSecond, etaSeconds, losses } = row;
  const isRunning = state === "running" && numSteps > 0;
  return [
    name,
    state,
    numSteps === 0 ? "" : `${grouped(step)}/${grouped(numSteps)}`,
    bits(loss),
    bits(heldOutLoss),
    bits(result),
    isRunning ? grouped(tokensPerSecond) : "",
    isRunning ? duration(etaSeconds) : "",
    losses.length > 0 ? sparkline(losses, CURVE_WIDTH) : "",
  ];
}

/** Prints the pool's events and those of the runs, one JSON object per line. */
class JsonView implements SweepView {
  pool(event: TaskEvent, result: number | null): void {
    if (event.type === "event") this.#print({ ...event.event, run: event.name });
    else this.#print({ ...event, type: undefined, event: event.type, bitsPerByte: result ?? undefined });
  }

  note(message: string): void {
    this.#print({ event: "note", message });
  }

  warn(message: string): void {
    this.#print({ event: "warning", message });
  }

  end(): void {}

  #print(event: object): void {
    process.stdout.write(jsonLine(event));
  }
}
