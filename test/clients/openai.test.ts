import { describe, expect, test } from "vitest";
import { microgptHere, trained } from "../setup/microgpt.ts";
import { startServer } from "../setup/open.ts";
import { client, hasClients, WITHOUT_CLIENTS } from "./client.ts";

interface Completion {
  readonly choices: readonly { readonly text: string; readonly finish_reason: string | null }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
}

interface OpenAi {
  readonly default: new (options: object) => {
    models: { list(): Promise<{ data: { id: string }[] }> };
    completions: {
      create(request: object): Promise<Completion & AsyncIterable<Completion>>;
    };
    chat: { completions: { create(request: object): Promise<unknown> } };
  };
  readonly BadRequestError: new () => Error;
  readonly AuthenticationError: new () => Error;
}

describe.skipIf(!hasClients)(`the official OpenAI client ${WITHOUT_CLIENTS}`, () => {
  test("lists the models, completes plain and streamed as microgpt complete does, and raises its own errors", async () => {
    const { directory, run } = trained();
    const { url } = await startServer("serve", "run", "--runs-dir", directory, "--port", "0", "--api-key", "k");
    const { default: OpenAI, BadRequestError, AuthenticationError } = await client<OpenAi>("openai");
    const settings = { baseURL: new URL("/v1", url).href, maxRetries: 0 };
    const openai = new OpenAI({ ...settings, apiKey: "k" });
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(["run"]);
    const options = ["--seed", "5", "--temperature", "0.9", "--max-tokens", "6", "--json"];
    const { stdout } = await microgptHere(["complete", run, "ba", ...options]);
    const expected = (JSON.parse(stdout.trim().split("\n").at(-1)!) as { text: string }).text;
    const request = { model: "run", prompt: "ba", seed: 5, temperature: 0.9, max_tokens: 6 };
    const plain = await openai.completions.create(request);
    expect(`ba${plain.choices[0].text}`).toBe(expected);
    let [text, end, tokens] = ["", "", 0];
    const stream = { ...request, stream: true, stream_options: { include_usage: true } };
    for await (const { choices, usage } of await openai.completions.create(stream)) {
      text += choices[0]?.text ?? "";
      end = choices[0]?.finish_reason ?? end;
      tokens = usage?.completion_tokens ?? tokens;
    }
    expect([text, end, tokens]).toEqual([
      plain.choices[0].text,
      plain.choices[0].finish_reason,
      plain.usage!.completion_tokens,
    ]);
    const chat = { model: "run", messages: [{ role: "user", content: "hello" }] };
    await expect(openai.chat.completions.create(chat)).rejects.toThrow(BadRequestError);
    await expect(openai.chat.completions.create(chat)).rejects.toThrow(/use POST \/v1\/completions/);
    await expect(new OpenAI({ ...settings, apiKey: "wrong" }).models.list()).rejects.toThrow(AuthenticationError);
  });
});
