/** Chooses the reporter: terminal, pipe or program, with or without a hook. */
import type { PageEvent } from "../pages/pages.ts";
import { loadHook } from "./hook.ts";
import { JsonReporter } from "./json-reporter.ts";
import { PlainReporter, TerminalReporter } from "./plain-reporter.ts";
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
import { jsonLine } from "../run/format.ts";

/**
 * The reporter for this output. @param json whether for a program. @param everyMs milliseconds between step events, at
 * least.
 */
export function createReporter(json: boolean, everyMs: number = 0): Reporter {
  if (json) return new JsonReporter((event) => void process.stdout.write(jsonLine(event)), everyMs);
  return process.stdout.isTTY ? new TerminalReporter() : new PlainReporter();
}

/** Adds a hook that is called with the events of `--json`. Throws InputError if the hook cannot be loaded. */
export async function hookedReporter(reporter: Reporter, hook: string | null): Promise<Reporter> {
  if (hook === null) return reporter;
  return new PairReporter(reporter, new JsonReporter(await loadHook(hook, (message) => reporter.warn(message)), 0));
}

/** Two reporters as one. */
class PairReporter implements Reporter {
  readonly #both: readonly [Reporter, Reporter];

  constructor(...both: readonly [Reporter, Reporter]) {
    this.#both = both;
  }

  reading(reading: ReadingReport): void {
    for (const one of this.#both) one.reading(reading);
  }
  merge(merge: MergeReport): void {
    for (const one of this.#both) one.merge(merge);
  }
  page(event: PageEvent): void {
    for (const one of this.#both) one.page(event);
  }
  begin(beginning: Beginning): void {
    for (const one of this.#both) one.begin(beginning);
  }
  step(report: StepReport): void {
    for (const one of this.#both) one.step(report);
  }
  milestone(report: StepReport): void {
    for (const one of this.#both) one.milestone(report);
  }
  overfitting(report: OverfittingReport): void {
    for (const one of this.#both) one.overfitting(report);
  }
  exploding(report: ExplosionReport): void {
    for (const one of this.#both) one.exploding(report);
  }
  stuck(report: StuckReport): void {
    for (const one of this.#both) one.stuck(report);
  }
  skipped(step: number, skipped: number): void {
    for (const one of this.#both) one.skipped(step, skipped);
  }
  saved(step: number, run: string): void {
    for (const one of this.#both) one.saved(step, run);
  }
  result(report: ResultReport): void {
    for (const one of this.#both) one.result(report);
  }
  samples(samples: readonly SampleReport[]): void {
    for (const one of this.#both) one.samples(samples);
  }
  completion(completion: CompletionReport, number: number): void {
    for (const one of this.#both) one.completion(completion, number);
  }
  nextTokens(report: NextTokensReport): void {
    for (const one of this.#both) one.nextTokens(report);
  }
  warn(message: string): void {
    for (const one of this.#both) one.warn(message);
  }
  note(message: string): void {
    for (const one of this.#both) one.note(message);
  }
}
