/** A training as lines for people: in a pipe a line per evaluation, at a terminal a status line that is redrawn. */
import type { PageEvent } from "../pages/pages.ts";
import { cleaningText, counted } from "../run/cleaning.ts";
import { Downloads, fetchedText } from "./downloads.ts";
import { ReadingLog } from "./reading-log.ts";
import { markOf } from "../node/samples.ts";
import type { Baselines } from "../text/baselines.ts";
import { isTold, mergeText } from "../run/merging.ts";
import { describeExpected } from "../run/sizing.ts";
import type { MergeReport } from "../run/merging.ts";
import { quote } from "../errors.ts";
import type { Remedy } from "../run/command.ts";
import type { CompletionReport, NextTokensReport, ReadingReport } from "../run/reporter.ts";
import type {
  Beginning,
  ExpectedReport,
  ExplosionReport,
  OverfittingReport,
  Reporter,
  ResultReport,
  SampleReport,
  StepReport,
} from "../run/reporter.ts";
import type { StuckReport } from "../run/stuck.ts";
import { engineTitle } from "../training/engine.ts";
import { outputWidth, paint, StatusLine, wrapLine } from "./terminal.ts";
import { duration, grouped, percent, printable, sparkline, warningLine } from "../run/format.ts";
import { tableLines } from "./table.ts";

const MARK_STYLES = { empty: "dim", "in the data": "dim", near: "yellow", new: "green" } as const;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** Prints a line of words and numbers, which a narrow terminal gets in several. */
const printLine = (line: string, indent: number = 0): void => print(wrapLine(line, outputWidth(), indent));
/** Width of the names before what `begin` prints. */
const NAMES = 11;
const round = (value: number): string => value.toFixed(4);

/** Plain lines, one per evaluation interval. */
export class PlainReporter implements Reporter {
  readonly #reading = new ReadingLog(process.stdout);

  reading(reading: ReadingReport): void {
    this.#reading.report(reading);
  }

  merge(merge: MergeReport): void {
    if (isTold(merge)) print(printable(mergeText(merge)));
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
    const dropped = duplicates > 0 ? `, ${counted(duplicates, "duplicate")} dropped` : "";
    const size = `${counted(shape.nLayer, "layer")}, ${shape.nEmbd} wide, ${counted(shape.nHead, "head")}`;
    print(paint("bold", `microgpt ${version}`) + `  ${engineTitle(engine)}`);
    if (beginning.why !== null) printLine(`engine     ${beginning.why}`, NAMES);
    printLine(`data       ${learnt}${kept}${dropped}; ${grouped(beginning.vocabSize)} tokens`, NAMES);
    if (unlearnt > 0) printLine(`           ${unlearntText(beginning)}`, NAMES);
    const cleaned = cleaningText(beginning.cleaning);
    if (cleaned !== "") printLine(`cleaned    ${cleaned}`, NAMES);
    printLine(`model      ${grouped(beginning.parameters)} parameters: ${size}, block ${shape.blockSize}`, NAMES);
    printLine(`baselines  uniform ${round(uniform)}, unigram ${round(unigram)}, bigram ${round(bigram)}`, NAMES);
    print(`run        ${printable(run)}${resumedAt > 0 ? `, from step ${resumedAt}` : ""}`);
    print("");
  }

  step(_report: StepReport): void {}

  milestone(report: StepReport): void {
    print(statusText(report));
  }

  overfitting({ bestStep }: OverfittingReport): void {
    this.#say(
      `held-out loss has risen since step ${bestStep}: the model is learning the text by heart;` +
        " more text, a smaller model, --weight-decay or --dropout help",
    );
  }

  exploding({ meanLoss, uniform, change }: ExplosionReport): void {
    this.#say(
      `the loss is ${round(meanLoss)}, where guessing has ${round(uniform)}: the learning rate is too high for this model;` +
        ` ${change}, --warmup-steps 100 or --clip-norm 1 help`,
    );
  }

  stuck({ heldOutLoss, unigram, cause, change }: StuckReport): void {
    const why = {
      "too slow": `the learning rate is low; ${change} helps`,
      "too fast": `the learning rate is high; ${change} helps`,
      "no order": "the tokens before tell hardly anything in this text: even a bigram table is no better",
    }[cause];
    this.#say(
      `the model has learnt only how frequent tokens are (held-out loss ${round(heldOutLoss)}, token counts ${round(unigram)}): ${why}`,
    );
  }

  skipped(step: number, skipped: number): void {
    this.warn(`step ${step} is skipped: its loss or a gradient is not a finite number (${grouped(skipped)} so far)`);
  }

  saved(step: number, run: string): void {
    print(`saved step ${step} in ${printable(run)}`);
  }

  result(report: ResultReport): void {
    const { heldOutLoss, bitsPerByte, blockSize, beganAnew, documents, unit, baselines, bestStep, remedy } = report;
    const covered = `${beganAnew ? `the first ${grouped(blockSize)} tokens of ` : ""}all ${counted(documents, unit)}`;
    printLine(
      `held-out loss ${round(heldOutLoss)} over ${covered}, weights of step ${bestStep}:` +
        ` ${verdictOf(heldOutLoss, baselines)}`,
    );
    const whole = `; the context restarts after every --block-size tokens`;
    printLine(
      `held-out text ${round(bitsPerByte)} bits per byte` +
        (beganAnew ? `: ${verdictOf(bitsPerByte, report.bitBaselines)}${whole}` : ""),
    );
    if (report.expected !== null) printLine(expectedText(report, report.expected));
    if (remedy !== null) this.note(remedyText(report, remedy));
    else if (report.expected !== null) this.note(helpText(report.expected));
  }

  samples(samples: readonly SampleReport[]): void {
    if (samples.length === 0) return;
    print("");
    for (const [i, sample] of samples.entries()) {
      const mark = markText(sample);
      const line = printable(sample.text).replaceAll("\n", "⏎");
      print(`sample ${String(i + 1).padStart(2)}: ${line.padEnd(mark === "" ? 0 : 16)}${mark}`);
    }
  }

  completion({ prompt, completion, text, unknown }: CompletionReport, number: number): void {
    const given = completion !== "" && text.endsWith(completion) ? text.slice(0, -completion.length) : text;
    const pieces = Object.entries(unknown).map(
      ([piece, count]) => quote(piece) + (count > 1 ? ` (${count} times)` : ""),
    );
    print("");
    print(`prompt ${String(number).padStart(2)}:  ${printable(prompt)}`);
    if (pieces.length > 0) print(`unknown:    ${pieces.join(", ")}`);
    print(`completion: ${given === "" ? "" : paint("dim", printable(given))}${printable(completion)}`);
  }

  nextTokens(report: NextTokensReport): void {
    for (const line of nextTokenLines(report)) print(line);
  }

  warn(message: string): void {
    process.stderr.write(warningLine(message));
  }

  /** Prints a sentence, which has no command or path to copy: it may be broken at spaces. */
  #say(sentence: string): void {
    this.note(wrapLine(sentence, outputWidth(), 0));
  }

  note(message: string): void {
    print(printable(message));
  }
}

/** A sample's mark in its colour, after two spaces; "" where the data is not known. */
function markText(sample: SampleReport): string {
  const mark = markOf(sample);
  return mark === null ? "" : paint(MARK_STYLES[mark], `  ${mark}`);
}

/** The table of `/why`: `"n"   62.1%   97.0%`. */
function nextTokenLines({ tokens, others }: NextTokensReport): string[] {
  const columns = ["next", "probability", "as drawn"].map((name, i) => ({
    name,
    isNumber: i > 0,
  }));
  const row = (
    name: string,
    { probability, drawn }: NextTokensReport["others"] | NextTokensReport["tokens"][number],
  ): string[] => [name, percent(probability), percent(drawn)];
  return tableLines(columns, [
    ...tokens.map((one) => row(one.isEnd ? "end" : quote(one.token), one)),
    ...(others.count > 0 ? [row(counted(others.count, "other"), others)] : []),
  ]);
}

/** Each baseline that is named is followed by its own number: `better than chance (3.2958)`. */
function verdictOf(loss: number, { uniform, unigram, bigram }: Baselines): string {
  const [table, counts, chance] = [
    `a bigram table (${round(bigram)})`,
    `letter counts (${round(unigram)})`,
    `chance (${round(uniform)})`,
  ];
  if (loss < bigram) return `better than ${table}`;
  if (loss < unigram) return `worse than ${table}, better than ${counts}`;
  return loss < uniform ? `worse than ${counts}, better than ${chance}` : `no better than ${chance}`;
}

/** What the loss means, and how it compares with what was expected. */
function expectedText({ heldOutLoss, bitsPerByte }: ResultReport, expected: ExpectedReport): string {
  const { low, high } = expected;
  const than = bitsPerByte < low ? "better than" : bitsPerByte > high ? "worse than" : "as";
  const choices = Math.exp(heldOutLoss).toFixed(1);
  return (
    `expected     ${describeExpected(expected)}: ${than} expected;` +
    ` the model is as unsure of each next token as among ${choices} equally likely ones`
  );
}

function helpText({ helps, longer, command }: ExpectedReport): string {
  if (helps === "text") return "more text would help most: more time would change hardly anything";
  const time = `more time would help most: three times as long, ${longer.toFixed(2)} bits per byte are expected`;
  return command === null ? time : `${time}:\n  ${command}`;
}

function remedyText({ bestStep, step }: ResultReport, { against, command, change }: Remedy): string {
  const byHeart =
    bestStep < step
      ? `the best weights are of step ${bestStep} of ${step}: after it the model learnt the text by heart`
      : "the model knows the text that it learns from far better than held-out text";
  const advice = {
    "too short": "the model has not learnt enough; more steps help:",
    "too fast": "the losses were far above that of guessing: the learning rate is too high; try",
    "too slow": "the model has hardly learnt, because the learning rate is low; try",
    "by heart": `${byHeart}; more text helps most, or try`,
  }[against];
  return command === null ? `${advice} the same with ${change}` : `${advice}\n  ${command}`;
}

function unlearntText({ unlearnt, shape, reference }: Beginning): string {
  const share =
    unlearnt < 0.01 ? "less than 1 %" : unlearnt > 0.99 ? "more than 99 %" : `${Math.round(100 * unlearnt)} %`;
  const remedy = reference ? "" : "; --stream trains on all";
  return `${share} of the tokens lie beyond --block-size ${shape.blockSize} and are not trained on${remedy}`;
}

function statusText({ step, numSteps, meanLoss, heldOutLoss, tokensPerSecond, etaSeconds }: StepReport): string {
  const heldOut = heldOutLoss === null ? "" : `  held-out ${round(heldOutLoss)}`;
  const done = `step ${String(step).padStart(String(numSteps).length)}/${numSteps}`;
  return `${done}  loss ${round(meanLoss)}${heldOut}  ${grouped(tokensPerSecond)} tokens/s  ETA ${duration(etaSeconds)}`;
}

/** The same, with one redrawn status line in place of many lines. */
export class TerminalReporter extends PlainReporter {
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

  override merge(merge: MergeReport): void {
    this.#status.show(() => printable(mergeText(merge)));
  }

  override begin(beginning: Beginning): void {
    this.#status.clear();
    super.begin(beginning);
  }

  override milestone(_report: StepReport): void {}

  override saved(step: number, run: string): void {
    this.#status.clear();
    super.saved(step, run);
  }

  override result(report: ResultReport): void {
    this.#status.clear();
    if (this.#losses.length > 0)
      print(`loss ${sparkline(this.#losses, Math.min(60, outputWidth() - 13))} ${round(this.#losses.at(-1) ?? 0)}`);
    super.result(report);
  }

  /** Texts of several lines are shown as they are: verses, code. */
  override samples(samples: readonly SampleReport[]): void {
    this.#status.clear();
    if (!samples.some(({ text }) => text.trim().includes("\n"))) return super.samples(samples);
    for (const [i, sample] of samples.entries()) {
      print(`\n${paint("bold", `sample ${String(i + 1).padStart(2)}:`)}${markText(sample)}`);
      print(printable(sample.text));
    }
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
