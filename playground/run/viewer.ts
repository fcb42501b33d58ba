/**
 * Answers questions about the model of a run: samples, next tokens, held-out loss. Has an engine of its own with one
 * thread, so that a question disturbs no step, and works on any moment of the training. Questions are answered in order.
 */
import {
  documentsOf,
  generateTokens,
  nextTokenProbabilities,
  Random,
  webMachine,
  withoutHeads,
} from "../../src/index.ts";
import type { HeadName, NextToken, Tensors, Trainer } from "../../src/index.ts";
import { openEngine } from "../../src/library/engines.ts";
import { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { cleanPrompt } from "../../src/text/corpus.ts";
import { Followers } from "./followers.ts";
import type { History } from "./history.ts";
import { contributions, heldOutLoss, idsOf, inspect } from "./looking.ts";
import type { At, ContributionRequest, Explanation, Inspection, Sample, SampleRequest } from "./protocol.ts";
import { samplesOf } from "./samples.ts";

/** Documents per pass; a small one keeps the engine's memory small. */
const BATCH_SIZE = 16;

/** The model of a run, at any moment. */
export class Viewer {
  readonly #trainer: Trainer;
  readonly #history: History;
  readonly #followers: Followers;
  #engine: Promise<TensorEngine> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(trainer: Trainer, history: History) {
    this.#trainer = trainer;
    this.#history = history;
    this.#followers = new Followers(trainer.data.train, trainer.data.config.vocabSize);
  }

  /** Runs `work` on an engine with the weights of a moment, after all earlier questions. */
  ask<Answer>(at: At, work: (engine: TensorEngine, weights: Tensors) => Promise<Answer>): Promise<Answer> {
    const answer = this.#last.then(async () => {
      const weights = await this.weights(at);
      const engine = await this.#open(weights);
      await engine.loadWeights(weights);
      return await work(engine, weights);
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** The weights of a moment. Throws RangeError if its step was not kept. */
  async weights(at: At): Promise<Tensors> {
    if (at === null) return await this.#trainer.snapshot();
    const state = this.#history.at(at);
    if (state === null) throw new RangeError(`step ${at} was not kept; choose one of the time line`);
    return state.training.weights;
  }

  /** Samples, each compared with all documents. Each has a generator of its own: its length does not change the next. */
  samples({ at, count, prefix, temperature, topK, seed, heads = [] }: SampleRequest): Promise<readonly Sample[]> {
    const { tokenizer, data, options } = this.#trainer;
    const { ids, open } = tokenizer.prompt(cleanPrompt(prefix, options));
    const sampling = { temperature, topK, topP: null };
    return this.ask(at, async (engine, weights) => {
      if (heads.length > 0) await engine.loadWeights(withoutHeads(weights, engine.config, heads));
      const drawn: number[][] = [];
      while (drawn.length < count) {
        const random = new Random(seed + drawn.length);
        const rest = await generateTokens(engine, ids, engine.config.blockSize, random, sampling, open);
        drawn.push([...ids, ...rest]);
      }
      return samplesOf(drawn, documentsOf(data), tokenizer);
    });
  }

  /** The likeliest next tokens after a prefix, likeliest first. */
  nextTokens({ at, prefix, count }: { at: At; prefix: string; count: number }): Promise<readonly NextToken[]> {
    const { tokenizer, options } = this.#trainer;
    const ids = [tokenizer.bos, ...tokenizer.encode(cleanPrompt(prefix, options)).ids];
    return this.ask(at, async (engine) => {
      const read = ids.slice(-engine.config.blockSize);
      const logits = (await engine.logits(read)).at(-1)!;
      const probabilities = nextTokenProbabilities(logits, { temperature: 1, topK: null, topP: null });
      return Array.from(probabilities, (probability, id) => ({ token: tokenizer.token(id), id, probability }))
        .toSorted((a, b) => b.probability - a.probability)
        .slice(0, count);
    });
  }

  /** Runs a text through the model, with some heads switched off. */
  inspect({ at, text, heads }: { at: At; text: string; heads: readonly HeadName[] }): Promise<Inspection> {
    const { tokenizer, options } = this.#trainer;
    return this.ask(at, (engine) => inspect(engine, tokenizer, { text: cleanPrompt(text, options), heads }));
  }

  /** Held-out loss in nats per token, over the documents of an evaluation. */
  heldOutLoss({ at, heads }: { at: At; heads: readonly HeadName[] }): Promise<number> {
    const { data, options } = this.#trainer;
    const documents = data.heldOut.slice(0, options.evalDocuments);
    return this.ask(at, (engine) => heldOutLoss(engine, documents, heads));
  }

  /** What adds up to the logit of a token at a position of a text. */
  contributions({ at, text, ...question }: ContributionRequest): Promise<Explanation> {
    const { tokenizer, options } = this.#trainer;
    const cleaned = cleanPrompt(text, options);
    return this.ask(at, async (engine) => {
      const parts = await contributions(engine, tokenizer, { text: cleaned, ...question });
      const after = this.#followers.after(idsOf(tokenizer, cleaned, engine.config)[question.position]);
      return { ...parts, seen: { count: after[question.target], total: after.reduce((sum, count) => sum + count, 0) } };
    });
  }

  /** Frees the engine. */
  async close(): Promise<void> {
    await this.#last;
    (await this.#engine)?.close();
  }

  async #open(weights: Tensors): Promise<TensorEngine> {
    this.#engine ??= this.#openEngine(weights);
    return await this.#engine;
  }

  async #openEngine(weights: Tensors): Promise<TensorEngine> {
    const { options, data } = this.#trainer;
    const limits = { ...options, engine: "wasm" as const, threads: 1, batchSize: BATCH_SIZE };
    const engine = await openEngine(data.config, weights, limits, webMachine(), () => {});
    if (!(engine instanceof TensorEngine)) throw new Error("the wasm engine was expected");
    return engine;
  }
}
