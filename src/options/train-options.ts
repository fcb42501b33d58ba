/** What can be asked of a training, a sample, a fetch and a tokenizer: the options as types. Their table is `config.ts`. */
import type { DocumentKind } from "../text/dataset.ts";
import type { TokenizerKind } from "../text/tokenizer.ts";
import type { ScheduleName } from "../training/schedule.ts";

/** The options of `microgpt train`; names and defaults are the reference's where it has them. */
export interface TrainOptions {
  /** Paths of files and folders, patterns, and `-` for standard input; empty: the bundled names, unless `urls` is given. */
  readonly data: readonly string[];
  /** Addresses of web pages. */
  readonly urls: readonly string[];
  /** A file of addresses, one per line; null: none. */
  readonly urlFile: string | null;
  /** Whether pages are fetched again, and not kept. */
  readonly noCache: boolean;
  /** Where pages are kept; null: the user's cache directory. */
  readonly cacheDir: string | null;
  /** Whether pages are fetched that robots.txt disallows. */
  readonly ignoreRobots: boolean;
  /** Hosts in a private network that pages may come from. */
  readonly allowHost: readonly string[];
  /** How text becomes tokens. */
  readonly tokenizer: TokenizerKind;
  /** Merges that bpe and byte-bpe learn. */
  readonly bpeMerges: number;
  /** Tokens at most, BOS included; null: no limit, or as `bpeMerges` says. */
  readonly vocabSize: number | null;
  /** char, word: whether unknown pieces have a token. */
  readonly unk: boolean;
  /** What a document is. */
  readonly documents: DocumentKind;
  /** Whether documents are joined and cut into windows of `blockSize` + 1 tokens, so that every token is learnt. */
  readonly stream: boolean;
  /** Whether text is brought to Unicode's normalization form C. */
  readonly nfc: boolean;
  /** Characters of the shortest document; null: no limit. */
  readonly minLength: number | null;
  /** Characters of the longest document; null: no limit. */
  readonly maxLength: number | null;
  /** Whether a document is learnt as often as it occurs. */
  readonly keepDuplicates: boolean;
  /** The fraction held out for evaluation, 0 to 0.9: of the documents, or of each file's end. */
  readonly valFraction: number;
  /** Width of the embeddings. */
  readonly nEmbd: number;
  /** Attention heads; divides `nEmbd`. */
  readonly nHead: number;
  /** Layers. */
  readonly nLayer: number;
  /** Context length in tokens. */
  readonly blockSize: number;
  /** Training steps, unless `tokens` or `seconds` decides them. */
  readonly numSteps: number;
  /** A budget of tokens in place of `numSteps`; null: none. */
  readonly tokens: number | null;
  /** A budget of seconds on this machine in place of `numSteps`; null: none. */
  readonly seconds: number | null;
  /** Documents per batch; null: the engine's default. */
  readonly batchSize: number | null;
  /** Batches per step, whose gradients are summed. */
  readonly accumulate: number;
  /** The peak learning rate. */
  readonly learningRate: number;
  /** Steps in which the learning rate rises linearly from 0. */
  readonly warmupSteps: number;
  /** How the learning rate moves after the warm-up. */
  readonly schedule: ScheduleName;
  /** Decoupled weight decay (AdamW), as a fraction per unit of learning rate. */
  readonly weightDecay: number;
  /** The largest norm of all gradients together; longer ones are scaled down; null: no limit. */
  readonly clipNorm: number | null;
  /** Seed of the run's generator. */
  readonly seed: number;
  /** Steps between evaluations. */
  readonly evalInterval: number;
  /** Held-out documents, or windows, per evaluation. */
  readonly evalDocuments: number;
  /** Texts to write after the training. */
  readonly numSamples: number;
  /** Logits are divided by it before a token is drawn; 0: the likeliest token. */
  readonly temperature: number;
  /** Steps between checkpoints. */
  readonly saveInterval: number;
  /** Checkpoints to keep, the newest first; the best is kept besides. */
  readonly keep: number;
  /** What computes. */
  readonly engine: EngineChoice;
  /** Precision of activations on a GPU. */
  readonly precision: "f32" | "f16";
  /** The reference's `--no-gpu`: the atomic engine, one document per step. */
  readonly noGpu: boolean;
  /** Threads of the wasm engine; null: chosen from the model's size and the cores. */
  readonly threads: number | null;
  /** Whether a BLAS library of the machine is left unused. */
  readonly noBlas: boolean;
  /** Whether arithmetic is the same on every machine: no fused multiply-add, no BLAS, no GPU. */
  readonly strictMath: boolean;
  /** Whether the training is microgpt.py's, number for number. */
  readonly reference: boolean;
  /** Further forms in which metrics are written. */
  readonly log: readonly LogFormat[];
}

/** A form of metrics.jsonl for other programs. */
export type LogFormat = "csv" | "tensorboard";

/** An engine by name, or "auto": the one that suits the model and the machine. */
export type EngineChoice = "auto" | "atomic" | "wasm" | "webgpu";

type PageKey = "urlFile" | "noCache" | "cacheDir" | "ignoreRobots" | "allowHost";
type CleaningKey = "documents" | "nfc" | "minLength" | "maxLength" | "keepDuplicates";

/** The options of `microgpt fetch`. */
export type FetchOptions = Pick<TrainOptions, PageKey | CleaningKey>;
/** The options of `microgpt tokenize`. */
export type TokenizeOptions = FetchOptions & Pick<TrainOptions, "data" | "urls" | "bpeMerges" | "vocabSize" | "unk">;

/** The options of `microgpt sample` and `microgpt complete`. */
export interface SampleOptions {
  /** Texts to write. */
  readonly numSamples: number;
  /** As in `TrainOptions`. */
  readonly temperature: number;
  /** Draw from the K likeliest tokens only; null: from all. */
  readonly topK: number | null;
  /** Draw from the likeliest tokens whose probabilities sum to this; null: from all. */
  readonly topP: number | null;
  /** Tokens at most; null: the block size. */
  readonly maxTokens: number | null;
  /** Seed of the generator that draws. */
  readonly seed: number;
}
