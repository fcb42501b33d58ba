/**
 * The library: everything but the command line, in a page, a worker or Node. `train` and `load` are the first level;
 * below it are engines, backends, tokenizers and files, to be combined freely. The algorithm itself, as one
 * readable file, is `microgpt/core`. Node has its own entry point with the same names (`index-node.ts`).
 *
 * @example
 * const model = await train(["ada", "grace", "alan"], { nEmbd: 32, numSteps: 500 });
 * await model.generate({ prefix: "a", temperature: 0.7, seed: 1 });
 */
export { createTrainer, load, loadRun, resumeTrainer, train } from "./library/web.ts";
export { Model } from "./library/model.ts";
export type { GenerateOptions, ModelParts, NextToken, TextEvaluation } from "./library/model.ts";
export { Trainer } from "./library/trainer.ts";
export type { BestWeights, TrainerState } from "./library/trainer.ts";
export type {
  EvaluationEvent,
  ModelOptions,
  StepEvent,
  TrainCallbacks,
  TrainerOptions,
} from "./library/trainer-options.ts";
export type { Machine } from "./library/machine.ts";
export { webMachine } from "./library/machine.ts";
export { documentsOf, prepareTrainingData } from "./library/training-data.ts";
export type { TrainingData } from "./library/training-data.ts";
export { decodeRun, encodeRun } from "./library/run-files.ts";
export type { RunContent, RunFiles } from "./library/run-files.ts";
export { checkOptions, initialOptions, TRAIN_OPTIONS } from "./options/config.ts";
export type { TrainOptions } from "./options/train-options.ts";
export { resolveOptions } from "./options/resolve.ts";
export type { ResolvedOptions } from "./options/resolve.ts";
export { VERSION } from "./options/version.ts";
export { attentionWeights, withoutHeads } from "./tensor/attention-weights.ts";
export type { HeadName } from "./tensor/attention-weights.ts";
export { logitContributions, withoutMlps } from "./tensor/contributions.ts";
export type { ForwardPass, LogitContribution, LogitSource } from "./tensor/contributions.ts";
export { suitableThreads, tokensPerPass } from "./tensor/sizing.ts";
export { Sha256, sha256Of } from "./text/sha256.ts";
export type { Hasher } from "./text/sha256.ts";
export type { MergeEvent } from "./text/tokenizers/learn-merges.ts";
export { textSource } from "./text/corpus.ts";
export { AtomicEngine, atomicWeights } from "./training/atomic.ts";
export type { Backend } from "./tensor/backend.ts";
export { referenceBackend } from "./backend/reference.ts";
export { wasmBackend } from "./backend/wasm/wasm.ts";
export type { WasmOptions } from "./backend/wasm/wasm.ts";
export { webThreads } from "./backend/wasm/web-threads.ts";
export type { WebThreads } from "./backend/wasm/web-threads.ts";
export { openGpu } from "./backend/webgpu/device.ts";
export type { Gpu, GpuAdapters } from "./backend/webgpu/device.ts";
export { webgpuBackend } from "./backend/webgpu/webgpu.ts";
export type { TuningStore } from "./backend/webgpu/tune.ts";
export type { WebGpuOptions } from "./backend/webgpu/webgpu.ts";
export { baselines, measureBaselines } from "./text/baselines.ts";
export type { Baselines, MeasuredBaselines } from "./text/baselines.ts";
export type { HeldOutResult } from "./library/measure.ts";
export { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel } from "./training/checkpoint.ts";
export type { Checkpoint, ModelFile, Origin } from "./training/checkpoint.ts";
export { Corpus } from "./text/corpus.ts";
export type { CleaningCounts, CorpusOptions, Source } from "./text/corpus.ts";
export { referenceDataset, splitDataset, splitDocuments, splitLines, splitTails } from "./text/dataset.ts";
export type { Dataset, DocumentKind } from "./text/dataset.ts";
export { countParameters, EngineLost, initTensors, weightShapes } from "./training/engine.ts";
export type { Engine, Reader, StepResult, Tensor, Tensors, TrainingState, Update } from "./training/engine.ts";
export type { Sequence, Tokens } from "./text/token-sequences.ts";
export { InputError } from "./errors.ts";
export type { InputErrorCode } from "./errors.ts";
export { checkGpu } from "./backend/webgpu/check.ts";
export { initWeights } from "./microgpt.ts";
export type { Config } from "./microgpt.ts";
export { Random } from "./random.ts";
export type { RandomState } from "./random.ts";
export { decodeSafetensors, encodeSafetensors } from "./training/safetensors.ts";
export type { Dtype, RawTensor, SafetensorsFile } from "./training/safetensors.ts";
export { learningRateAt } from "./training/schedule.ts";
export type { Schedule, ScheduleName } from "./training/schedule.ts";
export { generate, generateTokens, nextTokenProbabilities } from "./training/sample.ts";
export type { Draw, SamplingOptions, Spelling, TextModel } from "./training/sample.ts";
export { TextSet } from "./text/text-set.ts";
export { TokenCollector, TokenSequences } from "./text/token-sequences.ts";
export { TensorEngine } from "./tensor/tensor-engine.ts";
export type { EngineLimits } from "./tensor/engine-plan.ts";
export { Streams } from "./tensor/streams.ts";
export type { StreamingEngine } from "./tensor/streams.ts";
export type { TextPiece } from "./tensor/packing.ts";
export { likenessOf, MAX_EDITED, runLength } from "./text/likeness.ts";
export type { Likeness } from "./text/likeness.ts";
export { documentTokens, nameUnknown } from "./text/tokenizer.ts";
export type {
  Encoding,
  OpenWord,
  Prompt,
  Span,
  Tokenizer,
  TokenizerJson,
  TokenizerKind,
  TokenizerTrainer,
} from "./text/tokenizer.ts";
export { charTokenizer } from "./text/tokenizers/char.ts";
export { toHuggingFace } from "./text/tokenizers/hugging-face.ts";
export type { HuggingFaceJson } from "./text/tokenizers/hugging-face.ts";
export { tokenizerFromJson } from "./text/tokenizers/json.ts";
export { tokenizerTrainer, trainTokenizer } from "./text/tokenizers/train.ts";
export type { TokenizerOptions } from "./text/tokenizers/train.ts";
export { evaluateInSlices, measureInSlices, newProgress, trainSteps } from "./training/train.ts";
export type { Evaluation, Progress, TrainEvent, TrainSettings } from "./training/train.ts";
