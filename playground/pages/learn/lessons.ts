/** The worker's side of the lessons, without the worker: trains rungs, keeps them, and answers. */
import { anatomyOf, unitEffects } from "./model/anatomy.ts";
import { countPairs, pairs } from "./model/counting.ts";
import { beginningOf, letterOf } from "./model/names.ts";
import type { Names } from "./model/names.ts";
import { predictorOf } from "./model/networks.ts";
import type { CoreNetwork, Network } from "./model/networks.ts";
import { lossOn } from "./model/predictor.ts";
import { counted, measure, recipeOf, training } from "./model/rungs.ts";
import type { RungName, RungResult, StepReport, Trained } from "./model/rungs.ts";
import { Tracer } from "./model/trace.ts";
import type { WeightTrace } from "./model/trace.ts";
import type { LessonMethods, Look, PairCounts, Traces } from "./protocol.ts";

/** A rung that has been trained. */
interface Kept extends Trained {
  readonly steps: number;
  readonly traces: readonly WeightTrace[];
}

/** Hears of every step. */
export type Listener = (rung: RungName, report: StepReport) => void;

/** Answers the page's calls. */
export class Lessons implements LessonMethods {
  readonly #names: Names;
  readonly #listener: Listener;
  readonly #kept = new Map<RungName, Kept>();
  readonly #results = new Map<RungName, RungResult>();

  constructor(names: Names, listener: Listener) {
    this.#names = names;
    this.#listener = listener;
  }

  counts(): PairCounts {
    const counts = countPairs(this.#names);
    return {
      names: this.#names.train.length,
      letters: this.#letters(),
      counts,
      heldOutLoss: lossOn(pairs(this.#names, counts), this.#names.heldOut),
    };
  }

  climb(name: RungName): RungResult {
    const kept = this.#train(name);
    const result = this.#results.get(name) ?? measure(name, kept, this.#names, kept.steps);
    this.#results.set(name, result);
    return result;
  }

  look(text: string): Look {
    const { network } = this.#train("four-heads");
    if (!isCore(network)) throw new Error("rung four-heads: is not a GPT of the core");
    return {
      letters: this.#letters(),
      positions: anatomyOf(network, beginningOf(this.#names, text)),
      unitEffects: unitEffects(network),
    };
  }

  traces(): Traces {
    return { adam: this.#train("four-heads").traces, descent: this.#train("four-heads-descent").traces };
  }

  #letters(): string[] {
    const { vocabulary, vocabSize } = this.#names;
    return Array.from({ length: vocabSize }, (_, token) => letterOf(vocabulary, token));
  }

  #train(name: RungName): Kept {
    const known = this.#kept.get(name);
    if (known !== undefined) return known;
    const recipe = recipeOf(name, this.#names);
    if (recipe === null) return this.#keep(name, { ...counted(name, this.#names), steps: 0, traces: [] });
    const { network, steps } = recipe;
    const tracer = new Tracer(network);
    for (const report of training(recipe)) {
      tracer.record();
      this.#listener(name, report);
    }
    return this.#keep(name, { predictor: predictorOf(network), network, steps, traces: tracer.traces });
  }

  #keep(name: RungName, kept: Kept): Kept {
    this.#kept.set(name, kept);
    return kept;
  }
}

const isCore = (network: Network | null): network is CoreNetwork => network !== null && "config" in network;
