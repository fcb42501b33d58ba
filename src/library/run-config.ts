/**
 * `config.json`: the options of a run, and its history: where its weights are from, and plans that extensions replaced.
 * What is hashed of it is in every checkpoint. `run-files.ts` has the run's other files.
 */
import { InputError, isRecord, quote, showPath } from "../errors.ts";
import { checkOptions, TRAIN_OPTIONS } from "../options/config.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { Ancestor, ExpectedResult, ResolvedOptions, RunHistory, RunPlan } from "../options/resolve.ts";
import { parseJsonText, toJsonText } from "./json-text.ts";

/** Options and history as one object of JSON, not yet checked. */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** What `config.json` has besides the options. */
const HISTORY: readonly (keyof RunHistory)[] = ["from", "pastPlans", "expected"];

/** The text of `config.json`. */
export function configTextOf(config: ResolvedOptions | ConfigJson): string {
  const { from, pastPlans, expected, ...options } = config;
  return toJsonText({ format: "microgpt-run", version: 1, options, from, pastPlans, expected });
}

/** The content of `config.json`. Throws InputError that names what is wrong. @param path for messages. */
export function parseConfigText(text: string, path: string): ConfigJson {
  const json = parseJsonText(text, path);
  if (!isRecord(json) || json.format !== "microgpt-run")
    throw new InputError(`${showPath(path)} is not a run's config`);
  if (json.version !== 1) {
    throw new InputError(`${showPath(path)}: version ${quote(String(json.version))} is not 1; update microgpt`);
  }
  if (!isRecord(json.options)) throw new InputError(`${showPath(path)} is damaged: it has no options`);
  const history = HISTORY.filter((key) => json[key] !== undefined).map((key) => [key, json[key]]);
  return { ...json.options, ...Object.fromEntries(history) };
}

/** Checks options and history. Throws InputError for a value out of range, or a name that is not an option. */
export function checkConfig(config: ConfigJson): ResolvedOptions {
  const { from, pastPlans, expected, ...options } = config;
  return {
    ...resolveOptions(checkOptions(TRAIN_OPTIONS, options)),
    ...(from === undefined ? {} : { from: checkAncestor(from) }),
    ...(pastPlans === undefined ? {} : { pastPlans: checkPlans(pastPlans) }),
    ...(expected === undefined ? {} : { expected: checkExpected(expected) }),
  };
}

/**
 * Whether an earlier version trained the run with a BLAS, which summed products in another order: it did for a model of
 * 10,000 parameters or more on the engine `wasm`, and stored where there was no BLAS.
 * @param optionsText as of `optionsTextOf`. @param parameters of the model.
 */
export function usedBlas(optionsText: string, parameters: number): boolean {
  const options = parseJsonText(optionsText, "config.json");
  if (!isRecord(options)) return false;
  const { engine, noBlas, strictMath } = options;
  return engine === "wasm" && noBlas === false && strictMath === false && parameters >= 10_000;
}

/** The text of a config that is hashed: all except the paths of the data and of another run. */
export function optionsTextOf(config: ResolvedOptions | ConfigJson): string {
  const from = isRecord(config.from) ? { from: { ...config.from, run: "" } } : {};
  return JSON.stringify({ ...config, data: [], ...from });
}

/** The same, of the config that the run had when it did a step: files of steps before an extension carry its hash. */
export function optionsTextAt(config: ConfigJson, step: number): string {
  const plans = plansOf(config);
  const past = plans.findIndex(({ until }) => step <= until);
  if (past < 0) return optionsTextOf(config);
  const { until: _, ...plan } = plans[past];
  const { pastPlans: __, ...options } = config;
  return optionsTextOf({ ...options, ...plan, ...historyOf(plans.slice(0, past)) });
}

/**
 * The config of a run that is to have `numSteps` steps, and whose newest checkpoint is of step `done`; null: it has none,
 * so it begins with the new plan.
 */
export function extendedConfig(config: ConfigJson, done: number | null, numSteps: number): ConfigJson {
  const { pastPlans: _, ...options } = config;
  const budget = Object.keys(options).filter((key) => key === "tokens" || key === "seconds");
  const plan = Object.fromEntries(["numSteps", ...budget].map((key) => [key, options[key]]));
  const spent = Object.fromEntries(budget.map((key) => [key, null]));
  const before = plansOf(config);
  const isPast = done !== null && done > (before.at(-1)?.until ?? -1); // by a plan without a step, nothing was done
  const plans = isPast ? checkPlans([...before, { until: done, ...plan }]) : before;
  return { ...options, numSteps, ...spent, ...historyOf(plans) };
}

const plansOf = ({ pastPlans }: ConfigJson): readonly RunPlan[] =>
  pastPlans === undefined ? [] : checkPlans(pastPlans);

const historyOf = (pastPlans: readonly RunPlan[]): RunHistory => (pastPlans.length === 0 ? {} : { pastPlans });

function checkPlans(json: unknown): readonly RunPlan[] {
  const isPlan = (plan: unknown): plan is RunPlan =>
    isRecord(plan) && isCount(plan.until) && isCount(plan.numSteps) && plan.until <= plan.numSteps;
  if (Array.isArray(json) && json.every(isPlan)) return json;
  throw new InputError("`pastPlans` must be a list of { until, numSteps } with whole numbers");
}

function checkAncestor(json: unknown): Ancestor {
  const { run, step, weights } = isRecord(json) ? json : {};
  if (typeof run === "string" && isCount(step) && typeof weights === "string") return { run, step, weights };
  throw new InputError("`from` must be { run, step, weights }: a path, a whole number and a hash");
}

function checkExpected(json: unknown): ExpectedResult {
  const { bitsPerByte, low, high, seconds, longer } = isRecord(json) ? json : {};
  if (isNumber(bitsPerByte) && isNumber(low) && isNumber(high) && isNumber(seconds) && isNumber(longer))
    return { bitsPerByte, low, high, seconds, longer };
  throw new InputError("`expected` must be { bitsPerByte, low, high, seconds, longer }, all numbers");
}

const isNumber = (json: unknown): json is number => typeof json === "number" && Number.isFinite(json);
const isCount = (json: unknown): json is number => Number.isSafeInteger(json) && Number(json) >= 0;
