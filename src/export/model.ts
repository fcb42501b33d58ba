/**
 * What every format starts from, and what a format is. A format is a pure function: a trained model in, named bytes out.
 * It touches no disk (`run/export.ts` writes) and prints nothing.
 */
import type { ModelParts } from "../library/model.ts";
import type { DataSize } from "../library/training-data.ts";
import type { Baselines } from "../text/baselines.ts";

/** A trained model, with all that a format may say of it. */
export interface ExportedModel extends ModelParts {
  /** The name of the run: the model's name. */
  readonly name: string;
  /** What is known of its training, for the model card. */
  readonly training: TrainingFacts;
  /**
   * Every document of its data as tokens, without BOS: each iteration reads all of it. A text, where it cannot be read or is
   * not the data of the training: why, as a clause for the reader of what is exported.
   */
  documents(): Promise<Iterable<ArrayLike<number>> | string>;
  /** The built page that `page.ts` fills. Throws InputError if it is not built. */
  page(): string;
}

/** What is known of a training; null for what is not, for example while the training is not finished. */
export interface TrainingFacts {
  /** Files and pages, by name, without their folders. */
  readonly data: readonly string[];
  /** What the texts became; null: not recorded. */
  readonly size: DataSize | null;
  /** Steps of the whole training; null: it is not finished. */
  readonly numSteps: number | null;
  /** Loss in nats per token, on all held-out text. */
  readonly heldOutLoss: number | null;
  /** Bits per byte of UTF-8, on all held-out text. */
  readonly bitsPerByte: number | null;
  /** Bits per byte of trivial models on the same text. */
  readonly baselines: Baselines | null;
}

/** Path within the export → bytes; a format that is a single file has one entry. */
export type ExportedFiles = ReadonlyMap<string, Uint8Array>;

/** A way to write a model down for other programs. */
export interface Format {
  /** What comes out: a folder, or one file with this ending. */
  readonly output: { readonly kind: "folder" } | { readonly kind: "file"; readonly ending: string };
  /** What comes out and who opens it, for the help and the documents. */
  readonly help: string;
  /**
   * Why the model cannot be said in this format: sentences without a full stop, each with the way out. Empty: it can. They
   * are asked for before anything is written. Throws InputError where the format itself lacks something.
   */
  refusals(model: ExportedModel): readonly string[];
  /** The files. Called only where nothing is refused. */
  files(model: ExportedModel): Promise<ExportedFiles>;
}

const encoder = new TextEncoder();

/** A text as bytes. */
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
