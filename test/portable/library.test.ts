import { expect, test } from "vitest";
import { Sha256 } from "../../src/text/sha256.ts";
import { createTrainer, load, train } from "../../src/library/web.ts";

const NAMES = "ada grace alan edsger barbara donald john margaret dennis ken".split(" ");
const OPTIONS = { strictMath: true, nEmbd: 8, nHead: 2, blockSize: 8, numSteps: 30, evalInterval: 10, batchSize: 4 };

test("with strictMath a training has the same weights in Node and in a page, to the last bit", async () => {
  const losses: number[] = [];
  const model = await train(NAMES, { ...OPTIONS, onStep: ({ loss }) => losses.push(loss) });
  // Math.log is the machine's own, so a loss in f64 may differ in its 16th digit.
  for (const [step, loss] of [
    [0, 2.99159622062],
    [9, 2.331285807728],
    [29, 1.842643090453],
  ]) {
    expect(losses[step]).toBeCloseTo(loss, 11);
  }
  expect(model.heldOutLoss).toBeCloseTo(2.872931894893, 11);
  const hash = new Sha256();
  for (const { data } of model.weights.values())
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  expect(hash.digest()).toBe("3c6e537856d3f4e01a6540fbf2497ea42d6e1126e42b141b69f2855e4ee55ddc");
  const text = await model.generate({ prefix: "a", seed: 1 });
  expect(await (await load(await model.save())).generate({ prefix: "a", seed: 1 })).toBe(text);
});

test("a training pauses and goes on", async () => {
  const trainer = await createTrainer(NAMES, { ...OPTIONS, onStep: ({ step }) => step === 7 && trainer.pause() });
  await trainer.run();
  expect(trainer.progress.step).toBe(7);
  await trainer.run();
  expect(trainer.isDone).toBe(true);
});
