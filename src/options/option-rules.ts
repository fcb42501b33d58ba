/** Rules between options, which no single option can check. */
import { flagOf, TRAIN_OPTIONS } from "./config.ts";
import type { TrainOptions } from "./train-options.ts";
import { InputError } from "../errors.ts";

/** Options that microgpt.py does not have. */
const NOT_IN_THE_REFERENCE = [
  "field",
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
  "dropout",
  "clipNorm",
  "earlyStop",
] as const;

/** Throws InputError for options that contradict each other. */
export function checkTogether(options: TrainOptions): void {
  const { nEmbd, nHead, numSteps, warmupSteps, learningRate, weightDecay } = options;
  if (nEmbd % nHead !== 0) {
    throw new InputError(
      `--n-head ${nHead} does not divide --n-embd ${nEmbd}; each head gets an equal share of the width`,
    );
  }
  const hasBudget = options.tokens !== null || options.seconds !== null;
  if (!hasBudget && warmupSteps >= numSteps) {
    throw new InputError(`--warmup-steps ${warmupSteps} must be less than --num-steps ${numSteps}`);
  }
  if (options.tokens !== null && options.seconds !== null) {
    throw new InputError("--tokens and --seconds both say when to stop; drop one of them");
  }
  if (learningRate * weightDecay > 1) {
    throw new InputError(
      `--weight-decay ${weightDecay} times --learning-rate ${learningRate} is more than 1, which would flip` +
        " the sign of the weights; choose a smaller one",
    );
  }
  if (options.noGpu && options.engine !== "auto" && options.engine !== "atomic") {
    throw new InputError(`--no-gpu means --engine atomic; drop it, or --engine ${options.engine}`);
  }
  if (options.strictMath && (options.engine === "webgpu" || options.engine === "native")) {
    const differ = options.engine === "webgpu" ? "GPUs differ in their" : "native code differs in its";
    throw new InputError(`--strict-math needs the wasm engine, because ${differ} last bits; drop one of the two`);
  }
  if (options.keepC !== null && options.engine !== "native") {
    throw new InputError("--keep-c needs --engine native, the one that generates C; add it, or drop --keep-c");
  }
  if (options.keepC === "-") {
    throw new InputError("--keep-c -: it takes a directory, one file per model; name one");
  }
  if (options.precision === "f16" && options.engine !== "auto" && options.engine !== "webgpu") {
    throw new InputError(`--precision f16 needs a GPU; drop it, or --engine ${options.engine}`);
  }
  if (options.dropout > 0 && (options.noGpu || options.engine === "atomic")) {
    const flag = options.noGpu ? "--no-gpu" : "--engine atomic";
    throw new InputError(`--dropout needs the wasm, native or webgpu engine; drop it, or ${flag}`);
  }
  if (options.reference) checkReference(options);
  if (options.earlyStop !== null && options.valFraction === 0) {
    throw new InputError("--early-stop needs held-out text; drop it, or --val-fraction 0");
  }
}

/** `--reference` allows only what microgpt.py can do. */
function checkReference(options: TrainOptions): void {
  const { valFraction, batchSize } = options;
  if (valFraction !== 0 && valFraction !== TRAIN_OPTIONS.valFraction.initial) {
    throw new InputError("--reference holds nothing out, as microgpt.py does; drop --val-fraction");
  }
  if (batchSize !== null && batchSize !== 1) {
    throw new InputError("--reference takes one document per step, as microgpt.py does; drop --batch-size");
  }
  const other = NOT_IN_THE_REFERENCE.find((key) => options[key] !== TRAIN_OPTIONS[key].initial);
  if (other !== undefined) {
    throw new InputError(`--reference trains exactly as microgpt.py does; drop ${flagOf(other)}`);
  }
}
