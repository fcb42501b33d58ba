/**
 * One training of a core, intact or broken, on names: batch 1, as in `main`. Held-out names are the same for every core and
 * seed, and measured by the core that trains; at the end also by the intact one, which cannot look ahead. No DOM.
 */
import type { Config, Vocabulary, Weights } from "../../../src/microgpt.ts";
import { Random } from "../../../src/random.ts";

/** What src/microgpt.ts exports, or a variant of it. */
export type Core = typeof import("../../../src/microgpt.ts");

/** Steps of a trial. */
export const NUM_STEPS = 300;
/** Steps between two evaluations. */
export const EVERY = 25;
const HELD_OUT = 40;
const SAMPLES = 8;

/** An evaluation. */
export interface Point {
  /** Steps done. */ readonly step: number;
  /** Held-out loss in nats per token; NaN if the weights are not numbers any more. */ readonly loss: number;
}

/** How a trial ended. */
export interface Outcome {
  /** All evaluations, ascending. */ readonly points: readonly Point[];
  /** The held-out loss of the same weights, measured by the intact core. */ readonly honest: number;
  /** What it writes; null where its probabilities are not numbers. */ readonly samples: readonly string[] | null;
}

/** A model and its names. */
interface Setting {
  readonly config: Config;
  readonly vocabulary: Vocabulary;
  readonly weights: Weights;
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
}

function settingOf(core: Core, text: string, seed: number): Setting {
  const names = text.split("\n").filter((line) => line !== "");
  // One order of names for all trials: seeds differ in the weights alone.
  new Random(1).shuffle(names);
  const vocabulary = core.buildVocabulary(names);
  const config = { vocabSize: vocabulary.bos + 1, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
  const weights = core.initWeights(config, new Random(seed));
  return { config, vocabulary, weights, train: names.slice(HELD_OUT), heldOut: names.slice(0, HELD_OUT) };
}

/** The mean loss over held-out names, by any core. */
function evaluate(core: Core, { config, vocabulary, weights, heldOut }: Setting): number {
  const losses = heldOut.map((name) => core.documentLoss(weights, config, core.encode(vocabulary, name)).data);
  return losses.reduce((sum, loss) => sum + loss) / losses.length;
}

/** Trains; yields each evaluation and returns the outcome. Ends early if the loss is not a number any more. */
export function* trial(
  { core, intact }: { readonly core: Core; readonly intact: Core },
  text: string,
  seed: number,
): Generator<Point, Outcome> {
  const setting = settingOf(core, text, seed);
  const { config, vocabulary, weights, train } = setting;
  const adam = new core.Adam(weights);
  const points: Point[] = [];
  for (let step = 0; step <= NUM_STEPS; step++) {
    if (step % EVERY === 0) {
      const point = { step, loss: evaluate(core, setting) };
      points.push(point);
      yield point;
      if (!Number.isFinite(point.loss)) break;
    }
    core.documentLoss(weights, config, core.encode(vocabulary, train[step])).backward();
    adam.update(step, 0.01 * (1 - step / NUM_STEPS));
  }
  return { points, honest: evaluate(intact, setting), samples: samplesOf(core, setting) };
}

function samplesOf(core: Core, { weights, config, vocabulary }: Setting): string[] | null {
  const isFinite = Object.values(weights).every((matrix) => matrix.flat().every(({ data }) => Number.isFinite(data)));
  if (!isFinite) return null;
  const random = new Random(5);
  return Array.from({ length: SAMPLES }, () => core.sample(weights, config, vocabulary, random));
}
