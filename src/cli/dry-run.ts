/**
 * `microgpt train --dry-run`: what a training would need, and nothing is trained or written.
 */
import type { TrainOptions } from "../config.ts";
import { countParameters } from "../engine.ts";
import { checkTogether } from "../config.ts";
import type { Config } from "../microgpt.ts";
import { findBlas } from "../node/blas.ts";
import { decide, engineMemory, usesBlas } from "./engines.ts";
import { prepare } from "./material.ts";
import { createReporter } from "./reporter.ts";
import { gather, locate, sourcesOf } from "./sources.ts";
import { grouped } from "./terminal.ts";

/** Node with the program and its buffers, before any data; measured, as the next two: bench/RESULTS.md. */
const NODE_BYTES = 106e6;
/** A character of the text: as a string, in documents, as tokens, in the set of what is known. */
const CHARACTER_BYTES = 30;
/** Copies of a parameter's numbers in a save: the state, the best weights, the file, its hash's copy. */
const SAVED_NUMBERS = 11.5;
/** The same of the saves before, as far as V8 leaves them uncollected. */
const LEFT_NUMBERS = 13.5;
const MAX_LEFT_BYTES = 40e6;
/** A worker thread's own Node; a BLAS with its buffers. */
const THREAD_BYTES = 21e6;
const BLAS_BYTES = 8e6;
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
  const options = decide(locate(given));
  const { config, train, heldOut } = prepare(options, sourcesOf(await gather(options, createReporter(false))));
  const parameters = countParameters(config);
  const characters = train.countTokens() + heldOut.countTokens();
  const print = (what: string, bytes: number): void =>
    void process.stdout.write(`${what.padEnd(34)}${megabytes(bytes).padStart(12)}\n`);
  process.stdout.write(`${grouped(parameters)} parameters, ${grouped(config.vocabSize)} tokens in the vocabulary\n`);
  process.stdout.write(`${grouped(train.length)} documents to learn, ${grouped(heldOut.length)} held out\n\n`);
  const parts = options.engine === "atomic" ? atomicParts(config) : wasmParts(config, options);
  const numberBytes = options.engine === "atomic" ? 8 : 4;
  const all: [string, number][] = [
    ...parts,
    ["saving a checkpoint", savingBytes(numberBytes * parameters)],
    ["the text", CHARACTER_BYTES * characters],
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
