/** A server's answers, without a port. */
import { expect } from "vitest";
import { Run } from "../../src/node/run-directory.ts";
import { serveApp } from "../../src/serve/serve-app.ts";
import type { ServeApp, ServeOptions } from "../../src/serve/serve-app.ts";
import { openServedModel } from "../../src/serve/served-model.ts";
import { trained } from "./microgpt.ts";

/** An answer's JSON, as far as the tests read it. */
export interface Body {
  readonly choices: {
    readonly text: string;
    readonly index: number;
    readonly finish_reason: string | null;
    readonly logprobs: {
      readonly tokens: string[];
      readonly token_logprobs: (number | null)[];
      readonly top_logprobs: (Record<string, number> | null)[];
      readonly text_offset: number[];
    } | null;
  }[];
  readonly usage?: Record<string, number>;
  readonly error?: { readonly message: string; readonly param: string | null; readonly code: string | null };
}

export interface Served {
  readonly app: ServeApp;
  readonly run: string;
  /** POSTs JSON; resolves to the status and the JSON of the answer. */
  readonly post: (path: string, body: unknown) => Promise<{ status: number; body: Body; headers: Headers }>;
  readonly complete: (body: object) => Promise<Body>;
}

/** The answers of a server of one tiny model. */
export async function served(tokenizer: string, options: Partial<ServeOptions> = {}): Promise<Served> {
  const { run } = trained("--tokenizer", tokenizer, "--bpe-merges", "20");
  const model = await openServedModel(Run.open(run), "run", () => {});
  const app = serveApp({ models: [model], apiKey: null, corsOrigin: null, isLoopback: true, page: null, ...options });
  const post: Served["post"] = async (path, body) => {
    const response = await ask(app, path, { method: "POST", body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
  };
  const complete: Served["complete"] = async (body) => {
    const answer = await post("/v1/completions", body);
    expect(answer.body.error).toBeUndefined();
    return answer.body;
  };
  return { app, run, post, complete };
}

/** Asks for a path, as a client on this machine does. */
export const ask = async (app: ServeApp, path: string, init: RequestInit = {}): Promise<Response> =>
  await app.fetch(new Request(`http://localhost${path}`, { ...init, headers: { host: "localhost", ...init.headers } }));

/** The events of a stream, parsed. */
export async function events(response: Response): Promise<Body[]> {
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  expect(lines.at(-1)).toBe("data: [DONE]");
  return lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)) as Body);
}
