/** The probabilities of the next token, from a text that went through the model. */
import { nextTokenProbabilities } from "../../../src/training/sample.ts";
import type { Inspection } from "../../run/protocol.ts";

/** Probabilities after a token, [vocabSize], at temperature 1. */
export function probabilitiesAt({ ids, logits }: Inspection, position: number): number[] {
  const vocabSize = logits.length / ids.length;
  const own = logits.subarray(position * vocabSize, (position + 1) * vocabSize);
  return nextTokenProbabilities(own, { temperature: 1, topK: null, topP: null });
}

/** All tokens, likeliest first. */
export function likeliestFirst(inspection: Inspection, position: number): number[] {
  const probabilities = probabilitiesAt(inspection, position);
  return [...probabilities.keys()].toSorted((a, b) => probabilities[b] - probabilities[a]);
}
