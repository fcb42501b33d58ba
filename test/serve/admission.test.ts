import { describe, expect, test, vi } from "vitest";
import { Run } from "../../src/node/run-directory.ts";
import { MAX_WAITING } from "../../src/serve/admission.ts";
import { serveApp } from "../../src/serve/serve-app.ts";
import type { ServeApp } from "../../src/serve/serve-app.ts";
import { openServedModel, STREAMS } from "../../src/serve/served-model.ts";
import { Streams } from "../../src/tensor/streams.ts";
import type { StreamingEngine } from "../../src/tensor/streams.ts";
import { trained } from "../setup/microgpt.ts";
import { ask } from "../setup/serve.ts";

describe("when it is full, or ends", () => {
  /** A server whose readers never get an answer until `answer` is called. */
  async function stalled(): Promise<{ app: ServeApp; asked: () => number; answer: () => void }> {
    const { run } = trained("--tokenizer", "char", "--bpe-merges", "20");
    const model = await openServedModel(Run.open(run), "run", () => {});
    const logits = Array.from({ length: model.config.vocabSize }, (_, id) => (id === 0 ? 1 : 0));
    let answer = (): void => {};
    const gate = new Promise<void>((resolve) => (answer = resolve));
    const advance = vi.fn<StreamingEngine["advance"]>(async (pieces) => {
      await gate;
      return pieces.map(() => logits);
    });
    const texts = new Streams({ config: model.config, streams: STREAMS, streamRows: STREAMS, advance });
    const app = serveApp({
      models: [{ ...model, texts }],
      apiKey: null,
      corsOrigin: null,
      isLoopback: true,
      page: null,
    });
    return { app, asked: () => advance.mock.calls.length, answer };
  }

  const completion = (app: ServeApp, body: object = {}, init: RequestInit = {}): Promise<Response> =>
    ask(app, "/v1/completions", { ...init, method: "POST", body: JSON.stringify({ max_tokens: 3, ...body }) });

  test("a full queue answers 429 with Retry-After; what was admitted is answered, the server too", async () => {
    const { app, answer } = await stalled();
    const admitted = Array.from({ length: STREAMS + MAX_WAITING }, () => completion(app));
    await vi.waitFor(async () => {
      const text = await (await ask(app, "/metrics")).text();
      expect(text).toContain(`microgpt_completions_waiting ${MAX_WAITING}\n`);
    });
    const refused = await completion(app);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await ask(app, "/health")).status).toBe(200);
    answer();
    expect((await Promise.all(admitted)).every(({ status }) => status === 200)).toBe(true);
    expect((await completion(app)).status).toBe(200);
  });

  test("a client that goes away frees its place, whether it runs or waits", async () => {
    const { app, asked, answer } = await stalled();
    const gone = new AbortController();
    const left = Array.from({ length: STREAMS + 4 }, () =>
      completion(app, { max_tokens: 4096 }, { signal: gone.signal }),
    );
    await vi.waitFor(() => expect(asked()).toBe(1));
    gone.abort();
    answer();
    await Promise.allSettled(left);
    await vi.waitFor(async () => {
      const text = await (await ask(app, "/metrics")).text();
      expect(text).toContain("microgpt_completions_running 0\n");
    });
    expect(asked()).toBeLessThan(5);
  });

  test("while it ends, it refuses what comes, and what runs is answered", async () => {
    const { app, asked, answer } = await stalled();
    const running = completion(app);
    await vi.waitFor(() => expect(asked()).toBe(1));
    const closed = app.close(60_000);
    expect((await completion(app)).status).toBe(503);
    answer();
    expect((await running).status).toBe(200);
    await closed;
  });

  test("what does not end in time is ended: 503", async () => {
    const { app, asked, answer } = await stalled();
    const running = completion(app, { max_tokens: 4096 });
    await vi.waitFor(() => expect(asked()).toBe(1));
    const closed = app.close(60_000);
    app.abort();
    answer();
    expect((await running).status).toBe(503);
    await closed;
  });
});
