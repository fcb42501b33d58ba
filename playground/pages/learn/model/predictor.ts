/**
 * What all rungs have in common, trained or counted: read a token, say how likely each next token is. So one function
 * measures them all and one function lets them all write.
 */
import type { Random } from "../../../../src/random.ts";
import { BLOCK_SIZE } from "./names.ts";
import type { Names } from "./names.ts";

/** Reads the next token of a document. @returns probabilities [vocabSize] of the token after it. */
export type Reader = (token: number) => readonly number[];

/** A model of names: starts a reader before the first token of a document. */
export type Predictor = () => Reader;

/** Mean of −log p(next token) in nats per token, over the first 16 next tokens of each document. */
export function lossOn(predictor: Predictor, documents: readonly (readonly number[])[]): number {
  let [sum, count] = [0, 0];
  for (const tokens of documents) {
    const read = predictor();
    const positions = Math.min(BLOCK_SIZE, tokens.length - 1);
    for (let position = 0; position < positions; position++) {
      sum -= Math.log(read(tokens[position])[tokens[position + 1]]);
      count++;
    }
  }
  return sum / count;
}

/** Draws letters at temperature 1, the plain probabilities, until BOS. */
export function write(predictor: Predictor, { vocabulary }: Names, random: Random): string {
  const read = predictor();
  let [text, token] = ["", vocabulary.bos];
  for (let position = 0; position < BLOCK_SIZE; position++) {
    token = random.weightedIndex(read(token));
    if (token === vocabulary.bos) break;
    text += vocabulary.characters[token];
  }
  return text;
}
