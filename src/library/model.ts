/**
 * A trained model: generates text, evaluates text, predicts the next token, and saves itself as one file. Manages its
 * own tokens, engine and memory; does not train (`trainer.ts`).
 */
import { InputError, isRecord } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { Random } from "../random.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import { cleanPrompt, Corpus, textSource } from "../text/corpus.ts";
import { utf8Length } from "../text/sha256.ts";
import { documentTokens } from "../text/tokenizer.ts";
import type { Prompt, Tokenizer } from "../text/tokenizer.ts";
import { tokenizerFromJson } from "../text/tokenizers/json.ts";
import { encodeModel, readModel, sha256, unseal } from "../training/checkpoint.ts";
import type { Engine, Tensors } from "../training/engine.ts";
import { generate, nextTokenProbabilities } from "../training/sample.ts";
import { measureInSlices } from "../training/train.ts";
import { openEngine, writingOptions } from "./engines.ts";
import type { Machine } from "./machine.ts";
import { Pieces } from "./pieces.ts";
import { parseJsonText } from "./json-text.ts";
import { checkConfig, optionsTextOf } from "./run-config.ts";
import { decodeRun, tokenizerTextOf } from "./run-files.ts";
import type { RunFiles } from "./run-files.ts";

/** How to generate a text. */
export interface GenerateOptions {
  /** The beginning of the text, cleaned as in training; characters that are not in the vocabulary are dropped. Default: none. */
  readonly prefix?: string;
  /** Below 1 favors likely tokens; 0 always takes the likeliest. Default: 0.5, as the command's. */
  readonly temperature?: number;
  /** Sample from the K likeliest tokens only. Default: null, from all. */
  readonly topK?: number | null;
  /** Sample from the likeliest tokens whose probabilities add up to this. Default: null, from all. */
  readonly topP?: number | null;
  /** Maximum number of tokens to generate. Default: the model's blockSize. */
  readonly maxTokens?: number;
  /** Seed of the random number generator: the same seed gives the same text. Default: 42. */
  readonly seed?: number;
  /** Aborts: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How well a model predicts texts. */
export interface TextEvaluation {
  /** Mean of −log p per token, in nats, over at most the first blockSize tokens of each document. */
  readonly loss: number;
  /** Sum of −log₂ p over the whole text ÷ its UTF-8 bytes, counting one more byte for the end of each document. */
  readonly bitsPerByte: number;
  /** Documents evaluated. */
  readonly documents: number;
}

/** A candidate for the next token. */
export interface NextToken {
  /** The token as text; the end of the text is `"<bos>"`. */
  readonly token: string;
  /** Its id. */
  readonly id: number;
  /** Its probability at temperature 1. */
  readonly probability: number;
}

/** What a model is made of. */
export interface ModelParts {
  /** Vocabulary, widths, layers and block size. */
  readonly config: Config;
  /** Text to ids and back. */
  readonly tokenizer: Tokenizer;
  /** Name → matrix, as `weightShapes` lists them. */
  readonly weights: Tensors;
  /** The options that it was trained with. */
  readonly options: ResolvedOptions;
  /** SHA-256 of the training data, in hex. */
  readonly dataHash: string;
  /** The step that the weights are from. */
  readonly step: number;
  /** Their held-out loss; null if nothing was held out. */
  readonly heldOutLoss: number | null;
}

/** Documents per forward pass in an evaluation. */
const BATCH_SIZE = 16;
const OPTIONS_KEY = "options";
const TOKENIZER_KEY = "tokenizer";

/**
 * A trained model. Calls may overlap: they are queued.
 *
 * @example
 * const model = await train(["ada", "grace", "alan"], { numSteps: 500 });
 * await model.generate({ prefix: "a", temperature: 0.7, seed: 1 }); // "ada"
 */
export class Model {
  readonly #parts: ModelParts;
  readonly #machine: Machine;
  #engine: Promise<Engine> | null = null;

  /** Makes a model of its parts; `load` reads them from a file. @param machine what its engine may use. */
  constructor(parts: ModelParts, machine: Machine) {
    this.#parts = parts;
    this.#machine = machine;
  }

  /** Vocabulary, widths, layers and block size. */
  get config(): Config {
    return this.#parts.config;
  }

  /** Text to ids and back. */
  get tokenizer(): Tokenizer {
    return this.#parts.tokenizer;
  }

  /** The weights, by name; not a copy. */
  get weights(): Tensors {
    return this.#parts.weights;
  }

  /** The options that it was trained with. */
  get options(): ResolvedOptions {
    return this.#parts.options;
  }

  /** The step that the weights are from. */
  get step(): number {
    return this.#parts.step;
  }

  /** Loss on the held-out documents that the training evaluated; null if nothing was held out. */
  get heldOutLoss(): number | null {
    return this.#parts.heldOutLoss;
  }

  /** Generates a text: the prefix and its continuation, as `microgpt complete` prints it. */
  async generate(options: GenerateOptions = {}): Promise<string> {
    const prefix = this.#prefixOf(options);
    const ids = [...prefix.ids];
    for await (const id of this.#draw(prefix, options)) ids.push(id);
    return this.tokenizer.decode(ids);
  }

  /** Generates a continuation of the prefix, piece by piece. Never splits a character of several bytes. */
  async *stream(options: GenerateOptions = {}): AsyncGenerator<string, void, void> {
    const prefix = this.#prefixOf(options);
    const pieces = new Pieces(this.tokenizer, prefix.ids, prefix.text);
    for await (const id of this.#draw(prefix, options)) {
      const piece = pieces.add(id);
      if (piece !== "") yield piece;
    }
    const rest = pieces.rest();
    if (rest !== "") yield rest;
  }

  /** Evaluates the model on texts, cleaned as in training. Throws InputError if no document is left. */
  async evaluate(texts: Iterable<string>): Promise<TextEvaluation> {
    const sources = Array.from(texts, (text, i) => textSource(`text ${i + 1}`, text));
    const documents = [...new Corpus(sources, this.options).read()];
    if (documents.length === 0) throw new InputError("evaluate: the texts contain no documents; give more text");
    const tokens = documents.map((document) => documentTokens(this.tokenizer, document));
    const slices = measureInSlices(await this.#open(), tokens);
    let slice = await slices.next();
    while (slice.done !== true) slice = await slices.next();
    const bytes = documents.reduce((sum, document) => sum + utf8Length(document) + 1, 0);
    return { loss: slice.value.loss, bitsPerByte: slice.value.bits / bytes, documents: documents.length };
  }

  /** The likeliest next tokens after a text, likeliest first. @param count how many; default: 5. */
  async nextTokens(prefix: string, count: number = 5): Promise<NextToken[]> {
    const logits = await this.logits(prefix);
    const probabilities = nextTokenProbabilities(logits, { temperature: 1, topK: null, topP: null });
    return Array.from(probabilities, (probability, id) => ({ token: this.tokenizer.token(id), id, probability }))
      .toSorted((a, b) => b.probability - a.probability)
      .slice(0, count);
  }

  /** Logits [vocabSize] of the token after a text. Reads at most the last blockSize tokens, BOS included. */
  async logits(prefix: string): Promise<number[]> {
    const reader = (await this.#open()).reader();
    const { ids: read } = this.tokenizer.encode(cleanPrompt(prefix, this.options));
    const ids = [this.tokenizer.bos, ...read].slice(-this.config.blockSize);
    return await reader.read(...ids);
  }

  /**
   * The model as the bytes of one safetensors file: the weights, and in its metadata the tokenizer, the options and a
   * SHA-256 of the file. `load` reads it; any program that knows safetensors reads the weights.
   */
  async save(): Promise<Uint8Array<ArrayBuffer>> {
    return await encodeParts(this.#parts);
  }

  /** Frees the engine's memory and threads; the next call opens them again. */
  async close(): Promise<void> {
    const engine = await this.#engine;
    this.#engine = null;
    if (engine instanceof TensorEngine) engine.close();
  }

  /** Opens the engine as the command does for sampling. */
  #open(): Promise<Engine> {
    const { config, weights, options } = this.#parts;
    const writing = writingOptions({ ...options, batchSize: BATCH_SIZE }, true);
    this.#engine ??= openEngine(config, weights, writing, this.#machine, () => {});
    return this.#engine;
  }

  #prefixOf({ prefix = "" }: GenerateOptions): Prompt {
    return this.tokenizer.prompt(cleanPrompt(prefix, this.options));
  }

  async *#draw({ ids, open }: Prompt, options: GenerateOptions): AsyncGenerator<number, void, void> {
    const {
      temperature = 0.5,
      topK = null,
      topP = null,
      maxTokens = this.config.blockSize,
      seed = 42,
      signal,
    } = options;
    const engine = await this.#open();
    const draws = generate(engine, ids, maxTokens, new Random(seed), { temperature, topK, topP }, open);
    signal?.throwIfAborted();
    for await (const { token } of draws) {
      signal?.throwIfAborted();
      yield token;
    }
  }
}

/** The bytes of `Model.save`. */
export async function encodeParts({ options, tokenizer, ...parts }: ModelParts): Promise<Uint8Array<ArrayBuffer>> {
  const { config, weights, step, heldOutLoss, dataHash } = parts;
  const [tokenizerText, optionsText] = [tokenizerTextOf(tokenizer), optionsTextOf(options)];
  const [tokenizerHash, optionsHash] = [await sha256(tokenizerText), await sha256(optionsText)];
  const file = { config, weights, step, heldOutLoss, dataHash, tokenizerHash, optionsHash };
  const extra = new Map([
    [TOKENIZER_KEY, tokenizerText],
    [OPTIONS_KEY, optionsText],
  ]);
  return await encodeModel(file, extra);
}

/**
 * Reads what `Model.save` wrote. Throws InputError if the file is damaged or of another kind.
 * @param machine what its engine may use.
 */
export async function loadModel(bytes: Uint8Array, machine: Machine): Promise<Model> {
  const file = await unseal(bytes);
  const model = readModel(file);
  const [tokenizerText, optionsText] = [TOKENIZER_KEY, OPTIONS_KEY].map((key) => file.metadata.get(key));
  if (tokenizerText === undefined || optionsText === undefined) {
    throw new InputError("load: the file has weights but no tokenizer; expected a file of `model.save()`");
  }
  const optionsJson = parseJsonText(optionsText, "load: the options in the file");
  const options = checkConfig(isRecord(optionsJson) ? optionsJson : {});
  const tokenizer = tokenizerFromJson(parseJsonText(tokenizerText, "load: the tokenizer in the file"), options);
  if (tokenizer.vocabSize !== model.config.vocabSize) {
    throw new InputError(
      `load: the tokenizer has ${tokenizer.vocabSize} tokens, the weights ${model.config.vocabSize}; the file is damaged`,
    );
  }
  return new Model({ ...model, tokenizer, options }, machine);
}

/**
 * The best model of a run; before its first evaluation, that of its newest checkpoint. Throws InputError if a file is
 * missing or damaged, or the run has neither.
 */
export async function modelOfRun(files: RunFiles, machine: Machine): Promise<Model> {
  const { model, checkpoint, tokenizer, options } = await decodeRun(files);
  if (model !== null) return new Model({ ...model, tokenizer, options }, machine);
  if (checkpoint === null) throw new InputError("the run has no model.safetensors and no checkpoint yet; resume it");
  const { state, progress, random: _, ...origin } = checkpoint;
  const { weights } = state;
  return new Model({ ...origin, weights, step: progress.step, heldOutLoss: null, tokenizer, options }, machine);
}
