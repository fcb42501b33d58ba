/**
 * Reads a sweep's specification from a file or a preset, and from flags, which override it. `sweep-spec.ts` checks it.
 */
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { parse, YAMLError } from "yaml";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError, quote } from "../errors.ts";
import {
  count,
  EMPTY_SPEC,
  MAX_REPEATS,
  MAX_TRIALS,
  parseGrid,
  parseRandom,
  readSweepSpec,
} from "../experiments/sweep-spec.ts";
import type { SweepSpec } from "../experiments/sweep-spec.ts";
import { readWhole } from "../node/files.ts";
import { showPath } from "../errors.ts";

const PRESETS = fileURLToPath(new URL("../../presets/", import.meta.url));

/** Sweep files that come with microgpt, by name: the experiments of the reference's guide, meant to be copied. */
export const PRESET_NAMES = ["tokenizers", "depth", "width", "merges", "large"] as const;

/** The flags that specify a sweep, as typed; null: not given. */
export interface SpecFlags {
  /** Options with values to combine, such as `n-layer=1,2`. */
  readonly grid: readonly string[];
  /** Options with a search space, such as `learning-rate=0.001..0.1`. */
  readonly random: readonly string[];
  /** Number of settings to draw. */
  readonly trials: number | null;
  /** Runs per setting. */
  readonly repeats: number | null;
  /** Whether to use successive halving. */
  readonly halving: boolean;
}

/** Limit on a sweep file. */
const MAX_BYTES = 2 ** 20;

/**
 * Reads a specification. Throws InputError that names the file, the entry and what was expected.
 *
 * @param source a file's path or a preset's name; null: flags alone.
 * @param typed the options that were given as flags.
 */
export function readSpec(source: string | null, typed: Partial<TrainOptions>, flags: SpecFlags): SweepSpec {
  const spec = source === null ? EMPTY_SPEC : readSource(source);
  const { trials, repeats } = flags;
  return {
    base: { ...spec.base, ...typed },
    grid: new Map([...spec.grid, ...flags.grid.map(parseGrid)]),
    random: new Map([...spec.random, ...flags.random.map(parseRandom)]),
    runs: spec.runs,
    trials: trials === null ? spec.trials : count("--trials", trials, MAX_TRIALS),
    repeats: repeats === null ? spec.repeats : count("--repeats", repeats, MAX_REPEATS),
    halving: flags.halving || spec.halving,
  };
}

function readSource(source: string): SweepSpec {
  const preset = PRESET_NAMES.find((name) => name === source);
  if (preset !== undefined) return readFile(`${PRESETS}${preset}.yaml`);
  if (isDirectory(source))
    throw new InputError(`${showPath(source)} is a folder, not a sweep file; for texts, --data ${showPath(source)}`);
  if (fs.existsSync(source)) return readFile(source);
  throw new InputError(
    `${quote(source)} is neither a file nor a preset; expected a sweep file, or one of ${PRESET_NAMES.join(", ")}`,
  );
}

const isDirectory = (path: string): boolean => fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Parses YAML, which includes JSON. Aliases are refused: they can expand a small text without limit. */
function readFile(path: string): SweepSpec {
  const text = readWhole(path, MAX_BYTES).toString("utf8");
  try {
    return readSweepSpec(parse(text, { maxAliasCount: 0 }), showPath(path));
  } catch (error) {
    if (error instanceof InputError) throw error;
    const [first = "it cannot be parsed"] = error instanceof Error ? error.message.split("\n") : [];
    if (error instanceof YAMLError || error instanceof ReferenceError) {
      throw new InputError(`${showPath(path)} is not YAML: ${quote(first.replace(/:$/, ""), 200)}`);
    }
    throw error;
  }
}
