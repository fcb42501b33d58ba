/** A model of the server that the page came from, over OpenAI's API (`src/serve/`). The server says nothing of attention. */
import type { NextTokens } from "../../src/library/prompt.ts";
import { MAX_TOKENS } from "../../src/serve/limits.ts";
import type { PageModel, TextSink } from "./page-model.ts";

/** Why a server refused. */
export class Refusal extends Error {
  /** The HTTP status; 0: there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Asks a path of the server; throws Refusal. @param key null: none. */
async function ask(path: string, key: string | null, init: RequestInit): Promise<Response> {
  const headers: HeadersInit = key === null ? {} : { Authorization: `Bearer ${key}` };
  const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
    // `fetch` rejects with a TypeError for every failure of the network, and with the reason of an abort.
    throw error instanceof TypeError ? new Refusal(0, "The server does not answer.") : error;
  });
  if (response.ok) return response;
  throw new Refusal(response.status, await reasonOf(response));
}

/** JSON of the server. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-unnecessary-type-parameters -- page and server are of one version
const parse = <Body>(text: string): Body => JSON.parse(text) as Body;

async function reasonOf(response: Response): Promise<string> {
  try {
    return parse<{ error: { message: string } }>(await response.text()).error.message;
  } catch {
    return `the server answered ${response.status}`;
  }
}

/** A model that is served. */
export interface ServedName {
  /** Its name. */
  readonly id: string;
  /** Tokens that it reads, BOS included. */
  readonly context_length: number;
}

/** The models of the server. Throws Refusal, with status 401 where a key is missing or wrong. */
export async function servedModels(key: string | null): Promise<readonly ServedName[]> {
  const response = await ask("v1/models", key, {});
  return parse<{ data: ServedName[] }>(await response.text()).data;
}

/** What an event has of completions. */
interface CompletionEvent {
  readonly warnings?: readonly string[];
  readonly error?: { readonly message: string };
  readonly choices?: readonly {
    readonly index: number;
    readonly text: string;
    readonly finish_reason: string | null;
  }[];
}

/** A model of the server. @param key null: none. */
export function remoteModel({ id, context_length: context }: ServedName, key: string | null): PageModel {
  const post = (path: string, body: object, init: RequestInit = {}): Promise<Response> =>
    ask(path, key, { method: "POST", body: JSON.stringify({ model: id, ...body }), ...init });
  return {
    async write({ prefix, temperature, topK, count, seed }, sink, signal) {
      const sampling = { temperature, top_k: topK ?? 0, seed, n: count, max_tokens: Math.min(context, MAX_TOKENS) };
      const response = await post("v1/completions", { prompt: prefix, stream: true, ...sampling }, { signal });
      await receive(response, prefix, sink);
    },
    async nextTokens(prefix) {
      const response = await post("next_tokens", { content: prefix });
      return parse<NextTokens>(await response.text()).tokens;
    },
    attention: null,
  };
}

/** Reads the events of a streamed answer to their end. */
async function receive(response: Response, prefix: string, sink: TextSink): Promise<void> {
  const texts: string[] = [];
  let hasWarned = false;
  for await (const { error, warnings = [], choices = [] } of eventsOf(response)) {
    if (error !== undefined) throw new Refusal(500, error.message);
    if (!hasWarned) for (const warning of warnings) sink.warn(warning);
    hasWarned = true;
    for (const { index, text, finish_reason: end } of choices) {
      texts[index] = (texts[index] ?? "") + text;
      sink.add(index, text);
      if (end !== null) sink.end(index, { prompt: prefix, more: texts[index] }, null);
    }
  }
}

async function* eventsOf(response: Response): AsyncGenerator<CompletionEvent> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const lines = (rest + read.value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("data: {")) yield parse<CompletionEvent>(line.slice(6));
    }
  }
}
