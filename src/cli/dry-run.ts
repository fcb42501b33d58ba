/**
 * `microgpt train --dry-run`: prints the memory that a training would need; trains and writes nothing.
 */
import type { TrainOptions } from "../options/train-options.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { countParameters } from "../training/engine.ts";
import { checkTogether } from "../options/option-rules.ts";
import { resolveOptions } from "../options/resolve.ts";
import { prepareTrainingData } from "../library/training-data.ts";
import { memoryNeed, sumOf } from "../run/memory.ts";
import { createReporter } from "./reporters.ts";
import { gather, locate, sourcesOf } from "../run/sources.ts";
import { grouped, megabytes } from "../run/format.ts";

/**
 * Prints the memory, item by item. Throws InputError for options that cannot be trained with.
 * @param vocabulary of another run; null: it is learnt from the text.
 */
export async function dryRun(given: TrainOptions, runsDir: string, vocabulary: Tokenizer | null): Promise<number> {
  checkTogether(given);
  const options = resolveOptions(locate(given));
  const sources = sourcesOf(await gather(options, createReporter(false), runsDir), options);
  const data = prepareTrainingData(options, sources, { tokenizer: vocabulary });
  const { config, train, heldOut, tokenizer } = data;
  const print = (what: string, bytes: number): void =>
    void process.stdout.write(`${what.padEnd(34)}${megabytes(bytes).padStart(12)}\n`);
  process.stdout.write(
    `${grouped(countParameters(config))} parameters, ${grouped(config.vocabSize)} tokens in the vocabulary\n`,
  );
  process.stdout.write(`${grouped(train.length)} documents to learn, ${grouped(heldOut.length)} held out\n\n`);
  const need = memoryNeed(config, options, {
    tokens: train.countTokens() + heldOut.countTokens(),
    documents: train.length + heldOut.length,
    isMerged: tokenizer.toJSON().merges !== undefined,
  });
  if (need.gpu !== null) {
    for (const [what, bytes] of need.gpu) print(what, bytes);
    print("total on the GPU", sumOf(need.gpu));
    process.stdout.write("\n");
  }
  for (const [what, bytes] of need.process) print(what, bytes);
  // V8 decides when it collects the graphs of the atomic core, so that figure is approximate.
  print(options.engine === "atomic" ? "total, about" : "total, at most", sumOf(need.process));
  return 0;
}
