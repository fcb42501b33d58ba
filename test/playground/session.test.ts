import { describe, expect, test } from "vitest";
import { Session } from "../../playground/run/session.ts";
import type { ProgressMessage, RunRequest } from "../../playground/run/protocol.ts";
import { decodeRun } from "../../src/library/run-files.ts";
import { createTrainer } from "../../src/library/web.ts";
import { Random } from "../../src/random.ts";
import { withoutHeads } from "../../src/tensor/attention-weights.ts";
import { generateTokens } from "../../src/training/sample.ts";
import { newTensorEngine, wasm } from "../setup/tensor-models.ts";

const TEXTS = ["ada\ngrace\nalan\nedsger\nbarbara\ndonald\njohn\nmargaret\ndennis\nken\nlinus\nguido"];
const REQUEST: RunRequest = {
  texts: TEXTS,
  options: { nEmbd: 8, nHead: 2, blockSize: 8, numSteps: 60, evalInterval: 20, batchSize: 4, strictMath: true },
};

/** Opens a session, and collects what it reports: the messages, and the last loss of every step. */
async function open(request: RunRequest = REQUEST) {
  const messages: ProgressMessage[] = [];
  const losses: number[] = [];
  let wake = (): void => {};
  const session = await Session.open(request, (message) => {
    messages.push(message);
    for (let i = 0; i < message.points.length; i += 3) losses[message.points[i] - 1] = message.points[i + 1];
    wake();
  });
  messages.push(session.opened().progress);
  const until = async (isTrue: (message: ProgressMessage) => boolean): Promise<ProgressMessage> => {
    for (;;) {
      const last = messages.at(-1)!;
      if (isTrue(last)) return last;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { session, messages, losses, until };
}

/** The losses of the library alone. */
async function plainLosses(): Promise<number[]> {
  const losses: number[] = [];
  const trainer = await createTrainer(TEXTS, { ...REQUEST.options, onStep: ({ loss }) => losses.push(loss) });
  await trainer.run();
  trainer.close();
  return losses;
}

describe("a training in the worker", () => {
  test("has the library's losses, however it is paused, stepped and played", async () => {
    const { session, losses, until } = await open();
    await session.stepForward();
    await session.stepForward();
    session.play();
    await session.pause();
    await session.stepForward();
    session.play();
    const end = await until(({ state }) => state === "done");
    expect(end.step).toBe(60);
    expect(losses).toEqual(await plainLosses());
    await session.close();
  });

  test("has its result at the end, in bits per byte of the whole held-out text, and none after a step back", async () => {
    for (const blockSize of [2, 16]) {
      const { session, messages, until } = await open({ ...REQUEST, options: { ...REQUEST.options, blockSize } });
      expect(session.header.bitsPerNat === null).toBe(blockSize === 2); // names are longer than 2
      session.play();
      const { measured } = await until(({ state }) => state === "done");
      const model = await session.trainer.model();
      const heldOut = session.trainer.data.heldOut;
      const texts = [...heldOut].map((tokens) => session.trainer.tokenizer.decode(Array.from(tokens).slice(1, -1)));
      const { bitsPerByte } = await model.evaluate(texts);
      expect(measured?.step).toBe(model.step);
      expect(measured?.bitsPerByte).toBeCloseTo(bitsPerByte, 5);
      expect(messages.slice(0, -1).every((message) => message.measured === null)).toBe(true);
      await session.stepBack();
      expect(messages.at(-1)!.measured).toBeNull();
      await model.close();
      await session.close();
    }
  });

  test("a step back is the earlier moment, and the steps after it repeat their losses", async () => {
    const { session, losses, messages } = await open();
    for (let i = 0; i < 9; i++) await session.stepForward();
    const before = [...losses];
    const [sampleBefore] = await session.viewer.samples(SAMPLE);
    for (let i = 0; i < 4; i++) await session.stepBack();
    expect(messages.at(-1)!.step).toBe(5);
    expect(await session.viewer.samples({ ...SAMPLE, at: null })).toEqual(
      await session.viewer.samples({ ...SAMPLE, at: 5 }),
    );
    losses.length = 5;
    for (let i = 0; i < 4; i++) await session.stepForward();
    expect(losses).toEqual(before);
    expect((await session.viewer.samples(SAMPLE))[0]).toEqual(sampleBefore);
    await session.reset();
    expect(messages.at(-1)).toMatchObject({ step: 0, state: "ready" });
    await session.close();
  });

  test("shows the beginning of a document as an example: what the model reads at once, and at most 16 tokens", async () => {
    const { session } = await open();
    expect(TEXTS[0].split("\n").map((name) => name.slice(0, 7))).toContain(session.header.example);
    await session.close();
    const cyrillic = { ...REQUEST.options, tokenizer: "byte-bpe", bpeMerges: 0, blockSize: 32 } as const;
    const other = await open({
      texts: ["агафья варвара\n".repeat(3), "агафья варвара"],
      options: { ...cyrillic, keepDuplicates: true },
    });
    expect(other.session.header.example).toBe("агафья в");
    await other.session.close();
  });

  test("continues from its files, to the same losses", async () => {
    const { session, losses } = await open();
    for (let i = 0; i < 12; i++) await session.stepForward();
    const files = await session.files();
    await session.close();
    const rest: number[] = [];
    const resumed = await Session.openFiles({ files, bundled: "" }, ({ points }) => {
      for (let i = 0; i < points.length; i += 3) rest[points[i] - 1] = points[i + 1];
    });
    expect(resumed.opened()).toMatchObject({
      header: { step: 12 },
      progress: { state: "ready", step: 12, snapshots: [12] },
    });
    for (let i = 0; i < 5; i++) await resumed.stepForward();
    await resumed.close();
    expect([...losses, ...rest.slice(12)]).toEqual((await plainLosses()).slice(0, 17));
  });

  test("that continues between two moments can be looked at, and reset to its first step", async () => {
    const { session } = await open({ ...REQUEST, options: { ...REQUEST.options, numSteps: 1000 } });
    for (let i = 0; i < 3; i++) await session.stepForward();
    const files = await session.files();
    await session.close();
    const resumed = await Session.openFiles({ files, bundled: "" }, () => {});
    expect(resumed.opened().progress.snapshots).toEqual([3]);
    expect(await resumed.viewer.samples({ ...SAMPLE, at: 3 })).toHaveLength(SAMPLE.count);
    for (let i = 0; i < 4; i++) await resumed.stepForward();
    await resumed.reset();
    expect(resumed.opened().progress).toMatchObject({ state: "ready", step: 3 });
    await resumed.close();
  });

  test("a finished run is open at its last step, which is kept: it writes the same samples", async () => {
    const options = { ...REQUEST.options, numSteps: 203 };
    const { session, until } = await open({ ...REQUEST, options });
    session.play();
    const { snapshots } = await until(({ state }) => state === "done");
    expect(snapshots.slice(-2)).toEqual([202, 203]);
    const files = await session.files();
    const written = await session.viewer.samples({ ...SAMPLE, at: 203 });
    await session.close();
    const resumed = await Session.openFiles({ files, bundled: "" }, () => {});
    expect(resumed.opened().progress).toMatchObject({ state: "done", step: 203, snapshots: [203] });
    expect(await resumed.viewer.samples({ ...SAMPLE, at: 203 })).toEqual(written);
    await resumed.close();
  });

  test("its files can be had while it plays: it goes on, to the same losses", async () => {
    const { session, losses, until } = await open();
    session.play();
    const steps: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { checkpoint } = await decodeRun(await session.files());
      steps.push(checkpoint!.progress.step);
    }
    await until(({ state }) => state === "done");
    expect(steps[0]).toBeLessThan(60);
    expect(steps).toEqual(steps.toSorted((x, y) => x - y));
    expect(losses).toEqual(await plainLosses());
    await session.close();
  });

  test("a training that diverges fails with a sentence, and its earlier moments remain", async () => {
    const { session, until } = await open({ ...REQUEST, options: { ...REQUEST.options, learningRate: 1000 } });
    session.play();
    const end = await until(({ state }) => state === "failed");
    expect(end.failure).toMatch(/learning rate|diverged/);
    expect(end.snapshots).toContain(0);
    await session.reset();
    expect((await until(({ state }) => state === "ready")).step).toBe(0);
    await session.close();
  });

  test("answers about an unknown moment, and the next question is answered", async () => {
    const { session } = await open();
    await expect(session.viewer.samples({ ...SAMPLE, at: 7 })).rejects.toThrow("step 7 was not kept");
    const next = await session.viewer.nextTokens({ at: 0, prefix: "a", count: 100 });
    expect(next.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    await session.close();
  });
});

const SAMPLE = { at: null, count: 2, prefix: "", temperature: 0.5, topK: null, seed: 1 };

describe("what a page sees of the model", () => {
  test("the last update is the difference of the weights, weight decay included", async () => {
    const { session } = await open({ ...REQUEST, options: { ...REQUEST.options, weightDecay: 0.5 } });
    await session.stepForward();
    await session.stepForward();
    const { data: before } = await session.matrix({ at: 1, kind: "weights", name: "wte" });
    const { data: after } = await session.matrix({ at: null, kind: "weights", name: "wte" });
    const { data: update } = await session.matrix({ at: null, kind: "updates", name: "wte" });
    for (const [i, change] of update.entries()) expect(change).toBeCloseTo(after[i] - before[i], 6);
    expect(Math.max(...update)).toBeGreaterThan(1e-3);
    await session.close();
  });

  test("a gradient of the last step moves Adam's mean: m = 0.15 · g after the first step", async () => {
    const { session } = await open();
    await session.stepForward();
    const { data: gradient } = await session.matrix({ at: null, kind: "gradients", name: "lm_head" });
    const { training } = await session.trainer.state();
    const mean = training.adamMean.get("lm_head")!.data;
    for (const [i, g] of gradient.entries()) expect(mean[i]).toBeCloseTo(0.15 * g, 7);
    await expect(session.matrix({ at: 0, kind: "gradients", name: "wte" })).rejects.toThrow("last step only");
    await expect(session.matrix({ at: 0, kind: "updates", name: "wte" })).rejects.toThrow("no update yet");
    await expect(session.matrix({ at: null, kind: "weights", name: "w" })).rejects.toThrow("no matrix named w");
    await session.close();
  });

  test("gradients are those of the step that is shown, also after steps back to a kept moment", async () => {
    const { session } = await open();
    const gradients = async (): Promise<unknown> =>
      await session.matrix({ at: null, kind: "gradients", name: "lm_head" });
    await expect(gradients()).rejects.toThrow("There are no gradients of this step here");
    for (let i = 0; i < 5; i++) await session.stepForward();
    const fifth = await gradients();
    for (let i = 0; i < 2; i++) await session.stepForward();
    expect(await gradients()).not.toEqual(fifth);
    for (let i = 0; i < 2; i++) await session.stepBack();
    expect(await gradients()).toEqual(fifth);
    await session.close();
  });

  test("the held-out loss of the intact model is the evaluation's", async () => {
    const { session } = await open();
    for (let i = 0; i < 20; i++) await session.stepForward();
    const loss = await session.viewer.heldOutLoss({ at: null, heads: [] });
    await session.stepForward();
    expect(loss).toBeCloseTo(session.trainer.progress.evaluation!.heldOutLoss, 6);
    await session.close();
  });

  test("samples with a head switched off are those of the model without its weights; then all heads write again", async () => {
    const { session } = await open();
    for (let i = 0; i < 20; i++) await session.stepForward();
    const { trainer, viewer } = session;
    const request = { ...SAMPLE, count: 4, temperature: 1 };
    const all = await viewer.samples(request);
    const heads = [{ layer: 0, head: 1 }];
    const without = await viewer.samples({ ...request, heads });
    const { config, tokenizer } = trainer.data;
    const engine = await newTensorEngine(wasm, config, 1);
    await engine.loadWeights(withoutHeads(await trainer.snapshot(), config, heads));
    for (const [i, { text }] of without.entries()) {
      const sampling = { temperature: 1, topK: null, topP: null };
      const ids = await generateTokens(engine, [], config.blockSize, new Random(request.seed + i), sampling);
      expect(text).toBe(tokenizer.decode(ids));
    }
    expect(without).not.toEqual(all);
    expect(await viewer.samples(request)).toEqual(all);
    await session.close();
  });
});
