/** The memory that a training needs, item by item: a formula, checked against measured trainings (bench/RESULTS.md). */
import { countParameters } from "../training/engine.ts";
import type { Config } from "../microgpt.ts";
import { nodeMachine } from "./machine.ts";
import { nodeNative } from "./native.ts";
import { idArray } from "../text/token-sequences.ts";
import { engineMemory } from "../library/engines.ts";
import type { EngineMemory } from "../library/engines.ts";
import { gpuMemory } from "../library/gpu.ts";
import { nativeMemory } from "../library/native-memory.ts";
import type { ResolvedOptions } from "../options/resolve.ts";

/** Node with the program and its buffers, before any data; measured, as the next two: bench/RESULTS.md. */
const NODE_BYTES = 106e6;
/** Per document: start and end, index in the order, hash in the set of known documents (twice). */
const DOCUMENT_BYTES = 80;
/** Token lists, relative to the tokens: they grow by doubling. --stream adds one, of the windows. */
const LISTS = 2.5;
/** Per token of the vocabulary: its texts and numbers; and garbage of their tables and files until V8 collects it. */
const VOCABULARY_BYTES = 400;
const VOCABULARY_GARBAGE_BYTES = 2000;
const MAX_VOCABULARY_GARBAGE_BYTES = 160e6;
/** Per token of the text: memory for learning merges, including garbage until V8 collects it. */
const MERGING_BYTES = 60;
const MAX_MERGING_BYTES = 90e6;
/** Copies of a parameter's numbers in a save: the state, the best weights, the file, its hash's copy. */
const SAVED_NUMBERS = 11.5;
/** Copies from earlier saves that V8 has not collected yet. */
const LEFT_NUMBERS = 13.5;
const MAX_LEFT_BYTES = 40e6;
/** Per worker thread, for its own Node. */
const THREAD_BYTES = 21e6;
/** Dawn with a driver and its compiler; measured with SwiftShader, whose memory is the process's own. */
const DAWN_BYTES = 420e6;
/** Per Value of the atomic core, with its lists. */
const VALUE_BYTES = 200;

/** Per product of the atomic core, as a term of a dot product; graphs alive before V8 collects; other garbage. */
const PRODUCT_BYTES = 32;
const GRAPHS = 8;
const GRAPH_GARBAGE_BYTES = 100e6;

/** The size of the data, held-out documents included. */
export interface TextSize {
  /** Tokens in all. */
  readonly tokens: number;
  /** Documents in all. */
  readonly documents: number;
  /** Whether the tokenizer learns merges, which takes memory. */
  readonly isMerged: boolean;
}

/** Bytes by purpose, with names for the user. */
export type Parts = readonly (readonly [what: string, bytes: number])[];

/** The memory that a training needs. */
export interface MemoryNeed {
  /** GPU memory; null where no GPU is asked for. */
  readonly gpu: Parts | null;
  /** Memory of the process. */
  readonly process: Parts;
}

/** The sum of the bytes. */
export const sumOf = (parts: Parts): number => parts.reduce((sum, [, bytes]) => sum + bytes, 0);

/**
 * The memory that a training needs: in WebAssembly, where native code is asked for and there is no compiler. Throws InputError
 * for a model that is too large for the engine.
 */
export function memoryNeed(config: Config, options: ResolvedOptions, text: TextSize): MemoryNeed {
  const { engine } = options;
  const parts = {
    atomic: () => atomicParts(config),
    wasm: () => wasmParts(config, options),
    native: () => nativeParts(config, options),
    webgpu: (): [string, number][] => [["Dawn and pending uploads", DAWN_BYTES]],
  }[engine]();
  const numberBytes = engine === "atomic" ? 8 : 4;
  return {
    gpu: engine === "webgpu" ? gpuParts(config, options) : null,
    process: [
      ...parts,
      ["saving a checkpoint", savingBytes(numberBytes * countParameters(config))],
      ["the vocabulary", vocabularyBytes(config.vocabSize)],
      ["the text, as tokens", textBytes(text, config.vocabSize, options.stream)],
      ["Node itself", NODE_BYTES],
    ],
  };
}

const vocabularyBytes = (vocabSize: number): number =>
  VOCABULARY_BYTES * vocabSize + Math.min(VOCABULARY_GARBAGE_BYTES * vocabSize, MAX_VOCABULARY_GARBAGE_BYTES);

function textBytes({ tokens, documents, isMerged }: TextSize, vocabSize: number, stream: boolean): number {
  const merging = isMerged ? Math.min(MERGING_BYTES * tokens, MAX_MERGING_BYTES) : 0;
  const width = idArray(vocabSize).BYTES_PER_ELEMENT;
  return merging + (LISTS + (stream ? 1 : 0)) * width * tokens + DOCUMENT_BYTES * documents;
}

function wasmParts(config: Config, options: ResolvedOptions): [string, number][] {
  const memory = engineMemory(config, options, nodeMachine);
  return [...cpuParts(memory, options), ["additional threads", (memory.threads - 1) * THREAD_BYTES]];
}

function nativeParts(config: Config, options: ResolvedOptions): [string, number][] {
  if (nodeNative.missing() !== null) return wasmParts(config, { ...options, engine: "wasm" });
  return cpuParts(nativeMemory(config, options, nodeMachine), options);
}

function cpuParts(memory: EngineMemory, { batchSize }: ResolvedOptions): [string, number][] {
  return [
    ["parameters", memory.parameters],
    ["gradients", memory.gradients],
    ["optimizer (two means)", memory.optimizer],
    ["parameters, packed", memory.packed],
    [`activations (batch of ${batchSize})`, memory.activations],
    [`scratch of ${memory.threads} thread${memory.threads === 1 ? "" : "s"}`, memory.scratch],
  ];
}

function gpuParts(config: Config, options: ResolvedOptions): [string, number][] {
  const memory = gpuMemory(config, options);
  return [
    ["parameters", memory.parameters],
    ["gradients", memory.gradients],
    ["optimizer (two means)", memory.optimizer],
    ["parameters, in 16 bits", memory.factors],
    [`activations (batch of ${options.batchSize})`, memory.activations],
    ["scratch", memory.scratch],
  ];
}

const savingBytes = (parameterBytes: number): number =>
  SAVED_NUMBERS * parameterBytes + Math.min(LEFT_NUMBERS * parameterBytes, MAX_LEFT_BYTES);

function atomicParts(config: Config): [string, number][] {
  const parameters = countParameters(config);
  // Every product of a document is in the graph, with both its factors and derivatives.
  const graph = PRODUCT_BYTES * (parameters - config.vocabSize * config.nEmbd) * config.blockSize;
  return [
    ["parameters and their gradients", VALUE_BYTES * parameters],
    ["optimizer (two means)", 16 * parameters],
    ["graphs, including garbage", GRAPHS * graph + GRAPH_GARBAGE_BYTES],
  ];
}
