/**
 * The library: everything but the command line, for Node and for browsers. The algorithm itself, to read and to take
 * apart, is `microgpt/core`.
 *
 * @example
 * const tokenizer = charTokenizer(documents);
 * const config = { vocabSize: tokenizer.vocabSize, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
 * const random = new Random(42);
 * const backend = wasmBackend({ strictMath: false, threads: 1, startThread: null });
 * const engine = await TensorEngine.create(backend, config, { maxTokens: 1024 });
 * await engine.loadWeights(initTensors(config, random, Float32Array));
 * const train = documents.map((document) => documentTokens(tokenizer, document));
 * const settings = { numSteps: 1000, learningRate: 0.01, evalInterval: 100, batchSize: 64 };
 * for await (const { step } of trainSteps(engine, train, [], settings, newProgress())) console.log(step);
 * const ids = await generateTokens(engine, [], 16, random, { temperature: 0.5, topK: null, topP: null });
 * console.log(tokenizer.decode(ids));
 */
export { AtomicEngine, atomicWeights } from "./training/atomic.ts";
export type { Backend } from "./tensor/backend.ts";
export { referenceBackend } from "./backend/reference.ts";
export { wasmBackend } from "./backend/wasm/wasm.ts";
export type { WasmOptions } from "./backend/wasm/wasm.ts";
export { webThreads } from "./backend/wasm/web-threads.ts";
export type { WebThreads } from "./backend/wasm/web-threads.ts";
export { openGpu } from "./backend/webgpu/device.ts";
export type { Gpu } from "./backend/webgpu/device.ts";
export { webgpuBackend } from "./backend/webgpu/webgpu.ts";
export type { TuningStore } from "./backend/webgpu/tune.ts";
export type { WebGpuOptions } from "./backend/webgpu/webgpu.ts";
export { baselines } from "./text/baselines.ts";
export type { Baselines } from "./text/baselines.ts";
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
export type { Draw, SamplingOptions } from "./training/sample.ts";
export { TextSet } from "./text/text-set.ts";
export { TokenCollector, TokenSequences } from "./text/token-sequences.ts";
export { TensorEngine } from "./tensor/tensor-engine.ts";
export type { EngineLimits } from "./tensor/tensor-engine.ts";
export { documentTokens, nameUnknown } from "./text/tokenizer.ts";
export type { Encoding, Span, Tokenizer, TokenizerJson, TokenizerKind, TokenizerTrainer } from "./text/tokenizer.ts";
export { charTokenizer } from "./text/tokenizers/char.ts";
export { toHuggingFace } from "./text/tokenizers/hugging-face.ts";
export type { HuggingFaceJson } from "./text/tokenizers/hugging-face.ts";
export { tokenizerFromJson } from "./text/tokenizers/json.ts";
export { tokenizerTrainer, trainTokenizer } from "./text/tokenizers/train.ts";
export type { TokenizerOptions } from "./text/tokenizers/train.ts";
export { evaluateInSlices, measureInSlices, newProgress, trainSteps } from "./training/train.ts";
export type { Evaluation, Progress, TrainEvent, TrainSettings } from "./training/train.ts";
