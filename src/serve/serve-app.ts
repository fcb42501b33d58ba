/**
 * The answers of `microgpt serve`: OpenAI's API for completions, and what a monitor asks. It opens no port itself. Nothing
 * of a request is kept or logged but counts.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { InputError } from "../errors.ts";
import { nextTokensOf } from "../library/prompt.ts";
import type { NextTokens } from "../library/prompt.ts";
import { Admission } from "./admission.ts";
import { ApiError, errorBody } from "./api-error.ts";
import { parseCompletionRequest, parseIds, parseText } from "./completion-request.ts";
import { answerCompletion } from "./completions.ts";
import { isLoopback } from "./listen.ts";
import { Metrics } from "./metrics.ts";
import { readGiven } from "./served-model.ts";
import type { ServedModel } from "./served-model.ts";

const MAX_BODY_BYTES = 1_000_000;

/** What a server has. */
export interface ServeOptions {
  /** At least one; ids differ. */
  readonly models: readonly ServedModel[];
  /** What a client must send as `Authorization: Bearer …`; null: nothing. */
  readonly apiKey: string | null;
  /** The origin whose pages may ask; null: none but the server's own. */
  readonly corsOrigin: string | null;
  /** Whether the server listens on this machine alone, and so answers to its loopback names alone. */
  readonly isLoopback: boolean;
  /** The page at `/`; null: it is not built. */
  readonly page: string | null;
}

/** The server's answers, and what ends them. */
export interface ServeApp {
  /** Answers a request. */
  readonly fetch: Hono["fetch"];
  /** Refuses new completions (503); resolves when those that run have ended, after `graceMs` by force. */
  close(graceMs: number): Promise<void>;
  /** Ends those that run. */
  abort(): void;
}

/** Makes the server's answers. */
export function serveApp(options: ServeOptions): ServeApp {
  const { models, apiKey, corsOrigin, page } = options;
  const metrics = new Metrics();
  const admission = new Admission();
  const services = { admission, metrics };
  const app = new Hono();
  app.use(counted(metrics));
  if (options.isLoopback) app.use(onlyLoopback);
  if (corsOrigin !== null) app.use(cors({ origin: corsOrigin }));
  app.get("/health", (context) => context.json({ status: "ok" }));
  // The page itself holds nothing of the models; it asks for the key.
  if (page !== null) app.get("/", (context) => context.html(page, 200, PAGE_HEADERS));
  if (apiKey !== null) app.use(withKey(apiKey));
  app.use(
    bodyLimit({ maxSize: MAX_BODY_BYTES, onError: () => refuse(413, `a body has at most ${MAX_BODY_BYTES} bytes`) }),
  );
  app.get("/metrics", (context) =>
    context.text(metrics.text(admission.running, admission.waiting), 200, {
      "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
    }),
  );
  app.get("/v1/models", (context) => context.json({ object: "list", data: models.map(modelBody) }));
  app.get("/v1/models/:id", (context) => context.json(modelBody(findModel(models, context.req.param("id")))));
  app.post("/v1/completions", async (context) => {
    const request = parseCompletionRequest(await jsonOf(context));
    return await answerCompletion(context, findModel(models, request.model), request, services);
  });
  app.post("/v1/chat/completions", () =>
    refuse(400, "this is a base model: it continues texts and knows no chat; use POST /v1/completions", "base_model"),
  );
  app.post("/tokenize", async (context) => {
    const { model, content } = parseText(await jsonOf(context));
    const { tokenizer, config } = findModel(models, model);
    const { ids } = tokenizer.encode(content);
    return context.json({ tokens: ids, count: ids.length, max_model_len: config.blockSize });
  });
  app.post("/next_tokens", async (context) => {
    const { model, content } = parseText(await jsonOf(context));
    const served = findModel(models, model);
    const prompt = readGiven(served, content, false);
    admission.mustHaveRoom(1);
    const writer = { engine: served.texts, tokenizer: served.tokenizer };
    const ask = (): Promise<NextTokens> => nextTokensOf(writer, prompt, AS_PREDICTED);
    return context.json(await admission.run(ask, context.req.raw.signal));
  });
  app.post("/detokenize", async (context) => {
    const { model, tokens } = parseIds(await jsonOf(context));
    const { tokenizer } = findModel(models, model);
    const wrong = tokens.find((id) => id >= tokenizer.vocabSize);
    if (wrong !== undefined) refuse(400, `tokens: ids are 0 to ${tokenizer.bos}, got ${wrong}`, null, "tokens");
    const text = tokenizer.decode(tokens);
    return context.json({ content: text, prompt: text });
  });
  app.notFound((context) => answerError(context, new ApiError(404, "there is no such endpoint; POST /v1/completions")));
  app.onError((error, context) => answerError(context, error));
  return { fetch: app.fetch, close: (graceMs) => admission.close(graceMs), abort: () => admission.abort() };
}

/** What a page may load is in the page itself; another site may not show it in a frame. */
const PAGE_HEADERS = {
  "Content-Security-Policy": "frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache",
};

/** Probabilities as the model gives them. */
const AS_PREDICTED = { temperature: 1, topK: null, topP: null };

/** Throws ApiError. */
function refuse(...parameters: ConstructorParameters<typeof ApiError>): never {
  throw new ApiError(...parameters);
}

function answerError(context: Context, error: Error): Response {
  if (context.req.raw.signal.aborted) return context.body(null, 408); // nobody reads it
  const known = error instanceof ApiError ? error : unexpected(error);
  return context.json(errorBody(known), known.status, known.status === 429 ? { "Retry-After": "1" } : {});
}

/** An error of the machine is said; any other is a fault of this program, whose text is for nobody else. */
function unexpected(error: Error): ApiError {
  if (error instanceof InputError) return new ApiError(500, error.message);
  process.stderr.write(`microgpt serve: ${error.stack ?? error.message}\n`);
  return new ApiError(500, "the server failed; its own output says how");
}

const modelBody = ({ id, created, config }: ServedModel): object => ({
  id,
  object: "model",
  created,
  owned_by: "microgpt",
  context_length: config.blockSize,
  max_model_len: config.blockSize,
});

function findModel(models: readonly ServedModel[], id: string | null): ServedModel {
  const found = id === null ? models[0] : models.find((model) => model.id === id);
  if (found !== undefined) return found;
  const known = models.map((model) => model.id).join(", ");
  throw new ApiError(
    404,
    `model: ${JSON.stringify(id)} is not served here; expected one of ${known}`,
    "model_not_found",
    "model",
  );
}

async function jsonOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json();
  } catch (error) {
    if (error instanceof SyntaxError) refuse(400, "the body is not JSON");
    throw error;
  }
}

/** What is counted by name; a client could make up any number of other paths. */
const COUNTED = [
  "/health",
  "/metrics",
  "/v1/models",
  "/v1/completions",
  "/v1/chat/completions",
  "/tokenize",
  "/detokenize",
  "/next_tokens",
  "/",
];

const counted =
  (metrics: Metrics): MiddlewareHandler =>
  async (context, next) => {
    await next();
    const path = COUNTED.find((known) => context.req.path === known) ?? "other";
    metrics.countRequest(path, context.res.status);
  };

/**
 * A page of another site can give its own name this machine's address (DNS rebinding) and ask what is served here; its
 * requests then name that site as their host.
 */
const onlyLoopback: MiddlewareHandler = async (context, next) => {
  if (!isLoopback(context.req.header("host") ?? "")) refuse(403, "this server answers to 127.0.0.1 and localhost only");
  return await next();
};

/** Refuses requests without the key, after the same time whatever they send. */
function withKey(apiKey: string): MiddlewareHandler {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const expected = digest(`Bearer ${apiKey}`);
  return async (context, next) => {
    if (!timingSafeEqual(digest(context.req.header("authorization") ?? ""), expected)) {
      refuse(401, "the API key is missing or wrong; send it as Authorization: Bearer KEY", "invalid_api_key");
    }
    return await next();
  };
}
