/** What options mean to each other: what no single one of them can see. */
import { flagOf, TRAIN_OPTIONS } from "./config.ts";
import type { TrainOptions } from "./config.ts";
import { InputError } from "../errors.ts";

/** What microgpt.py has no word for. */
const NOT_IN_THE_REFERENCE = [
  "documents",
  "stream",
  "nfc",
  "minLength",
  "maxLength",
  "tokens",
  "seconds",
  "accumulate",
  "warmupSteps",
  "schedule",
  "weightDecay",
  "clipNorm",
] as const;

/** Throws InputError for options that don't go together. */
export function checkTogether(options: TrainOptions): void {
  const { nEmbd, nHead, numSteps, warmupSteps, learningRate, weightDecay } = options;
  if (nEmbd % nHead !== 0) {
    throw new InputError(
      `--n-head ${nHead} does not divide --n-embd ${nEmbd}; each head gets an equal share of the width`,
    );
  }
  const hasBudget = options.tokens !== null || options.seconds !== null;
  if (!hasBudget && warmupSteps >= numSteps) {
    throw new InputError(`--warmup-steps ${warmupSteps} leaves none of --num-steps ${numSteps}; warm up for fewer`);
  }
  if (options.tokens !== null && options.seconds !== null) {
    throw new InputError("--tokens and --seconds both say when to end; leave one of the two away");
  }
  if (learningRate * weightDecay > 1) {
    throw new InputError(
      `--weight-decay ${weightDecay} times --learning-rate ${learningRate} is more than 1, more than all of a weight;` +
        " choose a smaller one",
    );
  }
  if (options.noGpu && options.engine !== "auto" && options.engine !== "atomic") {
    throw new InputError(`--no-gpu is --engine atomic; leave it away, or --engine ${options.engine}`);
  }
  if (options.strictMath && options.engine === "webgpu") {
    throw new InputError(
      "--strict-math is the wasm engine's: GPUs differ in their last bits; leave one of the two away",
    );
  }
  if (options.precision === "f16" && (options.engine === "wasm" || options.engine === "atomic")) {
    throw new InputError(`--precision f16 is a GPU's; leave it away, or --engine ${options.engine}`);
  }
  if (options.reference) checkReference(options);
}

/** `--reference` is microgpt.py, and nothing that it can't do. */
function checkReference(options: TrainOptions): void {
  const { valFraction, batchSize } = options;
  if (valFraction !== 0 && valFraction !== TRAIN_OPTIONS.valFraction.initial) {
    throw new InputError("--reference holds nothing out, as microgpt.py; leave --val-fraction away");
  }
  if (batchSize !== null && batchSize !== 1) {
    throw new InputError("--reference takes one document a step, as microgpt.py; leave --batch-size away");
  }
  const other = NOT_IN_THE_REFERENCE.find((key) => options[key] !== TRAIN_OPTIONS[key].initial);
  if (other !== undefined) {
    throw new InputError(`--reference trains exactly as microgpt.py; leave ${flagOf(other)} away`);
  }
}
