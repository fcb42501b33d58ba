/**
 * `microgpt train --dry-run`: what a training would need, and nothing is trained or written.
 */
import type { TrainOptions } from "../config.ts";
import { countParameters } from "../engine.ts";
import { checkTogether } from "../config.ts";
import type { Config } from "../microgpt.ts";
import { findBlas } from "../node/blas.ts";
import { decide, engineMemory, gpuMemory, usesBlas } from "./engines.ts";
import { prepare } from "./material.ts";
import type { Material } from "./material.ts";
import { createReporter } from "./reporter.ts";
import { exitOnOutputError } from "./signals.ts";
import { gather, locate, sourcesOf } from "./sources.ts";
import { grouped } from "./terminal.ts";

/** Node with the program and its buffers, before any data; measured, as the next two: bench/RESULTS.md. */
const NODE_BYTES = 106e6;
/** A document: where it begins and ends, its place in the order, its hash in the set of what is known (twice). */
const DOCUMENT_BYTES = 80;
/** Lists of tokens grow by doubling; with --stream there is another, of the windows. */
const LISTS = 2.5;
/** For a token of the text, what learning merges takes and leaves behind, until V8 collects. */
const MERGING_BYTES = 60;
const MAX_MERGING_BYTES = 90e6;
/** Copies of a parameter's numbers in a save: the state, the best weights, the file, its hash's copy. */
const SAVED_NUMBERS = 11.5;
/** The same of the saves before, as far as V8 leaves them uncollected. */
const LEFT_NUMBERS = 13.5;
const MAX_LEFT_BYTES = 40e6;
/** A worker thread's own Node; a BLAS with its buffers. */
const THREAD_BYTES = 21e6;
const BLAS_BYTES = 8e6;
/** Dawn with a driver and its compiler; measured with SwiftShader, whose memory is the process's own. */
const DAWN_BYTES = 420e6;
/** A Value of the atomic core, with the lists that it keeps. */
const VALUE_BYTES = 200;

/** A product of the atomic core, as a term of a dot product; graphs that V8 holds before it collects, and what more. */
const PRODUCT_BYTES = 32;
const GRAPHS = 8;
const GRAPH_GARBAGE_BYTES = 100e6;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Prints the need for memory, part by part. Throws InputError for options that can't be trained. */
export async function dryRun(given: TrainOptions): Promise<number> {
  checkTogether(given);
  exitOnOutputError();
  const options = decide(locate(given));
  const material = prepare(options, sourcesOf(await gather(options, createReporter(false))));
  const { config, train, heldOut } = material;
  const parameters = countParameters(config);
  const print = (what: string, bytes: number): void =>
    void process.stdout.write(`${what.padEnd(34)}${megabytes(bytes).padStart(12)}\n`);
  process.stdout.write(`${grouped(parameters)} parameters, ${grouped(config.vocabSize)} tokens in the vocabulary\n`);
  process.stdout.write(`${grouped(train.length)} documents to learn, ${grouped(heldOut.length)} held out\n\n`);
  if (options.engine === "webgpu") {
    const parts = gpuParts(config, options);
    for (const [what, bytes] of parts) print(what, bytes);
    print(
      "on the GPU, in all",
      parts.reduce((sum, [, bytes]) => sum + bytes, 0),
    );
    process.stdout.write("\n");
  }
  const parts = {
    atomic: () => atomicParts(config),
    wasm: () => wasmParts(config, options),
    webgpu: (): [string, number][] => [["Dawn, and what waits to be sent", DAWN_BYTES]],
  }[options.engine === "auto" ? "wasm" : options.engine]();
  const numberBytes = options.engine === "atomic" ? 8 : 4;
  const all: [string, number][] = [
    ...parts,
    ["saving a checkpoint", savingBytes(numberBytes * parameters)],
    ["the text, as tokens", textBytes(material, options)],
    ["Node itself", NODE_BYTES],
  ];
  for (const [what, bytes] of all) print(what, bytes);
  print(
    // What the atomic core leaves behind is collected when V8 likes.
    options.engine === "atomic" ? "in all, about" : "in all, at most",
    all.reduce((sum, [, bytes]) => sum + bytes, 0),
  );
  return 0;
}

function textBytes({ train, heldOut, tokenizer, config: { vocabSize } }: Material, { stream }: TrainOptions): number {
  const width = vocabSize <= 2 ** 8 ? 1 : vocabSize <= 2 ** 16 ? 2 : 4;
  const tokens = train.countTokens() + heldOut.countTokens();
  const merging = tokenizer.toJSON().merges === undefined ? 0 : Math.min(MERGING_BYTES * tokens, MAX_MERGING_BYTES);
  return merging + (LISTS + (stream ? 1 : 0)) * width * tokens + DOCUMENT_BYTES * (train.length + heldOut.length);
}

function wasmParts(config: Config, options: ReturnType<typeof decide>): [string, number][] {
  const memory = engineMemory(config, options);
  return [
    ["parameters", memory.parameters],
    ["gradients", memory.gradients],
    ["optimizer (two means)", memory.optimizer],
    ["parameters, packed", memory.packed],
    [`activations (batch of ${options.batchSize})`, memory.activations],
    [`scratch of ${memory.threads} thread${memory.threads === 1 ? "" : "s"}`, memory.scratch],
    ["threads beside the first", (memory.threads - 1) * THREAD_BYTES],
    ["BLAS", usesBlas(config, options) && findBlas() !== null ? BLAS_BYTES : 0],
  ];
}

function gpuParts(config: Config, options: ReturnType<typeof decide>): [string, number][] {
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
    ["graphs, and what is left of them", GRAPHS * graph + GRAPH_GARBAGE_BYTES],
  ];
}
