/** Several runs at once, with workers that answer when the test says so. */
import { expect, test } from "vitest";
import { Comparison } from "../../playground/pages/compare/comparison.ts";
import { RunClient } from "../../playground/run/client.ts";
import type { CallEnd, CallOf } from "../../playground/run/calls.ts";
import type { ProgressMessage, RunRequest, RunState, RunMethods, RunReport } from "../../playground/run/protocol.ts";

type Call = CallOf<RunMethods>;
type Message = CallEnd | RunReport;

/** Prepares at once, and trains until the test says that it is done. */
class FakeWorker extends EventTarget {
  readonly methods: string[] = [];
  isTerminated = false;
  #step = 0;

  postMessage({ id, method }: Call): void {
    this.methods.push(method);
    if (method === "open") this.#post({ type: "result", id, value: { step: 0, options: { numSteps: 10 } } });
    else this.#post({ type: "result", id, value: undefined });
  }

  terminate(): void {
    this.isTerminated = true;
  }

  report(state: RunState, failure: string | null = null): void {
    const progress: ProgressMessage = {
      state,
      step: ++this.#step,
      points: new Float64Array(),
      evaluations: [],
      measured: null,
      tokensPerSecond: 5,
      secondsLeft: null,
      snapshots: [],
      failure,
      warnings: [],
    };
    this.#post({ type: "progress", progress });
  }

  #post(data: Message): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

const request = (nEmbd: number): RunRequest => ({ texts: ["a text"], options: { nEmbd } });

function compare(limit: number, widths: readonly number[]): { comparison: Comparison; workers: FakeWorker[] } {
  const workers: FakeWorker[] = [];
  const comparison = new Comparison(
    limit,
    () =>
      new RunClient(() => {
        const worker = new FakeWorker();
        workers.push(worker);
        return worker as unknown as Worker;
      }),
  );
  comparison.set(widths.map(request));
  return { comparison, workers };
}

/** Lets the answers of the fake workers arrive. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
const statuses = ({ runs }: Comparison): string[] => runs.map(({ status }) => status);

test("as many runs as the limit train at a time, also while they are prepared; the next begins when one is done", async () => {
  const { comparison, workers } = compare(2, [1, 2, 3, 4]);
  comparison.play();
  expect(statuses(comparison)).toEqual(["preparing", "preparing", "waiting", "waiting"]);
  await settled();
  expect(statuses(comparison)).toEqual(["training", "training", "waiting", "waiting"]);
  expect(workers.map(({ methods }) => methods)).toEqual([
    ["open", "play"],
    ["open", "play"],
  ]);
  workers[1].report("done");
  await settled();
  expect(statuses(comparison)).toEqual(["training", "done", "training", "waiting"]);
});

test("when the last run is over it says so once, and the workers have ended", async () => {
  const { comparison, workers } = compare(2, [1, 2, 3]);
  let done = 0;
  comparison.addEventListener("done", () => done++);
  comparison.play();
  for (let i = 0; i < 3; i++) {
    await settled();
    workers[i].report(i === 1 ? "failed" : "done", i === 1 ? "the weights diverged" : null);
  }
  await settled();
  expect(statuses(comparison)).toEqual(["done", "failed", "done"]);
  expect(comparison.runs[1].failure).toBe("the weights diverged");
  expect([done, comparison.isPlaying]).toEqual([1, false]);
  expect(workers.map(({ isTerminated }) => isTerminated)).toEqual([true, true, true]);
});

test("a pause reaches all runs that train; playing again continues them before others begin", async () => {
  const { comparison, workers } = compare(2, [1, 2, 3]);
  comparison.play();
  await settled();
  for (const worker of workers) worker.report("playing");
  await comparison.pause();
  expect(statuses(comparison)).toEqual(["paused", "paused", "waiting"]);
  comparison.play();
  await settled();
  expect(workers.map(({ methods }) => methods.slice(-2))).toEqual([
    ["pause", "play"],
    ["pause", "play"],
  ]);
});

test("a run that is paused while it is prepared does not train afterwards", async () => {
  const { comparison, workers } = compare(1, [1]);
  comparison.play();
  await comparison.pause();
  await settled();
  expect(workers[0].methods).toEqual(["open"]);
  comparison.play();
  await settled();
  expect(workers[0].methods).toEqual(["open", "play"]);
});

test("a changed plan keeps the runs that are as before, also at another place; reset forgets all", async () => {
  const { comparison, workers } = compare(3, [1, 2]);
  comparison.play();
  await settled();
  const [first, second] = comparison.runs;
  workers[0].report("done");
  comparison.set([request(3), request(1)]);
  await settled();
  expect(comparison.runs[1]).toBe(first);
  expect(statuses(comparison)).toEqual(["training", "done"]);
  expect(comparison.runs).not.toContain(second);
  expect(workers[1].isTerminated).toBe(true);
  comparison.reset();
  expect(statuses(comparison)).toEqual(["waiting", "waiting"]);
});
