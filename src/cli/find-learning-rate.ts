/**
 * `microgpt plan --find-learning-rate`: prints the losses of a learning-rate range test, and the rate that it suggests. The trained
 * weights are thrown away.
 */
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { clockOf } from "../library/budget.ts";
import { learningRateRange, suggestLearningRate } from "../library/learning-rate-range.ts";
import type { RangePoint, SuggestedRate } from "../library/learning-rate-range.ts";
import { startTraining } from "../library/start.ts";
import { mayChooseEngine } from "../options/resolve.ts";
import { trainCommand } from "../run/command.ts";
import { jsonLine, sparkline } from "../run/format.ts";
import { nodeMachine } from "../run/machine.ts";
import { engineTitle } from "../training/engine.ts";
import { createReporter } from "./reporters.ts";
import { tableLines } from "./table.ts";
import { outputWidth, wrapLine } from "./terminal.ts";
import { readForTrial } from "./trial.ts";
import type { PlanFlags } from "./trial.ts";

/** Rows of the table, and bars of the curve. */
const [ROWS, BARS] = [11, 60];

/**
 * Prints the losses and the suggestion. Resolves to the exit code. Throws InputError for options that cannot be trained with, and if
 * the loss falls at no learning rate.
 */
export async function findLearningRate(given: TrainOptions, { request, runsDir, json }: PlanFlags): Promise<number> {
  const reporter = createReporter(json);
  const warn = (message: string): void => reporter.warn(message);
  const { options, data } = await readForTrial(given, { request, runsDir, tokenizer: null }, reporter);
  // The test decides how long it takes.
  const trial = { ...options, tokens: null, seconds: null, keepC: null };
  const { engine } = await startTraining(data, trial, mayChooseEngine(given), nodeMachine, warn);
  if (!json) print(`${engineTitle(engine.name)}\n`);
  const points: RangePoint[] = [];
  // Nothing is saved, so a signal may end the process at any moment: nobody listens for it.
  for await (const point of learningRateRange(engine, data.train, options, clockOf(null))) points.push(point);
  const suggested = suggestLearningRate(points);
  if (suggested === null) throw new InputError(NOTHING_FELL);
  const { learningRate } = suggested;
  const { tokens, seconds } = options;
  const command = trainCommand({ ...options, learningRate, keepC: null }, { tokens, seconds });
  if (json) process.stdout.write(toJson(points, suggested, command));
  else printAll(points, suggested, command ?? `--learning-rate ${learningRate}`);
  return 0;
}

const NOTHING_FELL =
  "plan: the loss fell at no learning rate, so none can be suggested; try a larger --batch-size or a longer text";

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function toJson(points: readonly RangePoint[], suggested: SuggestedRate, command: string | null): string {
  const { learningRate, ...ranges } = suggested;
  const learningRates = points.map((point) => point.learningRate);
  const losses = points.map(({ loss }) => loss);
  return jsonLine({ event: "learning rates", learningRates, losses, suggested: learningRate, ...ranges, command });
}

/** @param change the command that uses the suggestion, or the flag. */
function printAll(points: readonly RangePoint[], suggested: SuggestedRate, change: string): void {
  const columns = ["learning rate", "loss"].map((name) => ({ name, isNumber: true }));
  const rows = Array.from({ length: ROWS }, (_, i) => points[Math.round((i * (points.length - 1)) / (ROWS - 1))]);
  const cells = [...new Set(rows)].map((point) => [short(point.learningRate), point.loss.toFixed(3)]);
  for (const line of tableLines(columns, cells)) print(line);
  // An exploding loss would flatten the rest.
  const curve = points.map(({ loss }) => Math.min(loss, points[0].loss));
  print(`\n${sparkline(curve, Math.min(BARS, outputWidth()))}\n`);
  const [from, to, bounded] = [...suggested.falling, suggested.bounded].map(short);
  const fell = `the loss fell at learning rates from ${from} to ${to} and was bounded up to ${bounded};`;
  const use = `${suggested.learningRate} is suggested for hundreds of steps, a third of it for thousands:`;
  for (const sentence of [fell, use]) print(wrapLine(sentence, outputWidth(), 0));
  print(`  ${change}`);
}

/** `0.00012345` → `0.00012`. */
const short = (rate: number): string => String(Number(rate.toPrecision(2)));
