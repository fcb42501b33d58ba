/**
 * `microgpt train --dry-run`: what a training would need, and nothing is trained or written.
 */
import type { TrainOptions } from "../config.ts";
import { countParameters } from "../engine.ts";
import { checkTogether } from "../config.ts";
import { decide, engineMemory } from "./engines.ts";
import { prepare } from "./material.ts";
import { grouped } from "./terminal.ts";

/** Node with the program and its buffers, before any data; measured, as the next two: bench/RESULTS.md. */
const NODE_BYTES = 100e6;
/** A character of the text: as a string, in documents, as tokens, in the set of what is known. */
const CHARACTER_BYTES = 30;
/** Copies of a parameter's numbers in a save: the state, the best weights, the file, its hash's copy, and leftovers. */
const SAVED_NUMBERS = 11.5;
/** A Value of the atomic core, with the lists that it keeps. */
const VALUE_BYTES = 200;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Prints the need for memory, part by part. Throws InputError for options that can't be trained. */
export function dryRun(given: TrainOptions): number {
  checkTogether(given);
  const options = decide(given);
  const { config, train, heldOut } = prepare(options);
  const parameters = countParameters(config);
  const characters = [...train, ...heldOut].reduce((sum, tokens) => sum + tokens.length, 0);
  const print = (what: string, bytes: number): void =>
    void process.stdout.write(`${what.padEnd(34)}${megabytes(bytes).padStart(12)}\n`);
  process.stdout.write(`${grouped(parameters)} parameters, ${grouped(config.vocabSize)} tokens in the vocabulary\n`);
  process.stdout.write(`${grouped(train.length)} documents to learn, ${grouped(heldOut.length)} held out\n\n`);
  const parts = options.engine === "atomic" ? atomicParts(parameters) : wasmParts(config, options);
  const numberBytes = options.engine === "atomic" ? 8 : 4;
  const all: [string, number][] = [
    ...parts,
    ["saving a checkpoint", SAVED_NUMBERS * numberBytes * parameters],
    ["the text", CHARACTER_BYTES * characters],
    ["Node itself", NODE_BYTES],
  ];
  for (const [what, bytes] of all) print(what, bytes);
  print(
    "in all, at most",
    all.reduce((sum, [, bytes]) => sum + bytes, 0),
  );
  return 0;
}

function wasmParts(config: Parameters<typeof engineMemory>[0], options: ReturnType<typeof decide>): [string, number][] {
  const memory = engineMemory(config, options);
  return [
    ["parameters", memory.parameters],
    ["gradients", memory.gradients],
    ["optimizer (two means)", memory.optimizer],
    ["parameters, packed", memory.packed],
    [`activations (batch of ${options.batchSize})`, memory.activations],
    [`scratch of ${memory.threads} thread${memory.threads === 1 ? "" : "s"}`, memory.scratch],
  ];
}

function atomicParts(parameters: number): [string, number][] {
  return [
    ["parameters and their gradients", VALUE_BYTES * parameters],
    ["optimizer (two means)", 16 * parameters],
  ];
}
