/**
 * Writes samples with some heads switched off, token by token through `inspect`: the worker's own `samples` knows all heads
 * only. Works where a text's tokens stay the same when it grows, as with characters and words.
 */
import type { HeadName, TokenizerKind } from "../../../src/index.ts";
import { Random } from "../../../src/random.ts";
import { nextTokenProbabilities } from "../../../src/training/sample.ts";
import type { Inspection } from "../../run/protocol.ts";
import { textOf } from "./token-text.ts";

/** How to write. */
export interface Writing {
  readonly heads: readonly HeadName[];
  readonly count: number;
  readonly seed: number;
  readonly temperature: number;
  readonly kind: TokenizerKind;
  /** How the tokenizer shows each token, [vocabSize]; the last is BOS. */
  readonly vocabulary: readonly string[];
  /** Longest text in tokens, BOS included. */
  readonly blockSize: number;
}

/** Runs a text through the model. */
export type Inspect = (text: string, heads: readonly HeadName[]) => Promise<Inspection>;

/**
 * Writes texts. The same seed draws the same random numbers for every choice of heads. Rejects with a sentence if the
 * tokenizer splits a growing text anew.
 */
export async function writeWithout(inspect: Inspect, writing: Writing): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < writing.count; i++) {
    // A generator per text: one text's length does not change the next.
    texts.push(await writeOne(inspect, writing, new Random(writing.seed + i)));
  }
  return texts;
}

async function writeOne(inspect: Inspect, writing: Writing, random: Random): Promise<string> {
  const { kind, vocabulary, blockSize, heads, temperature } = writing;
  const bos = vocabulary.length - 1;
  const ids: number[] = [];
  for (;;) {
    const text = textOf(
      ids.map((id) => vocabulary[id]),
      kind,
    );
    if (ids.length + 1 >= blockSize) return text;
    const { ids: read, logits } = await inspect(text, heads);
    if (read.length !== ids.length + 1 || ids.some((id, t) => read[t + 1] !== id)) {
      throw new Error("Samples without heads need characters or words as tokens.");
    }
    const last = logits.subarray(ids.length * vocabulary.length, (ids.length + 1) * vocabulary.length);
    const id = random.weightedIndex(nextTokenProbabilities(last, { temperature, topK: null, topP: null }));
    if (id === bos) return text;
    ids.push(id);
  }
}
