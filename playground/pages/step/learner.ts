/**
 * A model of names that has trained for some steps with the plain `microgpt.ts`, in the order of its `main`; the step after
 * them is the one that the page traces. Also the independent check of a gradient: a finite difference. No DOM.
 */
import { Adam, buildVocabulary, documentLoss, encode, initWeights } from "../../../src/microgpt.ts";
import type { Config, Vocabulary, Weights } from "../../../src/microgpt.ts";
import { Random } from "../../../src/random.ts";
import { traceStep } from "../../../src/trace/trace-step.ts";
import type { TracedStep } from "../../../src/trace/trace-step.ts";

/** The training that the traced step belongs to has this many steps; the learning rate falls to 0 over them. */
export const NUM_STEPS = 1000;

/** A model in training. */
export interface Learner {
  readonly config: Config;
  readonly vocabulary: Vocabulary;
  readonly weights: Weights;
  readonly adam: Adam;
  /** Steps done. */
  readonly step: number;
}

const learningRateAt = (step: number): number => 0.01 * (1 - step / NUM_STEPS);

/** Trains a new model as `main` does: one document per step. @param text names, one per line */
export function learned(text: string, steps: number): Learner {
  const random = new Random(42);
  const documents = text.split("\n").filter((line) => line !== "");
  random.shuffle(documents);
  const vocabulary = buildVocabulary(documents);
  const config: Config = { vocabSize: vocabulary.bos + 1, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
  const weights = initWeights(config, random);
  const adam = new Adam(weights);
  for (let step = 0; step < steps; step++) {
    documentLoss(weights, config, encode(vocabulary, documents[step % documents.length])).backward();
    adam.update(step, learningRateAt(step));
  }
  return { config, vocabulary, weights, adam, step: steps };
}

/** Why the model can't learn from a document; null if it can. */
export function refusal({ vocabulary }: Learner, document: string): string | null {
  if (document === "") return "Type a name: one letter or more.";
  const unknown = [...new Set(document)].filter((character) => !vocabulary.characters.includes(character));
  if (unknown.length === 0) return null;
  return `The model knows the letters ${vocabulary.characters.join("")}; it does not know ${unknown.join(" ")}.`;
}

/** Traces the step that comes next, on this document. The learner stays as it is. */
export function tracedOn({ config, vocabulary, weights, adam, step }: Learner, document: string): TracedStep {
  const model = { config, weights, mean: adam.mean, meanSquare: adam.meanSquare };
  return traceStep(model, { tokens: encode(vocabulary, document), step, learningRate: learningRateAt(step) });
}

/**
 * d(loss)/d(weight) without any derivative: (loss(w + h) − loss(w − h)) / 2h by two plain forward passes, h = 10⁻⁵.
 * @param weight its index in Adam's order
 */
export function finiteDifference(
  { config, vocabulary, weights, adam }: Learner,
  document: string,
  weight: number,
): number {
  const h = 1e-5;
  const param = adam.params[weight];
  const middle = param.data;
  const lossAt = (data: number): number => {
    param.data = data;
    return documentLoss(weights, config, encode(vocabulary, document)).data;
  };
  const difference = (lossAt(middle + h) - lossAt(middle - h)) / (2 * h);
  param.data = middle;
  return difference;
}
