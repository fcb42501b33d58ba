/**
 * Turns a sweep's specification (`sweep-spec.ts`) into its runs: their options and names. It is deterministic: the same
 * specification gives the same runs in the same order.
 */
import { initialOptions, flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { checkTogether } from "../options/option-rules.ts";
import { Random } from "../random.ts";
import type { Setting } from "./report-data.ts";
import type { SearchSpace, Settings, SweepSpec } from "./sweep-spec.ts";

/** A run of a sweep. */
export interface PlannedRun {
  /** Its name, and the name of its directory. */
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
  /** Combinations that cannot be trained, and why: `["n-embd 16, n-head 3", "--n-head 3 does not divide …"]`. */
  readonly dropped: readonly (readonly [settings: string, reason: string])[];
  /** Whether to use successive halving (`halving.ts`). */
  readonly halving: boolean;
}

/** Limit on runs. Each needs a directory, a process and a row of the table, so more are probably a mistake. */
const MAX_RUNS = 4096;
/** Draws per trial before the search space counts as exhausted. */
const MAX_DRAWS = 1000;

/** The options of one run: the shared ones, overridden by its own. */
export function optionsOf(plan: Pick<SweepPlan, "options">, { settings }: Pick<PlannedRun, "settings">): TrainOptions {
  return { ...plan.options, ...settings };
}

/** Plans the runs. Throws InputError if no run can be trained, or the runs cannot be compared. */
export function planSweep(spec: SweepSpec): SweepPlan {
  const options: TrainOptions = { ...initialOptions(TRAIN_OPTIONS), ...spec.base };
  checkComparable(options);
  const dropped: [string, string][] = [];
  const isTrainable = (settings: Settings): boolean => {
    const reason = faultOf(optionsOf({ options }, { settings }));
    if (reason !== null) dropped.push([describeSettings(settings), reason]);
    return reason === null;
  };
  const all = spec.trials === null ? combinations(spec) : draw(spec, spec.trials, options);
  const distinct = [...new Map(all.map((settings) => [describeSettings(settings), settings])).values()];
  const settings = distinct.filter(isTrainable);
  if (settings.length === 0)
    throw new InputError(`sweep: no run can be trained; ${dropped[0]?.[1] ?? "give a --grid"}`);
  const runs = named(settings, options.seed, spec.repeats);
  if (runs.length > MAX_RUNS) {
    throw new InputError(`sweep: ${runs.length} runs, at most ${MAX_RUNS}; use fewer values, or --trials`);
  }
  return { options, runs, dropped, halving: spec.halving && settings.length > 1 };
}

function checkComparable({ reference, valFraction }: TrainOptions): void {
  const remedy = "so runs cannot be compared; drop it";
  if (reference) throw new InputError(`sweep: --reference holds nothing out, ${remedy}`);
  if (valFraction === 0) throw new InputError(`sweep: --val-fraction 0 holds nothing out, ${remedy}`);
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

/** Combines every group of settings with every point of the grid. Throws InputError for too many. */
function combinations({ runs, grid, random }: SweepSpec): Settings[] {
  if (random.size > 0) throw new InputError("sweep: --random needs --trials, the number of runs to draw");
  let all: Settings[] = runs.length > 0 ? [...runs] : [{}];
  for (const [key, values] of grid) {
    if (all.length * values.length > MAX_RUNS) {
      throw new InputError(`sweep: the grid has more than ${MAX_RUNS} runs; use fewer values, or --trials`);
    }
    all = all.flatMap((settings) => values.map((value) => ({ ...settings, [key]: value })));
  }
  return all;
}

/** Draws up to `trials` distinct settings that can be trained, with the options' seed. */
function draw({ runs, grid, random }: SweepSpec, trials: number, options: TrainOptions): Settings[] {
  const generator = new Random(options.seed);
  const spaces = new Map<string, SearchSpace>([
    ...Array.from(grid, ([key, values]) => [key, { values }] as const),
    ...random,
  ]);
  if (spaces.size === 0) throw new InputError("sweep: --trials draws from --grid or --random; give one of them");
  const drawn = new Map<string, Settings>();
  for (let draws = 0; drawn.size < trials && draws < MAX_DRAWS + 10 * trials; draws++) {
    const group = runs.length > 0 ? runs[pick(generator, runs.length)] : {};
    const entries = Array.from(spaces, ([key, space]) => [key, drawFrom(space, generator)] as const);
    const settings: Settings = { ...group, ...Object.fromEntries(entries) };
    if (faultOf(optionsOf({ options }, { settings })) === null) drawn.set(describeSettings(settings), settings);
  }
  return [...drawn.values()];
}

const pick = (random: Random, count: number): number => Math.min(count - 1, Math.floor(random.random() * count));

/**
 * Draws a value, with three digits: log-uniformly from a range that spans a factor of ten or more, else uniformly.
 */
function drawFrom(space: SearchSpace, random: Random): Setting {
  if ("values" in space) return space.values[pick(random, space.values.length)];
  const { min, max, isWhole } = space;
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

/** `01_n-layer-2_n-embd-64`: the number makes it unique; it is short enough for any file system. */
function nameOf(number: string, settings: Settings): string {
  const parts = Object.entries(settings).map(([key, value]) => `${flagOf(key).slice(2)}-${String(value)}`);
  return [number, ...parts]
    .join("_")
    .replace(/[^A-Za-z0-9_.-]/g, "-")
    .slice(0, 70);
}

/** Settings as text: `{ nLayer: 2, stream: true }` → `n-layer 2, stream`; `stream: false` → `no stream`. */
export function describeSettings(settings: Settings): string {
  const parts = Object.entries(settings).map(([key, value]) => {
    const name = flagOf(key).slice(2);
    if (value === true) return name;
    return value === false || value === null ? `no ${name}` : `${name} ${value}`;
  });
  return parts.join(", ") || "as given";
}
