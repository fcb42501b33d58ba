/**
 * How a training tells what it does: to a person at a terminal, to a pipe, or to a program (`--json`).
 * One interface; the training does not know who listens.
 */
import type { Baselines } from "../baselines.ts";
import type { PageEvent } from "../pages/pages.ts";
import { Downloads, fetchedText } from "./downloads.ts";
import { cleaningText, counted } from "./cleaning.ts";
import type { Cleaning } from "./cleaning.ts";
import { ReadingLog } from "./reading.ts";
import type { ReadingReport } from "./reading.ts";
import { duration, grouped, jsonLine, paint, printable, sparkline, StatusLine } from "./terminal.ts";

export interface Beginning {
  readonly version: string;
  readonly engine: string;
  /** What "auto" found; null where the engine was asked for. */
  readonly why: string | null;
  readonly run: string;
  readonly resumedAt: number;
  readonly numSteps: number;
  /** How many there are to learn from and held out; what they are. */
  readonly documents: number;
  readonly heldOut: number;
  readonly unit: "document" | "window";
  readonly duplicates: number;
  readonly cleaning: Cleaning;
  /** The share of the tokens that no step learns from. */
  readonly unlearnt: number;
  readonly reference: boolean;
  readonly vocabSize: number;
  readonly parameters: number;
  readonly shape: {
    readonly nLayer: number;
    readonly nEmbd: number;
    readonly nHead: number;
    readonly blockSize: number;
  };
  readonly baselines: Baselines;
}

export interface StepReport {
  readonly step: number;
  readonly numSteps: number;
  readonly loss: number;
  readonly meanLoss: number;
  readonly heldOutLoss: number | null;
  readonly tokensPerSecond: number;
  readonly etaSeconds: number;
}

export interface ResultReport {
  /** Over everything that is held out, with the weights that are kept. */
  readonly heldOutLoss: number;
  /** Of the whole held-out text, as `RunResult` has it. */
  readonly bitsPerByte: number | null;
  /** Whether the model can't look back far enough for the longest of them, and began anew in the middle. */
  readonly beganAnew: boolean;
  readonly documents: number;
  readonly unit: "document" | "window";
  readonly baselines: Baselines;
  readonly bestStep: number;
}

export interface SampleReport {
  readonly text: string;
  /** Whether the very same document is in the data; null where that was not asked. */
  readonly known: boolean | null;
}

export interface Reporter {
  /** A large text is being read. */
  reading(reading: ReadingReport): void;
  /** Something happened to a page that is being fetched. */
  page(event: PageEvent): void;
  begin(beginning: Beginning): void;
  step(report: StepReport): void;
  /** At the evaluation interval, after the step of the same number. */
  milestone(report: StepReport): void;
  /** A step has moved nothing, because a number was not finite; `skipped` of all steps so far did. */
  skipped(step: number, skipped: number): void;
  saved(step: number, run: string): void;
  result(report: ResultReport): void;
  samples(samples: readonly SampleReport[]): void;
  /** Something a person should know, and the run goes on. */
  warn(message: string): void;
  note(message: string): void;
}

/** @param json for a program, with a line for every step, or at most one in so many milliseconds. */
export function createReporter(json: boolean, everyMs: number = 0): Reporter {
  if (json) return new JsonReporter(everyMs);
  return process.stdout.isTTY ? new TerminalReporter() : new PlainReporter();
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const round = (value: number): string => value.toFixed(4);

/** Plain lines, one for every evaluation interval. */
class PlainReporter implements Reporter {
  readonly #reading = new ReadingLog(process.stdout);

  reading(reading: ReadingReport): void {
    this.#reading.report(reading);
  }

  page(event: PageEvent): void {
    if (event.type === "failed") this.warn(`${event.url}: ${event.reason}`);
    if (event.type === "done") print(`fetched    ${printable(event.url)}  ${fetchedText(event)}`);
  }

  begin(beginning: Beginning): void {
    const { version, engine, run, resumedAt, shape, baselines, heldOut, duplicates, unlearnt } = beginning;
    const { uniform, unigram, bigram } = baselines;
    this.#reading.end();
    const learnt = `${counted(beginning.documents, beginning.unit)} to learn`;
    const kept = heldOut > 0 ? `, ${grouped(heldOut)} held out` : "";
    const dropped = duplicates > 0 ? `, ${grouped(duplicates)} duplicates dropped` : "";
    const size = `${shape.nLayer} layer${shape.nLayer === 1 ? "" : "s"}, ${shape.nEmbd} wide, ${shape.nHead} heads`;
    // "wasm, 2 threads" is the "wasm engine, 2 threads".
    print(paint("bold", `microgpt ${version}`) + `  ${engine.replace(/^[^,]+/, "$& engine")}`);
    if (beginning.why !== null) print(`engine     ${beginning.why}`);
    print(`data       ${learnt}${kept}${dropped}; ${grouped(beginning.vocabSize)} tokens`);
    if (unlearnt > 0) print(`           ${unlearntText(beginning)}`);
    const cleaned = cleaningText(beginning.cleaning);
    if (cleaned !== "") print(`cleaned    ${cleaned}`);
    print(`model      ${grouped(beginning.parameters)} parameters: ${size}, block ${shape.blockSize}`);
    print(`baselines  uniform ${round(uniform)}, unigram ${round(unigram)}, bigram ${round(bigram)}`);
    print(`run        ${printable(run)}${resumedAt > 0 ? `, from step ${resumedAt}` : ""}`);
    print("");
  }

  step(_report: StepReport): void {}

  milestone(report: StepReport): void {
    print(statusText(report));
  }

  skipped(step: number, skipped: number): void {
    this.warn(`step ${step} is skipped, its loss or a gradient is no finite number (${grouped(skipped)} so far)`);
  }

  saved(step: number, run: string): void {
    print(`saved step ${step} in ${printable(run)}`);
  }

  result(report: ResultReport): void {
    const { heldOutLoss, bitsPerByte, beganAnew, documents, unit, baselines, bestStep } = report;
    const { uniform, unigram, bigram } = baselines;
    const rank = [
      [bigram, "better than a bigram table"],
      [unigram, "worse than a bigram table, better than letter counts"],
      [uniform, "better than chance"],
    ] as const;
    const verdict = rank.find(([baseline]) => heldOutLoss < baseline)?.[1] ?? "no better than chance";
    print(
      `held-out loss ${round(heldOutLoss)} over all ${counted(documents, unit)}, weights of step ${bestStep}: ${verdict}` +
        ` (${round(bigram)})`,
    );
    const anew = beganAnew ? "; past --block-size the model began anew" : "";
    if (bitsPerByte !== null) print(`held-out text ${round(bitsPerByte)} bits a byte${anew}`);
  }

  samples(samples: readonly SampleReport[]): void {
    if (samples.length === 0) return;
    print("");
    for (const [i, { text, known }] of samples.entries()) {
      const mark = known === null ? "" : known ? paint("dim", "  in the data") : paint("green", "  new");
      const line = printable(text).replaceAll("\n", "⏎");
      print(`sample ${String(i + 1).padStart(2)}: ${line.padEnd(known === null ? 0 : 16)}${mark}`);
    }
  }

  warn(message: string): void {
    process.stderr.write(`microgpt: warning: ${printable(message)}\n`);
  }

  note(message: string): void {
    print(printable(message));
  }
}

function unlearntText({ unlearnt, shape, reference }: Beginning): string {
  const percent =
    unlearnt < 0.01 ? "less than 1 %" : unlearnt > 0.99 ? "more than 99 %" : `${Math.round(100 * unlearnt)} %`;
  const remedy = reference ? "" : "; --stream learns them all";
  return `${percent} of the tokens lie behind --block-size ${shape.blockSize} and are not learnt${remedy}`;
}

function statusText({ step, numSteps, meanLoss, heldOutLoss, tokensPerSecond, etaSeconds }: StepReport): string {
  const heldOut = heldOutLoss === null ? "" : `  held-out ${round(heldOutLoss)}`;
  const done = `step ${String(step).padStart(String(numSteps).length)}/${numSteps}`;
  return `${done}  loss ${round(meanLoss)}${heldOut}  ${grouped(tokensPerSecond)} tokens/s  ETA ${duration(etaSeconds)}`;
}

/** The same, with one living line in place of many. */
class TerminalReporter extends PlainReporter {
  readonly #status = new StatusLine();
  readonly #downloads = new Downloads();
  readonly #losses: number[] = [];

  override page(event: PageEvent): void {
    if (event.type === "bytes") return this.#downloads.bytes(event);
    this.#downloads.end(event.url);
    super.page(event);
    this.#downloads.draw();
  }

  override step(report: StepReport): void {
    this.#losses.push(report.meanLoss);
    this.#status.show(() => `${statusText(report)}  ${sparkline(this.#losses, 16)}`);
  }

  override milestone(_report: StepReport): void {}

  override saved(step: number, run: string): void {
    this.#status.clear();
    super.saved(step, run);
  }

  override result(report: ResultReport): void {
    this.#status.clear();
    if (this.#losses.length > 0) print(`loss ${sparkline(this.#losses, 60)} ${round(this.#losses.at(-1) ?? 0)}`);
    super.result(report);
  }

  override samples(samples: readonly SampleReport[]): void {
    this.#status.clear();
    super.samples(samples);
  }

  override warn(message: string): void {
    this.#status.clear();
    super.warn(message);
  }

  override note(message: string): void {
    this.#status.clear();
    super.note(message);
  }
}

const JSON_READING_MS = 1000;

/** A JSON object a line; `event` says which. Texts are not touched: JSON escapes what a terminal would obey. */
class JsonReporter implements Reporter {
  readonly #everyMs: number;
  #toldMs = performance.now();
  #stepMs = -Infinity;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  reading(reading: ReadingReport): void {
    if (performance.now() - this.#toldMs < JSON_READING_MS) return;
    this.#toldMs = performance.now();
    this.#event("reading", reading);
  }
  page({ type, ...fields }: PageEvent): void {
    if (type !== "bytes") this.#event(type === "done" ? "fetched" : "not fetched", fields);
  }
  begin(beginning: Beginning): void {
    const { encodings, ...cleaning } = beginning.cleaning;
    this.#event("begin", { ...beginning, cleaning: { ...cleaning, encodings: Object.fromEntries(encodings) } });
  }
  step(report: StepReport): void {
    const nowMs = performance.now();
    if (nowMs - this.#stepMs < this.#everyMs && report.step < report.numSteps) return;
    this.#stepMs = nowMs;
    this.#event("step", report);
  }
  milestone({ step, heldOutLoss }: StepReport): void {
    this.#event("evaluation", { step, heldOutLoss });
  }
  skipped(step: number, skipped: number): void {
    this.#event("skipped", { step, skipped });
  }
  saved(step: number, run: string): void {
    this.#event("saved", { step, run });
  }
  result(report: ResultReport): void {
    this.#event("result", report);
  }
  samples(samples: readonly SampleReport[]): void {
    for (const sample of samples) this.#event("sample", sample);
  }
  warn(message: string): void {
    this.#event("warning", { message });
  }
  note(message: string): void {
    this.#event("note", { message });
  }

  #event(event: string, fields: object): void {
    process.stdout.write(jsonLine({ event, ...fields }));
  }
}
