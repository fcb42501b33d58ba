/** A training as JSON, an object per event: for programs (`--json`) and hooks. docs/experiments.md lists the events. */
import type { PageEvent } from "../pages/pages.ts";
import type { Hook } from "./hook.ts";
import { isTold, mergedTexts } from "../run/merging.ts";
import type { MergeReport } from "../run/merging.ts";
import type { CompletionReport, NextTokensReport, ReadingReport } from "../run/reporter.ts";
import type {
  Beginning,
  ExplosionReport,
  OverfittingReport,
  Reporter,
  ResultReport,
  SampleReport,
  StepReport,
} from "../run/reporter.ts";
import type { StuckReport } from "../run/stuck.ts";

const JSON_READING_MS = 1000;

/** Writes events; the key `event` has the kind. Texts are unchanged: `jsonLine` escapes control characters. */
export class JsonReporter implements Reporter {
  readonly #write: Hook;
  readonly #everyMs: number;
  #readingMs = performance.now();
  #stepMs = -Infinity;

  /** @param write is called with each event. */
  constructor(write: Hook, everyMs: number) {
    this.#write = write;
    this.#everyMs = everyMs;
  }

  reading(reading: ReadingReport): void {
    if (performance.now() - this.#readingMs < JSON_READING_MS) return;
    this.#readingMs = performance.now();
    this.#event("reading", reading);
  }
  merge(merge: MergeReport): void {
    const { count, total, frequency } = merge;
    if (isTold(merge)) this.#event("merge", { count, total, ...mergedTexts(merge), frequency });
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
  overfitting(report: OverfittingReport): void {
    this.#event("overfitting", report);
  }
  exploding(report: ExplosionReport): void {
    this.#event("exploding", report);
  }
  stuck(report: StuckReport): void {
    this.#event("stuck", report);
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
  completion(completion: CompletionReport): void {
    this.#event("completion", completion);
  }
  nextTokens(report: NextTokensReport): void {
    this.#event("next tokens", report);
  }
  warn(message: string): void {
    this.#event("warning", { message });
  }
  note(message: string): void {
    this.#event("note", { message });
  }

  #event(event: string, fields: object): void {
    this.#write({ event, ...fields });
  }
}
