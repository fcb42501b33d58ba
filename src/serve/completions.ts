/** `POST /v1/completions`: all completions of a request, as one JSON or as events. https://platform.openai.com/docs/api-reference/completions */
import { randomInt, randomUUID } from "node:crypto";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Admission } from "./admission.ts";
import { ApiError, errorBody } from "./api-error.ts";
import { complete } from "./completion.ts";
import type { CompletionPiece, FinishReason } from "./completion.ts";
import type { CompletionRequest } from "./completion-request.ts";
import { logprobsBody } from "./logprobs.ts";
import type { Metrics } from "./metrics.ts";
import type { ReadPrompt } from "../library/prompt.ts";
import { readGiven } from "./served-model.ts";
import type { ServedModel } from "./served-model.ts";

/** What answers a request. */
export interface CompletionServices {
  /** Says when a completion may run. */
  readonly admission: Admission;
  /** Counts what is read and generated. */
  readonly metrics: Metrics;
}

/** What is the same in every piece of an answer. */
interface Head {
  readonly id: string;
  readonly object: "text_completion";
  readonly created: number;
  readonly model: string;
  /** What was dropped from the prompts; absent: nothing. Not among OpenAI's fields. */
  readonly warnings?: readonly string[];
}

/** Receives the pieces of completion `index`, the last of them empty and with how it ended. */
type Receive = (index: number, piece: CompletionPiece, end: FinishReason | null) => void | Promise<void>;

const NO_PIECE: CompletionPiece = { text: "", scores: [], tokens: 0 };

/** The completions of one request. */
class Answer {
  readonly head: Head;
  readonly #model: ServedModel;
  readonly #prompts: readonly ReadPrompt[];
  readonly #request: CompletionRequest;
  readonly #services: CompletionServices;
  readonly #beganMs = performance.now();
  #generated = 0;

  /** Reads the prompts. Throws ApiError if one is wrong, or if the queue is full. */
  constructor(model: ServedModel, request: CompletionRequest, services: CompletionServices) {
    const isWhole = request.echo && request.logprobs !== null;
    this.#model = model;
    this.#request = request;
    this.#services = services;
    this.#prompts = request.prompts.map((given) => readGiven(model, given, isWhole));
    services.admission.mustHaveRoom(this.count);
    const warnings = this.#prompts.flatMap(({ lacking }) => (lacking === null ? [] : [`the prompt ${lacking}`]));
    this.head = {
      id: `cmpl-${randomUUID()}`,
      object: "text_completion",
      created: Math.floor(Date.now() / 1000),
      model: model.id,
      ...(warnings.length === 0 ? {} : { warnings }),
    };
  }

  /** Completions: prompts × n. */
  get count(): number {
    return this.#prompts.length * this.#request.n;
  }

  /** Tokens read and generated so far; a prompt counts once, however many completions it has. */
  get usage(): object {
    const prompt = this.#prompts.reduce((sum, { ids }) => sum + ids.length, 0);
    return { prompt_tokens: prompt, completion_tokens: this.#generated, total_tokens: prompt + this.#generated };
  }

  /** Generates all completions. One that fails ends the others. */
  async write(receive: Receive, signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const { seed } = this.#request;
    const first = seed ?? randomInt(2 ** 31);
    this.#services.metrics.promptTokens += this.#prompts.reduce((sum, { ids }) => sum + ids.length, 0);
    const writing = Array.from({ length: this.count }, (_, index) =>
      this.#services.admission.run((stop) => this.#writeOne(index, first, receive, stop), either),
    );
    try {
      await Promise.all(writing);
    } catch (error) {
      failed.abort(error);
      await Promise.allSettled(writing);
      throw error;
    }
  }

  async #writeOne(index: number, seed: number, receive: Receive, signal: AbortSignal): Promise<void> {
    const { n } = this.#request;
    const prompt = this.#prompts[Math.floor(index / n)];
    const pieces = complete(this.#model, prompt, this.#request, seed + (index % n), signal);
    let piece = await pieces.next();
    for (; piece.done !== true; piece = await pieces.next()) {
      const { tokens } = piece.value;
      if (this.#generated === 0 && tokens > 0) {
        this.#services.metrics.countFirstToken((performance.now() - this.#beganMs) / 1000);
      }
      this.#generated += tokens;
      this.#services.metrics.generatedTokens += tokens;
      await receive(index, piece.value, null);
    }
    await receive(index, NO_PIECE, piece.value);
  }
}

/** Answers a checked request. Throws ApiError before the answer has begun; later, an event has the error. */
export async function answerCompletion(
  context: Context,
  model: ServedModel,
  request: CompletionRequest,
  services: CompletionServices,
): Promise<Response> {
  const answer = new Answer(model, request, services);
  return request.stream ? stream(context, answer, request) : context.json(await whole(context, answer, request));
}

async function whole(context: Context, answer: Answer, { logprobs }: CompletionRequest): Promise<object> {
  const texts = new Array<string>(answer.count).fill("");
  const scores = texts.map((): CompletionPiece["scores"][number][] => []);
  const ends = texts.map((): FinishReason | null => null);
  await answer.write((index, piece, end) => {
    texts[index] += piece.text;
    scores[index].push(...piece.scores);
    ends[index] = end;
  }, context.req.raw.signal);
  const choices = texts.map((text, index) => ({
    text,
    index,
    logprobs: logprobs === null ? null : logprobsBody(scores[index], Math.max(1, text.length)),
    finish_reason: ends[index],
  }));
  return { ...answer.head, choices, usage: answer.usage };
}

/** Server-sent events: a piece of a completion each, then how it ended; `[DONE]` at the end. */
function stream(context: Context, answer: Answer, { logprobs, streamsUsage }: CompletionRequest): Response {
  return streamSSE(context, async (events) => {
    const gone = new AbortController();
    events.onAbort(() => gone.abort(new Error("the client has gone")));
    const send = (body: object): Promise<void> => events.writeSSE({ data: JSON.stringify(body) });
    const receive: Receive = async (index, { text, scores }, end) => {
      if (text === "" && scores.length === 0 && end === null) return;
      const body = logprobs === null || scores.length === 0 ? null : logprobsBody(scores);
      await send({ ...answer.head, choices: [{ text, index, logprobs: body, finish_reason: end }] });
    };
    try {
      await answer.write(receive, gone.signal);
      if (streamsUsage) await send({ ...answer.head, choices: [], usage: answer.usage });
    } catch (error) {
      if (gone.signal.aborted) return;
      await send(errorBody(error instanceof ApiError ? error : new ApiError(500, "the server failed")));
    }
    await events.writeSSE({ data: "[DONE]" });
  });
}
