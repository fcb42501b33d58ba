/**
 * `microgpt train --from RUN --data NEW`: a new run begins with the weights and the vocabulary of another, on another text.
 * Adam and the schedule begin anew. `extension.ts` resumes a run on its own text instead.
 */
import { resolve } from "node:path";
import { InputError, showPath } from "../errors.ts";
import type { Lacking } from "../library/encode.ts";
import type { Run } from "../node/run-directory.ts";
import { nodeHasher } from "../node/text.ts";
import { flagOf } from "../options/config.ts";
import type { Ancestor } from "../options/resolve.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { listPieces } from "../text/tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Tensors } from "../training/engine.ts";
import { counted } from "./cleaning.ts";
import { grouped } from "./format.ts";

/** Options that the weights and the vocabulary have decided. */
export const DECIDED: readonly (keyof TrainOptions)[] = [
  "nEmbd",
  "nHead",
  "nLayer",
  "blockSize",
  "tokenizer",
  "bpeMerges",
  "vocabSize",
  "unk",
];

/** How the texts were read: taken over, too, unless typed. */
const READING: readonly (keyof TrainOptions)[] = ["documents", "stream", "nfc"];

/**
 * Options with those of a run's model and reading. Throws InputError for one that contradicts the model.
 * @param typed the keys that the user gave.
 */
export function withModelOf(run: Run, options: TrainOptions, typed: ReadonlySet<string>): TrainOptions {
  const other = DECIDED.find((key) => typed.has(key) && options[key] !== run.options[key]);
  if (other !== undefined) {
    const [flag, path] = [flagOf(other), showPath(run.path)];
    throw new InputError(
      `${flag}: ${path} was trained with ${String(run.options[other] ?? "its default")}, which its weights keep; drop ${flag}, or --from`,
    );
  }
  if (options.reference) {
    throw new InputError("--reference begins with random weights, as microgpt.py does; drop it, or --from");
  }
  const keys: readonly string[] = [...DECIDED, ...READING.filter((key) => !typed.has(key))];
  const taken = Object.entries(run.options).filter(([key]) => keys.includes(key));
  return { ...options, ...Object.fromEntries(taken) };
}

/** What a new run takes from another. */
export interface Heritage {
  /** Its weights. */
  readonly weights: Tensors;
  /** Its vocabulary. */
  readonly tokenizer: Tokenizer;
  /** Where both are from. */
  readonly from: Ancestor;
}

/** Reads the best weights of a run, or its newest (`Run.loadWeights`). Throws InputError if it has none. */
export async function heritageOf(run: Run, note: (message: string) => void): Promise<Heritage> {
  const { weights, step } = await run.loadWeights(note);
  const hash = nodeHasher();
  for (const { data } of weights.values()) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { weights, tokenizer: run.tokenizer, from: { run: resolve(run.path), step, weights: hash.digest() } };
}

/** What the vocabulary of another run lacks of a text, as a sentence; null: nothing. */
export function lackingText({ pieces, dropped }: Lacking, { kind, unk }: Tokenizer): string | null {
  if (pieces.size === 0) return null;
  const total = [...pieces.values()].reduce((sum, count) => sum + count, 0);
  const what = counted(total, kind === "word" ? "word" : "character");
  const done = unk === null ? "left out" : "read as <unk>";
  const gone =
    dropped > 0 ? `; ${counted(dropped, "document")} with nothing else ${dropped === 1 ? "is" : "are"} dropped` : "";
  const kinds = pieces.size === total ? "" : `, ${grouped(pieces.size)} different ones,`;
  return `${what} of the text${kinds} ${total === 1 ? "is" : "are"} not in the vocabulary and ${done}${gone}: ${listPieces(pieces)}`;
}
