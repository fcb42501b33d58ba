/** The options of each command as types. Their table, with defaults, limits and help, is in `config.ts`. */
import type { DocumentKind } from "../text/dataset.ts";
import type { TokenizerKind } from "../text/tokenizer.ts";
import type { ScheduleName } from "../training/schedule.ts";

/** The options of `microgpt train`; names and defaults are the reference's where it has them. */
export interface TrainOptions {
  /**
   * Paths of files and folders, patterns, addresses, and `-` for standard input; empty: the bundled names, unless `urls`
   * is given.
   */
  readonly data: readonly string[];
  /** The encoding of the texts of `data`; null: each text's is detected. */
  readonly encoding: string | null;
  /** Addresses of web pages. */
  readonly urls: readonly string[];
  /** A file of addresses, one per line; null: none. */
  readonly urlFile: string | null;
  /** The field that is read of each row of JSON Lines, CSV and TSV files; null: they are read as text. */
  readonly field: string | null;
  /** Whether pages are fetched anew, without reading or writing the cache. */
  readonly noCache: boolean;
  /** Where pages are cached; null: the user's cache directory. */
  readonly cacheDir: string | null;
  /** Whether pages are fetched that robots.txt disallows. */
  readonly ignoreRobots: boolean;
  /** Hosts in a private network that pages may come from. */
  readonly allowHost: readonly string[];
  /** How text becomes tokens. */
  readonly tokenizer: TokenizerKind;
  /** Merges that bpe and byte-bpe learn. */
  readonly bpeMerges: number;
  /** Largest vocabulary in tokens, BOS included; null: no limit (bpe: set by `bpeMerges`). */
  readonly vocabSize: number | null;
  /** char, word: whether unknown pieces have a token. */
  readonly unk: boolean;
  /** What a document is. */
  readonly documents: DocumentKind;
  /** Whether documents are joined and cut into windows of `blockSize` + 1 tokens, so that every token is trained on. */
  readonly stream: boolean;
  /** Whether text is brought to Unicode's normalization form C. */
  readonly nfc: boolean;
  /** Documents with fewer characters are dropped; null: no limit. */
  readonly minLength: number | null;
  /** Documents with more characters are dropped; null: no limit. */
  readonly maxLength: number | null;
  /** Whether duplicate documents are kept, so that each is trained on as often as it occurs. */
  readonly keepDuplicates: boolean;
  /** The fraction held out for evaluation, 0 to 0.9: of the documents, or the end of each file with `stream`. */
  readonly valFraction: number;
  /** Width of the embeddings. */
  readonly nEmbd: number;
  /** Attention heads; divides `nEmbd`. */
  readonly nHead: number;
  /** Transformer layers. */
  readonly nLayer: number;
  /** Context length in tokens. */
  readonly blockSize: number;
  /** Training steps, unless `tokens` or `seconds` decides them. */
  readonly numSteps: number;
  /** A budget of tokens that replaces `numSteps`; null: none. */
  readonly tokens: number | null;
  /** A budget of seconds on this machine that replaces `numSteps`; null: none. */
  readonly seconds: number | null;
  /** Documents per batch; null: the engine's default. */
  readonly batchSize: number | null;
  /** Batches per step, whose gradients are summed. */
  readonly accumulate: number;
  /** The peak learning rate. */
  readonly learningRate: number;
  /** Steps in which the learning rate rises linearly from 0. */
  readonly warmupSteps: number;
  /** How the learning rate changes after the warm-up. */
  readonly schedule: ScheduleName;
  /** Decoupled weight decay (AdamW): each step shrinks weights by `weightDecay · learningRate`. */
  readonly weightDecay: number;
  /** Probability that a number added to the residual stream is dropped in training; 0: off. */
  readonly dropout: number;
  /** The largest norm of all gradients together; longer ones are scaled down; null: no limit. */
  readonly clipNorm: number | null;
  /** Seed of the run's random number generator. */
  readonly seed: number;
  /** Steps between evaluations; null: after steps 1, 2, 5, 10, 20, 50 and every 100 (`isEvaluationStep`). */
  readonly evalInterval: number | null;
  /** Evaluations at the interval without a better held-out loss that end the training; null: none do. */
  readonly earlyStop: number | null;
  /** Held-out documents, or windows, per evaluation. */
  readonly evalDocuments: number;
  /** Texts to generate after the training. */
  readonly numSamples: number;
  /** Logits are divided by it before a token is drawn; 0: the likeliest token. */
  readonly temperature: number;
  /** Steps between checkpoints. */
  readonly saveInterval: number;
  /** How many of the newest checkpoints are kept, in addition to the best. */
  readonly keep: number;
  /** The engine, or "auto". */
  readonly engine: EngineChoice;
  /** Precision of activations on a GPU. */
  readonly precision: "f32" | "f16";
  /** The reference's `--no-gpu`: the atomic engine, one document per step. */
  readonly noGpu: boolean;
  /** Threads of the wasm or the native engine; null: chosen from the model's size and the cores. */
  readonly threads: number | null;
  /** A directory where the native engine leaves the C that it generates; null: nowhere. */
  readonly keepC: string | null;
  /** Whether results are bit-identical on every machine: no fused multiply-add, no native code, no GPU. */
  readonly strictMath: boolean;
  /** Whether the training reproduces microgpt.py, number for number. */
  readonly reference: boolean;
  /** Further formats in which metrics are written. */
  readonly log: readonly LogFormat[];
}

/** A format of the metrics, besides metrics.jsonl, for other programs. */
export type LogFormat = "csv" | "tensorboard";

/** An engine by name, or "auto": the one that suits the model and the machine. */
export type EngineChoice = "auto" | "atomic" | "wasm" | "native" | "webgpu";

type PageKey = "urlFile" | "noCache" | "cacheDir" | "ignoreRobots" | "allowHost";
type CleaningKey = "documents" | "nfc" | "minLength" | "maxLength" | "keepDuplicates";

/** The options of `microgpt fetch`. */
export type FetchOptions = Pick<TrainOptions, PageKey | CleaningKey>;
/** The options of `microgpt tokenize`. */
export type TokenizeOptions = FetchOptions &
  Pick<TrainOptions, "data" | "encoding" | "urls" | "field" | "bpeMerges" | "vocabSize" | "unk">;

/** The options of `microgpt resume`. */
export interface ResumeOptions {
  /** Whether to resume although another container or host has the run. */
  readonly takeOver: boolean;
}

/** How long a resumed training is to be; at most one is given, none: as before. */
export interface ExtendOptions {
  /** Steps of the whole training, those that are done included; null: not given. */
  readonly numSteps: number | null;
  /** A budget of tokens for the steps from here on; null: not given. */
  readonly tokens: number | null;
  /** A budget of seconds on this machine for the steps from here on; null: not given. */
  readonly seconds: number | null;
}

/** The options of `microgpt sample` and `microgpt complete`. */
export interface SampleOptions {
  /** Texts to generate. */
  readonly numSamples: number;
  /** Logits are divided by it before a token is drawn; 0: the likeliest token. */
  readonly temperature: number;
  /** Draw from the K likeliest tokens only; null: from all. */
  readonly topK: number | null;
  /** Draw from the likeliest tokens whose probabilities sum to this; null: from all. */
  readonly topP: number | null;
  /** Maximum tokens per text; null: the block size. */
  readonly maxTokens: number | null;
  /** Seed of the random number generator. */
  readonly seed: number;
}
