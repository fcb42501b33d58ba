/**
 * The messages between a page and the worker that trains. A page calls the methods of `RunMethods` and awaits their
 * results; the worker sends `RunEvents` on its own, at most 20 per second however fast it trains. Everything is plain
 * data that `postMessage` copies; large arrays are transferred.
 */
import type {
  Config,
  HeadName,
  ModelOptions,
  NextToken,
  ResolvedOptions,
  EvaluationEvent,
  HeldOutResult,
} from "../../src/index.ts";
import type { RunFiles } from "../../src/index.ts";

/** A training to begin. */
export interface RunRequest {
  /** The texts; with `documents: "line"`, the default, each line is a document. */
  readonly texts: readonly string[];
  /** The options that differ from the defaults. */
  readonly options: ModelOptions;
}

/** A run to continue. */
export interface FilesRequest {
  readonly files: RunFiles;
  /** The command's bundled names, for a run that was trained on them and does not hold them. */
  readonly bundled: string;
}

/** What is known of a run before its first step. */
export interface RunHeader {
  readonly options: ResolvedOptions;
  readonly config: Config;
  /** Number of weights. */
  readonly parameters: number;
  /** What the numbers of documents count. */
  readonly unit: "document" | "window";
  /** Fraction of the training tokens that no step learns from: those after the first blockSize of a document. */
  readonly unlearnt: number;
  /** Documents, or windows, to train on. */
  readonly trainDocuments: number;
  /** Held-out documents, or windows. */
  readonly heldOutDocuments: number;
  /** Why there is one thread only; null if there are more. */
  readonly oneThread: string | null;
  /** Losses of trivial models on the held-out documents, in nats per token. */
  readonly baselines: { readonly uniform: number; readonly unigram: number; readonly bigram: number };
  /** How the tokenizer shows each token, [vocabSize]; the last is BOS. */
  readonly vocabulary: readonly string[];
  /** The beginning of a document, a few tokens that the model reads at once: a text that the vocabulary has. */
  readonly example: string;
  /** Their bits per byte of the whole held-out text; null if nothing is held out. */
  readonly bitBaselines: { readonly unigram: number; readonly bigram: number } | null;
  /**
   * Nats per token × this = bits per byte of the held-out text. null if nothing is held out, or if documents are longer than
   * the block: then the loss covers their beginnings only, and bits are known at the end alone (`measured`).
   */
  readonly bitsPerNat: number | null;
  /** Whether the run continues from files: its first step is not 0. */
  readonly step: number;
}

/** Whether the run trains at the moment. "failed": its worker has ended, or the training diverged. */
export type RunState = "ready" | "playing" | "paused" | "done" | "failed";

/** What changed since the last message; sent at most 20 times per second. */
export interface ProgressMessage {
  readonly state: RunState;
  /** Steps done. Smaller than before after a step back, and after a GPU was lost. */
  readonly step: number;
  /** What trains, such as "wasm engine, 2 threads"; another engine after a GPU was lost. */
  readonly engine: string;
  /** Why that engine; null if the options name it. */
  readonly why: string | null;
  /** New points of the loss curve, three numbers each: step, loss, learning rate. */
  readonly points: Float64Array<ArrayBuffer>;
  /** New evaluations. */
  readonly evaluations: readonly EvaluationEvent[];
  /** The best weights on all held-out text, at the end of a training; null before, and if nothing is held out. */
  readonly measured: HeldOutResult | null;
  /** Tokens per second in the last second of training; 0 while paused. */
  readonly tokensPerSecond: number;
  /** Seconds to the last step at this speed; null while paused. */
  readonly secondsLeft: number | null;
  /** Steps of all snapshots that the worker keeps, ascending. */
  readonly snapshots: readonly number[];
  /** Why the training ended early, for the visitor; null otherwise. */
  readonly failure: string | null;
  /** Warnings for the visitor since the last message. */
  readonly warnings: readonly string[];
}

/** A run that is ready: what it is, and how far it is. */
export interface OpenedRun {
  readonly header: RunHeader;
  readonly progress: ProgressMessage;
}

/** Which weights a question is about: the step of a snapshot, or null for the current weights. */
export type At = number | null;

/** A generated text. */
export interface Sample {
  readonly text: string;
  /** "copied": a document of the data; "near": one edit away from one, or shares a long run with it; "new": neither. */
  readonly likeness: "copied" | "near" | "new";
  /** For "near": the document, or the part of it, that it resembles; null otherwise. */
  readonly resembles: string | null;
}

/** How to generate samples. */
export interface SampleRequest {
  readonly at: At;
  readonly count: number;
  readonly prefix: string;
  /** 0 always takes the likeliest token. */
  readonly temperature: number;
  readonly topK: number | null;
  /** Of the first text; the next one has the next seed. */
  readonly seed: number;
  /** Heads to switch off; absent: none. */
  readonly heads?: readonly HeadName[];
}

/** Samples of a model that is not the present run's. */
export interface PreviewRequest extends Pick<SampleRequest, "count" | "prefix" | "temperature" | "seed"> {
  /** As `Model.save` writes it. */
  readonly model: Uint8Array;
  /** The documents that it was trained on, to mark copies. */
  readonly documents: readonly string[];
}

/** What a forward pass over a text shows. T tokens: BOS, then those of the text, at most blockSize. */
export interface Inspection {
  /** The text. */
  readonly text: string;
  /** The ids, [T]. */
  readonly ids: readonly number[];
  /** The tokens as text, [T]. */
  readonly tokens: readonly string[];
  /** Attention weights, [nLayer][nHead], each [T · T], row = query. */
  readonly attention: readonly (readonly Float32Array[])[];
  /** Logits after each token, [T · vocabSize]. */
  readonly logits: Float32Array;
  /** −log p of the next token, [T − 1], in nats. */
  readonly losses: Float32Array;
}

/** A matrix as plain data. */
export interface Matrix {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** [rows · columns], row-major. */
  readonly data: Float32Array;
}

/** The parts that add up to a logit. */
export interface Contribution {
  /** Such as "token embedding", "layer 0, head 2", "layer 0, MLP". */
  readonly name: string;
  /** What it adds to the token's logit. */
  readonly logit: number;
  /** The token's probability if the part were missing; null where that is not defined. */
  readonly probabilityWithout: number | null;
}

/** A logit taken apart; all numbers are of the same weights. */
export interface Parts {
  /** The parts, in the order of the model. */
  readonly parts: readonly Contribution[];
  /** The logit that the model computes: the sum of the parts, within rounding. */
  readonly logit: number;
  /** The token's probability at temperature 1. */
  readonly probability: number;
}

/** An explanation, beside what the training text has. */
export interface Explanation extends Parts {
  /** How often the token comes after the one at the position in the training text, and how often any does. */
  readonly seen: { readonly count: number; readonly total: number };
}

/** A logit to take apart. */
export interface ContributionRequest {
  readonly at: At;
  readonly text: string;
  /** The token that the logit is of comes after this one; 0 is BOS. */
  readonly position: number;
  /** The id of the token that the logit is of. */
  readonly target: number;
}

/** What a matrix is of: the weights, the gradients of the last step, or the difference that the last step made. */
export type MatrixKind = "weights" | "gradients" | "updates";

/** A matrix of a moment. Gradients exist for the last step only. */
export interface MatrixRequest {
  readonly at: At;
  readonly kind: MatrixKind;
  readonly name: string;
}

/** The methods of the worker. Each is asynchronous for the page. Throws Error with a sentence for the visitor. */
export interface RunMethods {
  /** Prepares a training: tokenizer, engine, weights. Ends the one before. Does not train yet. */
  open(request: RunRequest): OpenedRun;
  /** Continues a run from its files. Ends the one before. */
  openFiles(request: FilesRequest): OpenedRun;
  /** Trains until `pause` or the end. */
  play(): void;
  /** Returns when the training rests. */
  pause(): void;
  /** One step forward. */
  stepForward(): void;
  /** One step back: the state of the step before, to the bit. */
  stepBack(): void;
  /** Back to step 0, with the same seed. */
  reset(): void;
  /** The files of a run directory, which `microgpt resume` and `openFiles` take. */
  files(): RunFiles;
  /** The model as one safetensors file. */
  save(): Uint8Array;
  /** Samples of a model from a file; needs no run. */
  preview(request: PreviewRequest): readonly Sample[];
  samples(request: SampleRequest): readonly Sample[];
  nextTokens(request: { at: At; prefix: string; count: number }): readonly NextToken[];
  /** Runs a text through the model. @param heads heads to switch off. */
  inspect(request: { at: At; text: string; heads: readonly HeadName[] }): Inspection;
  /** Held-out loss in nats per token with some heads switched off. */
  heldOutLoss(request: { at: At; heads: readonly HeadName[] }): number;
  /** What adds up to a logit, and what happens without each part. */
  contributions(request: ContributionRequest): Explanation;
  /** Names of all matrices. */
  matrixNames(): readonly string[];
  matrix(request: MatrixRequest): Matrix;
}

/** Worker → page, on its own. */
export interface RunReport {
  readonly type: "progress";
  readonly progress: ProgressMessage;
}
