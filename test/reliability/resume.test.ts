import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { AtomicEngine, atomicWeights } from "../../src/training/atomic.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/training/checkpoint.ts";
import type { Checkpoint } from "../../src/training/checkpoint.ts";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { newProgress, trainSteps } from "../../src/training/train.ts";

const CONFIG = { vocabSize: 6, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 5 };
const NUM_STEPS = 50;
const SETTINGS = { numSteps: NUM_STEPS, learningRate: 0.01, evalInterval: 8 };
const random = new Random(3);
const documents = Array.from({ length: 13 }, () => [
  5,
  ...Array.from({ length: 1 + random.randbelow(7) }, () => random.randbelow(5)),
  5,
]);
const heldOut = documents.slice(0, 5);
const train = documents.slice(5); // eight: the steps stop in the middle of the data more often than at its end

function begin(): Checkpoint & { engine: AtomicEngine; generator: Random } {
  const generator = new Random(1);
  const engine = new AtomicEngine(CONFIG, initWeights(CONFIG, generator));
  const progress = newProgress();
  return {
    config: CONFIG,
    dataHash: "",
    tokenizerHash: "",
    optionsHash: "",
    engine,
    generator,
    progress,
    random: generator.getState(),
    state: null as never,
  };
}

/** Goes on until the first event for which `stop` is true; the state then, as bytes. */
async function goOn(bytes: Uint8Array | null, stop: (step: number, type: string) => boolean): Promise<Uint8Array> {
  const { engine, generator, progress } = bytes === null ? begin() : await restore(bytes);
  for await (const { step, type } of trainSteps(engine, train, heldOut, SETTINGS, progress)) {
    if (stop(step, type)) break;
  }
  const state = await engine.save();
  return await encodeCheckpoint({
    config: CONFIG,
    dataHash: "",
    tokenizerHash: "",
    optionsHash: "",
    progress,
    random: generator.getState(),
    state,
  });
}

async function restore(
  bytes: Uint8Array,
): Promise<{ engine: AtomicEngine; generator: Random; progress: Checkpoint["progress"] }> {
  const { state, progress, random: generatorState } = await decodeCheckpoint(bytes);
  const engine = new AtomicEngine(CONFIG, atomicWeights(CONFIG, state.weights));
  await engine.load(state);
  return { engine, generator: Random.fromState(generatorState), progress };
}

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const toTheEnd = (): boolean => false;

test("stopped after any of fifty steps, and resumed, a training ends with the same bytes: 50 of 50", async () => {
  const expected = hash(await goOn(null, toTheEnd));
  for (let step = 1; step <= NUM_STEPS; step++) {
    const stopped = await goOn(null, (done) => done === step);
    expect(hash(await goOn(stopped, toTheEnd))).toBe(expected);
  }
});

test("stopped after every single step, in an evaluation and right after it, it still does", async () => {
  const expected = hash(await goOn(null, toTheEnd));
  // But not in an evaluation every time: it begins again, and would never end.
  const eachTime = (_step: number, type: string): boolean => type !== "evaluating";
  let bytes = await goOn(null, eachTime);
  for (let i = 0; i < 2 * NUM_STEPS; i++) bytes = await goOn(bytes, eachTime);
  expect(hash(bytes)).toBe(expected);
  for (const type of ["evaluating", "evaluation"]) {
    const stopped = await goOn(null, (step, kind) => step === 16 && kind === type);
    expect(hash(await goOn(stopped, toTheEnd))).toBe(expected);
  }
});
