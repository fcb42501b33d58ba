/** What a page shows of a training before its first step. */
import { countParameters, documentsOf, measureBaselines, webThreads } from "../../src/index.ts";
import type { Trainer } from "../../src/index.ts";
import type { RunHeader } from "./protocol.ts";

/** An example is short enough to show the attention between all of its tokens. */
const EXAMPLE_TOKENS = 16;

/** Describes a training that is ready. */
export function headerOf(trainer: Trainer): RunHeader {
  const { data, options, progress } = trainer;
  const { train, heldOut, unit, unlearnt, config, tokenizer, heldOutBytes } = data;
  const measured = heldOut.length > 0 ? heldOut : train;
  const tokens = heldOut.countTokens() - heldOut.length;
  const isWhole = heldOut.length > 0 && !hasLonger(heldOut, config.blockSize);
  const { loss, bits } = measureBaselines(train, measured, config.vocabSize, config.blockSize);
  return {
    options,
    config,
    parameters: countParameters(config),
    unit,
    unlearnt,
    trainDocuments: train.length,
    heldOutDocuments: heldOut.length,
    oneThread: webThreads().reason,
    baselines: loss,
    bitBaselines:
      heldOut.length > 0 ? { unigram: bits.unigram / heldOutBytes, bigram: bits.bigram / heldOutBytes } : null,
    vocabulary: Array.from({ length: config.vocabSize }, (_, id) => tokenizer.token(id)),
    example: exampleOf(trainer),
    bitsPerNat: isWhole ? tokens / heldOutBytes / Math.LN2 : null,
    step: progress.step,
  };
}

/** The beginning of the first document. BOS comes before it, so the model reads one token less of it. */
function exampleOf({ data, tokenizer }: Trainer): string {
  const [ids] = documentsOf(data);
  const text = tokenizer.decode(Array.from(ids).slice(0, Math.min(EXAMPLE_TOKENS, data.config.blockSize - 1)));
  // Tokens of bytes may end within a character.
  return text.replace(/\uFFFD+$/, "").trim();
}

/** Whether a document is longer than the block, so that the loss covers its beginning only. */
function hasLonger(documents: Iterable<ArrayLike<number>>, blockSize: number): boolean {
  for (const tokens of documents) if (tokens.length - 1 > blockSize) return true;
  return false;
}
