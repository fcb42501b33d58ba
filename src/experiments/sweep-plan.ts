/** From a sweep's specification to its runs: their options and names. The same specification gives the same runs in order. */
import { initialOptions, flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { checkTogether } from "../options/option-rules.ts";
import { Random } from "../random.ts";
import type { Setting } from "./report-data.ts";
import type { SearchSpace, Settings, SweepSpec } from "./sweep-spec.ts";

/** A run of a sweep. */
export interface PlannedRun {
  /** Its name, and its directory's. */
  readonly name: string;
  /** Shared by the runs that differ only in their seed. */
  readonly group: string;
  /** Options beyond those that all runs share. */
  readonly settings: Settings;
}

/** What a sweep will do. */
export interface SweepPlan {
  /** Options that all runs share. */
  readonly options: TrainOptions;
  /** The runs, in order. */
  readonly runs: readonly PlannedRun[];
  /** Combinations that cannot be trained, with the reason: `["n-embd 16, n-head 3", "--n-head 3 does not divide …"]`. */
  readonly left: readonly (readonly [settings: string, reason: string])[];
  /** Whether the worse half stops early, again and again. */
  readonly halving: boolean;
}

/** More runs than this are taken for a mistake: each has a directory, a process and a line. */
const MAX_RUNS = 4096;
/** Draws per trial before the search space counts as exhausted. */
const MAX_DRAWS = 1000;

/** The options of one run. */
export function optionsOf(plan: Pick<SweepPlan, "options">, { settings }: Pick<PlannedRun, "settings">): TrainOptions {
  return { ...plan.options, ...settings };
}

/** Plans the runs. Throws InputError where nothing can be compared or trained. */
export function planSweep(spec: SweepSpec): SweepPlan {
  const options: TrainOptions = { ...initialOptions(TRAIN_OPTIONS), ...spec.base };
  checkComparable(options);
  const left: [string, string][] = [];
  const possible = (settings: Settings): boolean => {
    const reason = faultOf(optionsOf({ options }, { settings }));
    if (reason !== null) left.push([describeSettings(settings), reason]);
    return reason === null;
  };
  const all = spec.trials === null ? combinations(spec) : draw(spec, spec.trials, options);
  const distinct = [...new Map(all.map((settings) => [describeSettings(settings), settings])).values()];
  const settings = distinct.filter(possible);
  if (settings.length === 0) throw new InputError(`sweep: no run can be trained; ${left[0]?.[1] ?? "give a --grid"}`);
  const runs = named(settings, options.seed, spec.repeats);
  if (runs.length > MAX_RUNS) {
    throw new InputError(`sweep: ${runs.length} runs are more than ${MAX_RUNS}; take fewer values, or --trials`);
  }
  return { options, runs, left, halving: spec.halving && settings.length > 1 };
}

function checkComparable({ reference, valFraction }: TrainOptions): void {
  if (reference) throw new InputError("sweep: --reference holds nothing out, so there is nothing to compare by");
  if (valFraction === 0)
    throw new InputError("sweep: --val-fraction 0 holds nothing out; there is nothing to compare by");
}

function faultOf(options: TrainOptions): string | null {
  try {
    checkTogether(options);
    return null;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** Every group of settings combined with every point of the grid. */
function combinations({ runs, grid, random }: SweepSpec): Settings[] {
  if (random.size > 0) throw new InputError("sweep: --random draws; say how often, by --trials");
  let all: Settings[] = runs.length > 0 ? [...runs] : [{}];
  for (const [key, values] of grid) {
    if (all.length * values.length > MAX_RUNS) {
      throw new InputError(`sweep: the grid has more than ${MAX_RUNS} runs; take fewer values, or --trials`);
    }
    all = all.flatMap((settings) => values.map((value) => ({ ...settings, [key]: value })));
  }
  return all;
}

/** Distinct settings drawn with the seed, `trials` of them or as many as there are. */
function draw({ runs, grid, random }: SweepSpec, trials: number, options: TrainOptions): Settings[] {
  const generator = new Random(options.seed);
  const choices = new Map<string, SearchSpace>([
    ...Array.from(grid, ([key, values]) => [key, { values }] as const),
    ...random,
  ]);
  if (choices.size === 0) throw new InputError("sweep: --trials draws from --grid or --random; give one of them");
  const drawn = new Map<string, Settings>();
  for (let draws = 0; drawn.size < trials && draws < MAX_DRAWS + 10 * trials; draws++) {
    const group = runs.length > 0 ? runs[pick(generator, runs.length)] : {};
    const entries = Array.from(choices, ([key, choice]) => [key, drawFrom(choice, generator)] as const);
    const settings: Settings = { ...group, ...Object.fromEntries(entries) };
    if (faultOf(optionsOf({ options }, { settings })) === null) drawn.set(describeSettings(settings), settings);
  }
  return [...drawn.values()];
}

const pick = (random: Random, count: number): number => Math.min(count - 1, Math.floor(random.random() * count));

/** Draws a value: log-uniformly from a range that spans a factor of ten or more, uniformly otherwise; with three digits. */
function drawFrom(choice: SearchSpace, random: Random): Setting {
  if ("values" in choice) return choice.values[pick(random, choice.values.length)];
  const { min, max, isWhole } = choice;
  const at = random.random();
  const value = min > 0 && max >= 10 * min ? min * (max / min) ** at : min + (max - min) * at;
  const short = isWhole ? Math.round(value) : Number(value.toPrecision(3));
  return Math.min(max, Math.max(min, short));
}

function named(settings: readonly Settings[], seed: number, repeats: number): PlannedRun[] {
  const width = Math.max(2, String(settings.length).length);
  return settings.flatMap((one, index) => {
    const group = nameOf(String(index + 1).padStart(width, "0"), one);
    if (repeats === 1) return [{ name: group, group, settings: one }];
    const first = typeof one.seed === "number" ? one.seed : seed;
    return Array.from({ length: repeats }, (_, i) => ({
      name: `${group}_seed-${first + i}`,
      group,
      settings: { ...one, seed: first + i },
    }));
  });
}

/** `01_n-layer-2_n-embd-64`: unique by its number, short enough for any file system. */
function nameOf(number: string, settings: Settings): string {
  const parts = Object.entries(settings).map(([key, value]) => `${flagOf(key).slice(2)}-${String(value)}`);
  return [number, ...parts]
    .join("_")
    .replace(/[^A-Za-z0-9_.-]/g, "-")
    .slice(0, 70);
}

/** `{ nLayer: 2, stream: true }` → `n-layer 2, stream`; a switch that is off is `no stream`. */
export function describeSettings(settings: Settings): string {
  const parts = Object.entries(settings).map(([key, value]) => {
    const name = flagOf(key).slice(2);
    if (value === true) return name;
    return value === false || value === null ? `no ${name}` : `${name} ${value}`;
  });
  return parts.join(", ") || "as told";
}
