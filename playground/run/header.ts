/** What a page shows of a training before its first step. */
import { baselines, countParameters, webThreads } from "../../src/index.ts";
import type { Trainer } from "../../src/index.ts";
import type { RunHeader } from "./protocol.ts";

/** Describes a training that is ready. */
export function headerOf({ data, options, engine, progress }: Trainer): RunHeader {
  const { train, heldOut, config, tokenizer, heldOutBytes } = data;
  const measured = heldOut.length > 0 ? heldOut : train;
  const targets = heldOut.countTokens() - heldOut.length;
  return {
    options,
    config,
    parameters: countParameters(config),
    trainDocuments: train.length,
    heldOutDocuments: heldOut.length,
    engine: engine.name,
    oneThread: webThreads().reason,
    baselines: baselines(train, measured, config.vocabSize, config.blockSize),
    vocabulary: Array.from({ length: config.vocabSize }, (_, id) => tokenizer.token(id)),
    natsPerBit: heldOut.length > 0 ? (Math.LN2 * heldOutBytes) / targets : null,
    step: progress.step,
  };
}
