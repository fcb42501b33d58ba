/**
 * What `POST /v1/completions` takes: OpenAI's fields, as far as a model of this size can honour them, and `top_k`. Unknown
 * fields are ignored, since clients send many; a field that is known and cannot be honoured is refused.
 */
import * as z from "zod";
import { ApiError } from "./api-error.ts";
import { MAX_TOKENS } from "./limits.ts";

/** Completions of one request: prompts × n. */
const MAX_CHOICES = 128;
const MAX_PROMPT_TOKENS = 1_000_000;

const count = (min: number, max: number): z.ZodType<number> => {
  const error = `expected a whole number from ${min} to ${max}`;
  return z.int(error).min(min, error).max(max, error);
};
const tokens = z.array(count(0, 2 ** 31), "expected a list of ids").max(MAX_PROMPT_TOKENS);
const optional = <Type>(type: z.ZodType<Type>, initial: Type): z.ZodType<Type> =>
  z.preprocess((value) => value ?? initial, type);
/** A field that is accepted where it changes nothing. */
const only = (value: unknown, why: string): z.ZodType =>
  z
    .unknown()
    .refine((given) => isUnset(given, value), why)
    .optional();

const isUnset = (given: unknown, value: unknown): boolean =>
  given === undefined || given === null || JSON.stringify(given) === JSON.stringify(value);

const TEMPERATURE = "expected a number from 0 to 1000";
const TOP_P = "expected a number above 0, to 1";

const SCHEMA = z.object({
  model: optional(z.string("expected a name").nullable(), null),
  prompt: optional(
    z.union([z.string(), tokens, z.array(z.string()), z.array(tokens)], "expected a text, ids, or a list of either"),
    "",
  ),
  max_tokens: optional(count(0, MAX_TOKENS), 16),
  temperature: optional(z.number(TEMPERATURE).min(0, TEMPERATURE).max(1000, TEMPERATURE), 1),
  top_p: optional(z.number(TOP_P).gt(0, TOP_P).max(1, TOP_P), 1),
  // As other servers have it: -1 and 0 are "all tokens".
  top_k: optional(count(-1, 1e9), 0),
  n: optional(count(1, MAX_CHOICES), 1),
  stop: optional(z.union([z.string(), z.array(z.string()).max(16)], "expected a text, or up to 16 texts"), []),
  seed: optional(z.int("expected a whole number").nullable(), null),
  echo: optional(z.boolean("expected true or false"), false),
  logprobs: optional(count(0, 20).nullable(), null),
  stream: optional(z.boolean("expected true or false"), false),
  stream_options: optional(z.object({ include_usage: optional(z.boolean("expected true or false"), false) }), {
    include_usage: false,
  }),
  best_of: z.unknown().optional(),
  suffix: only("", "this server does not fill in before a suffix; leave it out"),
  frequency_penalty: only(0, "this server has no penalties; leave it out"),
  presence_penalty: only(0, "this server has no penalties; leave it out"),
  logit_bias: only({}, "this server does not bias logits; leave it out"),
});

/** A prompt as text or as token ids. */
export type GivenPrompt = string | readonly number[];

/** A checked request. */
export interface CompletionRequest {
  /** The model's id; null: the first one that is served. */
  readonly model: string | null;
  /** At least one. */
  readonly prompts: readonly GivenPrompt[];
  /** Completions per prompt. */
  readonly n: number;
  /** Most tokens per completion; 0 only with `echo`. */
  readonly maxTokens: number;
  /** As in `SamplingOptions`. */
  readonly temperature: number;
  /** As in `SamplingOptions`. */
  readonly topK: number | null;
  /** As in `SamplingOptions`. */
  readonly topP: number | null;
  /** A completion ends before the first of these texts. */
  readonly stop: readonly string[];
  /** Completion i of a prompt is drawn with seed + i; null: another one each time. */
  readonly seed: number | null;
  /** Whether the text begins with the prompt. */
  readonly echo: boolean;
  /** How many likely tokens are named for each token; null: no probabilities are asked for. */
  readonly logprobs: number | null;
  /** Whether the answer comes in pieces. */
  readonly stream: boolean;
  /** Whether the last piece has the usage. */
  readonly streamsUsage: boolean;
}

/** Checks a request's JSON. Throws ApiError (400) that names the field. */
export function parseCompletionRequest(json: unknown): CompletionRequest {
  const parsed = checked(SCHEMA, json);
  const { prompt, stop, n, best_of: bestOf, max_tokens: maxTokens, echo } = parsed;
  const prompts = promptsOf(prompt);
  if (!isUnset(bestOf, n) && !isUnset(bestOf, 1)) {
    throw refusal("best_of", "this server returns every completion that it makes; use n");
  }
  if (maxTokens === 0 && !echo) throw refusal("max_tokens", "0 is for echo: true only; expected at least 1");
  if (prompts.length * n > MAX_CHOICES) {
    throw refusal("n", `prompts × n is ${prompts.length * n}; expected at most ${MAX_CHOICES} completions per request`);
  }
  const stops = (typeof stop === "string" ? [stop] : stop).filter((text) => text !== "");
  const { top_k: topK, top_p: topP, stream_options: options, ...rest } = parsed;
  return {
    model: rest.model,
    prompts,
    n,
    maxTokens,
    temperature: rest.temperature,
    topK: topK > 0 ? topK : null,
    topP: topP === 1 ? null : topP,
    stop: stops,
    seed: rest.seed,
    echo,
    logprobs: rest.logprobs,
    stream: rest.stream,
    streamsUsage: options.include_usage,
  };
}

/** One prompt, or several: `[]` is an empty prompt, as `""` is. */
function promptsOf(prompt: string | number[] | string[] | number[][]): readonly GivenPrompt[] {
  if (typeof prompt === "string") return [prompt];
  if (prompt.length === 0) return [""];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema allows no mixed list
  return typeof prompt[0] === "number" ? [prompt as number[]] : (prompt as string[] | number[][]);
}

const refusal = (param: string, why: string): ApiError => new ApiError(400, `${param}: ${why}`, null, param);

const TEXT_SCHEMA = z.object({
  model: optional(z.string("expected a name").nullable(), null),
  content: z.string("expected a text"),
});
const IDS_SCHEMA = z.object({ model: optional(z.string("expected a name").nullable(), null), tokens });

/** Checks the JSON of `/tokenize`: `content`, or `prompt`, as vLLM names it. Throws as `parseCompletionRequest`. */
export function parseText(json: unknown): { readonly model: string | null; readonly content: string } {
  const isRenamed = typeof json === "object" && json !== null && !("content" in json) && "prompt" in json;
  return checked(TEXT_SCHEMA, isRenamed ? { ...json, content: json.prompt } : json);
}

/** Checks the JSON of `/detokenize`. Throws as `parseCompletionRequest`. */
export function parseIds(json: unknown): { readonly model: string | null; readonly tokens: readonly number[] } {
  return checked(IDS_SCHEMA, json);
}

function checked<Type>(schema: z.ZodType<Type>, json: unknown): Type {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  const param = path.length === 0 ? null : path.join(".");
  throw new ApiError(400, `${param ?? "the body"}: ${message}`.slice(0, 500), null, param);
}
