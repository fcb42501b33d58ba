import { describe, expect, test } from "vitest";
import { RunClient } from "../../playground/run/client.ts";
import type { CallEnd, CallOf } from "../../playground/run/calls.ts";
import type { ProgressMessage, RunHeader, RunMethods, RunReport } from "../../playground/run/protocol.ts";

type Call = CallOf<RunMethods>;
type Message = CallEnd | RunReport;

/** A worker that answers as the test says, and can die. */
class FakeWorker extends EventTarget {
  readonly calls: Call[] = [];
  isTerminated = false;

  postMessage(call: Call): void {
    this.calls.push(call);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  send(message: Message): void {
    this.dispatchEvent(new MessageEvent("message", { data: message }));
  }

  die(message: string): void {
    this.dispatchEvent(Object.assign(new Event("error"), { message }));
  }
}

const HEADER = { step: 0 } as RunHeader;

const QUIET: ProgressMessage = {
  state: "ready",
  step: 0,
  points: new Float64Array(),
  evaluations: [],
  measured: null,
  tokensPerSecond: 0,
  secondsLeft: null,
  snapshots: [],
  failure: null,
  warnings: [],
};

const progress = (more: Partial<ProgressMessage>): Message => ({
  type: "progress",
  progress: { ...QUIET, state: "playing", ...more },
});

/** @param first the run's first report. */
async function opened(first: Partial<ProgressMessage> = {}) {
  const worker = new FakeWorker();
  const client = new RunClient(() => worker as unknown as Worker);
  const opening = client.open({ texts: ["a"], options: {} });
  worker.send({ type: "result", id: worker.calls[0].id, value: { header: HEADER, progress: { ...QUIET, ...first } } });
  await opening;
  return { worker, client };
}

describe("a page's side of a training", () => {
  test("keeps every loss of many messages, and replaces those of a repeated step", async () => {
    const { worker, client } = await opened();
    for (let step = 1; step <= 10_000; step++) {
      worker.send(progress({ step, points: Float64Array.of(step, step / 7, 0.01) }));
    }
    expect(client.curve.length).toBe(10_000);
    expect(client.curve.loss(7777)).toBe(1111);
    worker.send(progress({ step: 3, points: Float64Array.of(3, 9, 0.01) }));
    expect([client.step, client.curve.loss(3), client.curve.loss(4)]).toEqual([3, 9, 4 / 7]);
  });

  test("knows the state, the moments and the warnings of a run from the moment that it is open", async () => {
    const first = { state: "done", step: 60, snapshots: [60], warnings: ["one thread"] } as const;
    const { client } = await opened(first);
    expect(client).toMatchObject(first);
  });

  test("a repeated evaluation replaces the earlier one", async () => {
    const { worker, client } = await opened();
    const evaluation = { type: "evaluation", best: true } as const;
    worker.send(progress({ evaluations: [{ ...evaluation, step: 20, heldOutLoss: 2 }] }));
    worker.send(
      progress({
        evaluations: [
          { ...evaluation, step: 10, heldOutLoss: 3 },
          { ...evaluation, step: 20, heldOutLoss: 1 },
        ],
      }),
    );
    expect(client.evaluations.map(({ step, heldOutLoss }) => [step, heldOutLoss])).toEqual([
      [10, 3],
      [20, 1],
    ]);
  });

  test("a worker that dies ends what waits with a sentence, keeps the curve, and the next training starts another", async () => {
    const { worker, client } = await opened();
    worker.send(progress({ step: 1, points: Float64Array.of(1, 3.3, 0.01), snapshots: [0, 1] }));
    const waiting = client.call("save");
    worker.die("out of memory");
    await expect(waiting).rejects.toThrow("The training stopped: out of memory.");
    expect(client.state).toBe("failed");
    expect(client.failure).toBe("The training stopped: out of memory.");
    expect([client.curve.loss(1), client.snapshots]).toEqual([3.3, [0, 1]]);
    expect(worker.isTerminated).toBe(true);
  });

  test("a call that fails rejects with the worker's sentence, and other calls are answered", async () => {
    const { worker, client } = await opened();
    const [first, second] = [client.call("matrixNames"), client.call("save")];
    const [a, b] = worker.calls.slice(-2);
    worker.send({ type: "result", id: b.id, value: "bytes" });
    worker.send({ type: "error", id: a.id, message: "there is no training yet" });
    await expect(first).rejects.toThrow("there is no training yet");
    expect(await second).toBe("bytes");
  });
});
