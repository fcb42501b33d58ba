/**
 * The ladder: nine models of the same names, from guessing blindly to a GPT, each measured on the same held-out names.
 * A rung is counted, or trained for a few seconds by the core's own arithmetic; the same seed gives the same losses.
 */
import { Random } from "../../../../src/random.ts";
import type { Value } from "../../../../src/microgpt.ts";
import { countPairs, letters, pairs, uniform } from "./counting.ts";
import { adam, descent, documentLoss, pairLoss } from "./learning.ts";
import type { Update } from "./learning.ts";
import type { Names } from "./names.ts";
import { coreNetwork, lettersMlp, pairTable, predictorOf } from "./networks.ts";
import type { CoreShape, Network } from "./networks.ts";
import { lossOn, write } from "./predictor.ts";
import type { Predictor } from "./predictor.ts";

/** A rung's name. */
export type RungName =
  | "uniform"
  | "letters"
  | "pairs"
  | "pair-descent"
  | "letters-mlp"
  | "no-attention"
  | "one-head"
  | "four-heads"
  | "four-heads-descent";

/** A rung as the page lists it. */
export interface Rung {
  readonly name: RungName;
  readonly title: string;
  /** How it predicts, and how it came to its numbers, in a sentence or two. */
  readonly how: string;
}

/** All rungs, from the ground up. */
export const RUNGS: readonly Rung[] = [
  { name: "uniform", title: "Blind", how: "All 27 tokens are equally likely; the loss is ln 27." },
  { name: "letters", title: "Counting letters", how: "A letter is as likely as it is frequent, whatever came before." },
  {
    name: "pairs",
    title: "Counting pairs",
    how: "A letter is as likely as it is frequent after the letter before it.",
  },
  {
    name: "pair-descent",
    title: "Pairs by gradient descent",
    how: "A table of 27 × 27 numbers, all 0 at first; 300 steps of gradient descent on all names at once.",
  },
  {
    name: "letters-mlp",
    title: "MLP over three letters",
    how: "The last three letters as embeddings, side by side, through one hidden layer of 64. Adam.",
  },
  {
    name: "no-attention",
    title: "GPT that can't look back",
    how: "The core's GPT, but its cache is emptied before every letter: a letter sees itself and its position. Adam.",
  },
  { name: "one-head", title: "GPT, one head", how: "The same GPT with its cache, and one attention head. Adam." },
  { name: "four-heads", title: "GPT, four heads", how: "The same number of weights, divided among four heads. Adam." },
  {
    name: "four-heads-descent",
    title: "GPT, four heads, without Adam",
    how: "The same model and names; each weight moves by −0.3 · gradient. Of the rates 0.03, 0.1, 0.3 and 1, the best; at 1 the training diverges.",
  },
];

/** Steps, and so names, per trained rung; the table of pairs takes fewer steps, each on all names. */
const STEPS = 1500;
const PAIR_STEPS = 300;
/** Draws the weights. */
const SEED = 42;
const SAMPLE_SEED = 7;
const SAMPLES = 8;

/** A training that has not begun. */
export interface Recipe {
  readonly network: Network;
  readonly steps: number;
  /** The loss of a step, from 0; deterministic. */
  readonly loss: (step: number) => Value;
  readonly learningRate: (step: number) => number;
  readonly update: Update;
}

/** A model that is ready to predict. */
export interface Trained {
  readonly predictor: Predictor;
  /** null for a counted rung. */
  readonly network: Network | null;
}

/** A step of a training. */
export interface StepReport {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** In nats per token, on the step's names. */
  readonly loss: number;
}

/** How a rung is trained; null for a counted one. */
export function recipeOf(name: RungName, names: Names): Recipe | null {
  const random = new Random(SEED);
  const shape: CoreShape = { nHead: 4, nLayer: 1, looksBack: true };
  switch (name) {
    case "uniform":
    case "letters":
    case "pairs":
      return null;
    case "pair-descent":
      return pairRecipe(names);
    case "letters-mlp":
      return onNames(names, lettersMlp(names, random), adam, 0.01);
    case "no-attention":
      return onNames(names, coreNetwork(names, random, { ...shape, nHead: 1, looksBack: false }), adam, 0.01);
    case "one-head":
      return onNames(names, coreNetwork(names, random, { ...shape, nHead: 1 }), adam, 0.01);
    case "four-heads":
      return onNames(names, coreNetwork(names, random, shape), adam, 0.01);
    case "four-heads-descent":
      return onNames(names, coreNetwork(names, random, shape), descent, 0.3);
    default:
      return name satisfies never;
  }
}

function pairRecipe(names: Names): Recipe {
  const [network, counts] = [pairTable(names), countPairs(names)];
  const loss = (): Value => pairLoss(network.weights.table, counts);
  return { network, steps: PAIR_STEPS, loss, learningRate: () => 50, update: descent(network.weights) };
}

/** One name per step, at a learning rate that falls to 0, as in `main` of the core. */
function onNames(
  { train }: Names,
  network: Network,
  optimizer: (weights: Network["weights"]) => Update,
  peak: number,
): Recipe {
  return {
    network,
    steps: STEPS,
    loss: (step) => documentLoss(network, train[step % train.length]),
    learningRate: (step) => peak * (1 - step / STEPS),
    update: optimizer(network.weights),
  };
}

/** Trains, and yields after the gradients of each step are known and before the weights move. */
export function* training(recipe: Recipe): Generator<StepReport, void, void> {
  const { steps } = recipe;
  for (let step = 0; step < steps; step++) {
    const loss = recipe.loss(step);
    loss.backward();
    yield { step: step + 1, steps, loss: loss.data };
    recipe.update(step, recipe.learningRate(step));
  }
}

/** The model of a counted rung. */
export function counted(name: RungName, names: Names): Trained {
  const counts = countPairs(names);
  const models = { uniform, letters, pairs };
  if (!isCounted(name)) throw new Error(`rung ${name}: is trained, not counted`);
  return { predictor: models[name](names, counts), network: null };
}

const isCounted = (name: RungName): name is "uniform" | "letters" | "pairs" =>
  name === "uniform" || name === "letters" || name === "pairs";

/** A name that a model wrote. */
export interface Invention {
  readonly text: string;
  /** Whether it is one of the training names. */
  readonly isKnown: boolean;
}

/** What a rung came to. */
export interface RungResult {
  readonly name: RungName;
  /** Mean of −log p on the held-out names, in nats per token. */
  readonly heldOutLoss: number;
  /** Weights that were learned; 0 for a counted rung. */
  readonly weights: number;
  readonly steps: number;
  readonly samples: readonly Invention[];
}

/** Measures a model on the held-out names and lets it write. */
export function measure(name: RungName, { predictor, network }: Trained, names: Names, steps: number): RungResult {
  const random = new Random(SAMPLE_SEED);
  const texts = Array.from({ length: SAMPLES }, () => write(predictor, names, random));
  return {
    name,
    heldOutLoss: lossOn(predictor, names.heldOut),
    weights: network === null ? 0 : Object.values(network.weights).flat(2).length,
    steps,
    samples: texts.map((text) => ({ text, isKnown: names.known.has(text) })),
  };
}

/** A rung from start to result, without reports; for tests and small tools. */
export function climb(name: RungName, names: Names): RungResult {
  const recipe = recipeOf(name, names);
  if (recipe === null) return measure(name, counted(name, names), names, 0);
  for (const report of training(recipe)) if (Number.isNaN(report.loss)) throw new Error(`rung ${name}: diverged`);
  return measure(name, { predictor: predictorOf(recipe.network), network: recipe.network }, names, recipe.steps);
}
