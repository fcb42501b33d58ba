import { describe, expect, test } from "vitest";
import { modelOfRun } from "../../src/library/model.ts";
import { encodePrompt, nextTokensOf } from "../../src/library/prompt.ts";
import { Run } from "../../src/node/run-directory.ts";
import { nodeMachine } from "../../src/run/machine.ts";
import { readPortableRun } from "../../src/run/portable-run.ts";
import { openWriter } from "../../src/run/write.ts";
import { AtomicEngine, atomicWeights } from "../../src/training/atomic.ts";
import { microgptHere } from "../setup/microgpt.ts";
import { ask, events, served } from "../setup/serve.ts";

describe.each([
  ["char", "babace"],
  ["word", "baba ceban"],
  ["bpe", "baba ceban"],
  ["byte-bpe", "baba ceban"],
])("completions with %s", (tokenizer, text) => {
  test("the same seed writes the text of microgpt complete", async () => {
    const { run, complete } = await served(tokenizer);
    for (const [prompt, seed, maxTokens] of [
      [text, 1, 8],
      ["", 2, 5],
      [text.slice(0, -1), 3, 30],
      ["di", 4, 1],
    ] as const) {
      const options = ["--seed", String(seed), "--max-tokens", String(maxTokens), "--temperature", "0.8", "--json"];
      const { stdout } = await microgptHere(["complete", run, prompt, ...options]);
      const expected = JSON.parse(stdout.trim().split("\n").at(-1)!) as { text: string };
      const asked = { prompt, seed, max_tokens: maxTokens, temperature: 0.8, echo: true };
      expect((await complete(asked)).choices[0].text).toBe(expected.text);
    }
  });

  test("a stream's pieces are the text at once, for every prompt and completion", async () => {
    const { app, complete } = await served(tokenizer);
    const asked = { prompt: [text, "di"], n: 3, seed: 7, max_tokens: 12, temperature: 1.5, logprobs: 1 };
    const whole = await complete(asked);
    const body = JSON.stringify({ ...asked, stream: true, stream_options: { include_usage: true } });
    const pieces = await events(await ask(app, "/v1/completions", { method: "POST", body }));
    const last = pieces.pop()!;
    expect([last.choices, last.usage]).toEqual([[], whole.usage]);
    for (const { index, text: expected, finish_reason: reason, logprobs } of whole.choices) {
      const own = pieces.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
      expect(own.map((choice) => choice.text).join("")).toBe(expected);
      expect(own.map((choice) => choice.finish_reason)).toEqual([...own.slice(1).map(() => null), reason]);
      expect(own.flatMap((choice) => choice.logprobs?.tokens ?? [])).toEqual(logprobs!.tokens);
    }
  });

  test("echo with logprobs scores the prompt by the model's own logits, the first token by null", async () => {
    const { run, complete } = await served(tokenizer);
    const asked = { prompt: text, echo: true, logprobs: 3, max_tokens: 0 };
    const { text: echoed, logprobs } = (await complete(asked)).choices[0];
    const model = await modelOfRun((await readPortableRun(run)).files, nodeMachine);
    const { ids } = model.tokenizer.encode(text);
    expect(ids.length).toBeGreaterThan(1);
    expect(logprobs!.tokens).toEqual(ids.map((id) => model.tokenizer.token(id)));
    expect(logprobs!.text_offset).toEqual(ids.map((_, i) => model.tokenizer.decode(ids.slice(0, i)).length));
    expect(echoed).toBe(text);
    expect([logprobs!.token_logprobs[0], logprobs!.top_logprobs[0]]).toEqual([null, null]);
    const engine = new AtomicEngine(model.config, atomicWeights(model.config, model.weights));
    const reader = engine.reader();
    for (const [i, id] of [model.tokenizer.bos, ...ids.slice(0, -1)].entries()) {
      const logits = await reader.read(id);
      if (i === 0) continue;
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      expect(logprobs!.token_logprobs[i]).toBeCloseTo(logits[ids[i]] - Math.log(total), 5);
      const named = Object.entries(logprobs!.top_logprobs[i]!);
      const likeliest = logits.toSorted((a, b) => b - a).slice(0, 3);
      expect(named.length).toBeGreaterThanOrEqual(3);
      expect(named[0][1]).toBeCloseTo(likeliest[0] - Math.log(total), 5);
      expect(named[2][1]).toBeCloseTo(likeliest[2] - Math.log(total), 5);
    }
  });

  test("token ids, with BOS or without, are the prompt that their text is", async () => {
    const { run, complete, post } = await served(tokenizer);
    const { vocabSize, bos } = Run.open(run).tokenizer;
    const { body } = await post("/tokenize", { content: text });
    const { tokens } = body as unknown as { tokens: number[] };
    const back = (await post("/detokenize", { tokens })).body as unknown as { content: string };
    expect(back.content).toBe(text);
    const asked = { seed: 3, max_tokens: 6 };
    const texts = await Promise.all(
      [tokens, [bos, ...tokens], [tokens]].map((prompt) => complete({ ...asked, prompt })),
    );
    expect(new Set(texts.map(({ choices }) => choices[0].text)).size).toBe(1);
    const wrong = await post("/v1/completions", { prompt: [vocabSize] });
    expect([wrong.status, wrong.body.error!.param]).toEqual([400, "prompt"]);
  });
});

describe("completions", () => {
  test("usage counts the prompt without BOS and every token drawn; the end says why", async () => {
    const { complete } = await served("char");
    const { choices, usage } = await complete({ prompt: "bak", n: 2, seed: 1, max_tokens: 3, temperature: 3 });
    const lengths = choices.map(({ text }) => text.length);
    expect(usage).toEqual({
      prompt_tokens: 3,
      completion_tokens: lengths[0] + lengths[1],
      total_tokens: 3 + lengths[0] + lengths[1],
    });
    for (const { text, finish_reason: reason } of choices) expect(reason).toBe(text.length === 3 ? "length" : "stop");
  });

  test("a stop text ends the text before it, also in a stream, and its tokens have no scores", async () => {
    const { app, complete } = await served("char");
    const asked = { prompt: "", seed: 5, max_tokens: 40, temperature: 2, logprobs: 0 };
    const { text } = (await complete(asked)).choices[0];
    const stop = text.slice(2, 4);
    const expected = text.slice(0, text.indexOf(stop));
    const [choice] = (await complete({ ...asked, stop: ["zzz", stop] })).choices;
    expect([choice.text, choice.finish_reason]).toEqual([expected, "stop"]);
    expect(choice.logprobs!.tokens.join("")).toBe(expected);
    const body = JSON.stringify({ ...asked, stop, stream: true });
    const pieces = await events(await ask(app, "/v1/completions", { method: "POST", body }));
    expect(pieces.map(({ choices }) => choices[0].text).join("")).toBe(expected);
  });

  test("what is not in the vocabulary is dropped, and said", async () => {
    const { post } = await served("char");
    const { body } = await post("/v1/completions", { prompt: "bä", max_tokens: 1, seed: 1 });
    expect((body as unknown as { warnings: string[] }).warnings).toEqual([
      'the prompt has a token not in the vocabulary: "ä"; left out',
    ]);
  });

  test.each([
    [{ max_tokens: -1 }, "max_tokens"],
    [{ max_tokens: 1e9 }, "max_tokens"],
    [{ max_tokens: "5" }, "max_tokens"],
    [{ max_tokens: 0 }, "max_tokens"],
    [{ temperature: -0.1 }, "temperature"],
    [{ temperature: null, top_p: 0 }, "top_p"],
    [{ top_k: 1.5 }, "top_k"],
    [{ n: 0 }, "n"],
    [{ n: 100, prompt: ["a", "b"] }, "n"],
    [{ best_of: 3 }, "best_of"],
    [{ stop: [1] }, "stop"],
    [{ seed: 0.5 }, "seed"],
    [{ prompt: { a: 1 } }, "prompt"],
    [{ prompt: [1, "a"] }, "prompt"],
    [{ logprobs: true }, "logprobs"],
    [{ stream: "yes" }, "stream"],
    [{ suffix: "x" }, "suffix"],
    [{ frequency_penalty: 1 }, "frequency_penalty"],
    [{ logit_bias: { 5: 1 } }, "logit_bias"],
    [{ model: 7 }, "model"],
    [{ prompt: "babacebab", echo: true, logprobs: 1 }, "prompt"],
  ])("%j is refused, and the field is named", async (body, param) => {
    const { post } = await served("char");
    const answer = await post("/v1/completions", body);
    expect([answer.status, answer.body.error!.param]).toEqual([400, param]);
    expect(answer.body.error!.message.startsWith(`${param}: `)).toBe(true);
  });

  test("unknown fields and unset ones are ignored", async () => {
    const { complete } = await served("char");
    const asked = { prompt: "ba", seed: 1, max_tokens: 4 };
    const more = { user: "me", stop: null, best_of: 1, presence_penalty: 0, suffix: null, logit_bias: {}, foo: [1] };
    expect((await complete({ ...asked, ...more })).choices).toEqual((await complete(asked)).choices);
  });

  test("bodies that are no JSON, too large or deeply nested are refused in a sentence, and the server goes on", async () => {
    const { app, complete } = await served("char");
    const bodies = ["", "{", "[".repeat(10_000), `{"prompt":"${"a".repeat(1_000_000)}"}`, '"\ud800"'];
    const statuses: number[] = [];
    for (const body of bodies) {
      const response = await ask(app, "/v1/completions", { method: "POST", body });
      statuses.push(response.status);
      expect((await response.text()).length).toBeLessThan(1024);
    }
    expect(statuses).toEqual([400, 400, 400, 413, 400]);
    expect((await complete({ prompt: "ba", max_tokens: 2 })).choices).toHaveLength(1);
  });
});

describe("other endpoints", () => {
  test("name the model, its context, and what is not there", async () => {
    const { app, post } = await served("char");
    const { data } = (await (await ask(app, "/v1/models")).json()) as { data: object[] };
    expect(data).toEqual([expect.objectContaining({ id: "run", object: "model", context_length: 8 })]);
    expect(await (await ask(app, "/v1/models/run")).json()).toEqual(data[0]);
    expect((await ask(app, "/v1/models/other")).status).toBe(404);
    expect((await post("/v1/completions", { model: "other" })).body.error).toMatchObject({ code: "model_not_found" });
    const chat = await post("/v1/chat/completions", { messages: [] });
    expect([chat.status, chat.body.error!.code]).toEqual([400, "base_model"]);
    expect(chat.body.error!.message).toContain("POST /v1/completions");
    expect((await ask(app, "/v2")).status).toBe(404);
  });

  test("next_tokens are those of the model, within an open word too", async () => {
    const { post, run } = await served("bpe");
    for (const content of ["", "ba", "bac"]) {
      const writer = await openWriter(Run.open(run), 1, () => {});
      const prompt = encodePrompt(writer, content, () => {});
      const expected = await nextTokensOf(writer, prompt, { temperature: 1, topK: null, topP: null });
      const { status, body } = await post("/next_tokens", { model: "run", content });
      expect([status, body]).toEqual([200, expected]);
    }
    expect((await post("/next_tokens", { content: 3 })).body.error?.message).toBe("content: expected a text");
    expect((await post("/next_tokens", { model: "other", content: "" })).status).toBe(404);
  });

  test("the page is at /, for clients without the key too, and in no other site's frame", async () => {
    const { app } = await served("char", { page: "<p>page</p>", apiKey: "sesame" });
    const response = await ask(app, "/");
    expect([response.status, await response.text()]).toEqual([200, "<p>page</p>"]);
    expect(response.headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
    expect((await ask(app, "/next_tokens", { method: "POST", body: "{}" })).status).toBe(401);
    expect((await ask((await served("char")).app, "/")).status).toBe(404);
    expect((await ask(app, "/", { headers: { host: "evil.example" } })).status).toBe(403);
  });

  test("metrics count requests by path and status, tokens, and first tokens", async () => {
    const { app, complete, post } = await served("char");
    const { usage } = await complete({ prompt: "bak", max_tokens: 5, temperature: 0 });
    await post("/v1/completions", { n: 0 });
    await ask(app, "/no/such/path");
    const response = await ask(app, "/metrics");
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'microgpt_requests_total{path="/v1/completions",status="200"} 1',
        'microgpt_requests_total{path="/v1/completions",status="400"} 1',
        'microgpt_requests_total{path="other",status="404"} 1',
        "microgpt_prompt_tokens_total 3",
        `microgpt_generated_tokens_total ${usage!.completion_tokens}`,
        'microgpt_first_token_seconds_bucket{le="+Inf"} 1',
      ]),
    );
    // Every line is a comment or `name{labels} value`.
    for (const line of lines.slice(0, -1)) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [\d.e+-]+)$/);
  });
});

describe("who may ask", () => {
  test("with a key: those who send it; /health is for all", async () => {
    const { app } = await served("char", { apiKey: "secret" });
    const status = async (headers: HeadersInit, path = "/v1/models"): Promise<number> =>
      (await ask(app, path, { headers })).status;
    expect(await status({ authorization: "Bearer secret" })).toBe(200);
    for (const authorization of ["", "Bearer", "Bearer secret2", "bearer secret", "secret"]) {
      expect(await status({ authorization })).toBe(401);
    }
    expect(await status({}, "/metrics")).toBe(401);
    expect(await status({}, "/health")).toBe(200);
  });

  test("on loopback: requests to its own names alone (DNS rebinding)", async () => {
    const { app } = await served("char");
    const status = async (host: string): Promise<number> => (await ask(app, "/health", { headers: { host } })).status;
    expect(await Promise.all(["localhost:8000", "127.0.0.1", "[::1]:8000"].map(status))).toEqual([200, 200, 200]);
    expect(await Promise.all(["evil.example", "localhost.evil.example", ""].map(status))).toEqual([403, 403, 403]);
  });

  test("pages of another origin: none, but the one that is named", async () => {
    const origin = { headers: { origin: "https://a.example" } };
    const allowed = async (corsOrigin: string | null): Promise<string | null> =>
      (await ask((await served("char", { corsOrigin })).app, "/v1/models", origin)).headers.get(
        "access-control-allow-origin",
      );
    expect([await allowed(null), await allowed("https://a.example")]).toEqual([null, "https://a.example"]);
  });
});
