/** The page's side of the tokens worker, with a worker that answers when the test says so. */
import { expect, test } from "vitest";
import { TokensClient } from "../../playground/pages/tokens/tokens-client.ts";
import type { TokensCall, TokensMessage } from "../../playground/pages/tokens/tokens-protocol.ts";

class FakeWorker extends EventTarget {
  readonly calls: TokensCall[] = [];
  isTerminated = false;

  postMessage(call: TokensCall): void {
    this.calls.push(call);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  answer(message: TokensMessage): void {
    this.dispatchEvent(new MessageEvent("message", { data: message }));
  }
}

function start(): { client: TokensClient; worker: FakeWorker } {
  const worker = new FakeWorker();
  return { client: new TokensClient(() => worker as unknown as Worker), worker };
}

const LEARNT: TokensMessage = { type: "learnt", merges: { bpe: [], "byte-bpe": [] } };
const ENCODED: TokensMessage = { type: "encoded", encodings: [] };
const wanted = (merges: number, text = "a text"): Parameters<TokensClient["want"]>[0] => ({
  text,
  merges,
  maxMerges: 9,
  unk: false,
  other: null,
});

test("a slider that moves faster than the worker encodes skips positions, and ends at the last one", () => {
  const { client, worker } = start();
  for (let merges = 0; merges < 100; merges++) client.want(wanted(merges));
  worker.answer(LEARNT);
  for (let merges = 100; merges < 200; merges++) client.want(wanted(merges));
  worker.answer(ENCODED);
  worker.answer(ENCODED);
  expect(worker.calls).toEqual([
    { type: "learn", text: "a text", maxMerges: 9, unk: false },
    { type: "encode", merges: 99, text: null },
    { type: "encode", merges: 199, text: null },
  ]);
});

test("another text is learnt before it is encoded", () => {
  const { client, worker } = start();
  client.want(wanted(3));
  worker.answer(LEARNT);
  client.want(wanted(3, "new"));
  worker.answer(ENCODED);
  worker.answer(LEARNT);
  expect(worker.calls.map(({ type, text }) => [type, text])).toEqual([
    ["learn", "a text"],
    ["encode", null],
    ["learn", "new"],
    ["encode", null],
  ]);
});

test("a failure is kept for the visitor until the next answer, and is not repeated in a loop", () => {
  const { client, worker } = start();
  client.want(wanted(1));
  worker.answer({ type: "failed", message: "too short" });
  expect(client.failure).toBe("too short");
  expect(worker.calls).toHaveLength(1);
  client.want(wanted(1, "longer"));
  worker.answer(LEARNT);
  expect(client.failure).toBeNull();
});
