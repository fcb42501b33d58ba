/** A training in memory whose GPU is lost. The command's is in `test/run/gpu.test.ts`. */
import { describe, expect, test } from "vitest";
import { openGpu } from "../../src/backend/webgpu/device.ts";
import type { Gpu } from "../../src/backend/webgpu/device.ts";
import type { Machine } from "../../src/library/machine.ts";
import { Trainer } from "../../src/library/trainer.ts";
import type { TrainerOptions } from "../../src/library/trainer-options.ts";
import { nodeMachine } from "../../src/run/machine.ts";
import { decodeRun } from "../../src/library/run-files.ts";
import { EngineLost } from "../../src/training/engine.ts";
import { fakeGpu, mortal } from "../setup/fake-gpu.ts";
import { softwareWebGpu } from "../setup/swiftshader.ts";

const real = await softwareWebGpu();
const name = real === null ? "no WebGPU adapter on this machine" : "on SwiftShader";

const WORDS = "ba ce di fo gu ka le mi bace cedi difo fogu guka kale lemi miba".split(" ");
const OPTIONS: TrainerOptions = {
  engine: "webgpu",
  nEmbd: 8,
  nHead: 2,
  blockSize: 8,
  batchSize: 4,
  numSteps: 12,
  evalInterval: 5,
  valFraction: 0.25,
};

/** A trainer, the devices that it opened, its losses by step and its warnings. */
interface Lab {
  readonly trainer: Trainer;
  readonly gpus: Gpu[];
  readonly losses: number[];
  readonly warnings: string[];
}

/**
 * Opens a trainer without `checkGpu`, which takes as long as the training.
 * @param lasts for each device, the moment at which it is lost; those after the last never are.
 */
async function open(lasts: readonly number[] = [], count = { moments: 0 }): Promise<Lab> {
  const [gpus, losses, warnings]: [Gpu[], number[], string[]] = [[], [], []];
  const findGpu = async (): Promise<Gpu> => {
    const last = lasts[gpus.length] ?? Infinity;
    const gpu = (await openGpu(fakeGpu(real!, { device: mortal(gpus.length === 0 ? count : { moments: 0 }, last) })))!;
    gpus.push(gpu);
    return gpu;
  };
  const machine: Machine = { ...nodeMachine, cores: 1, findGpu };
  const onStep = ({ step, loss }: { step: number; loss: number }): void => void (losses[step - 1] = loss);
  const onWarning = (message: string): void => void warnings.push(message);
  const trainer = await Trainer.create(WORDS, { ...OPTIONS, onStep, onWarning }, machine);
  warnings.length = 0; // that SwiftShader runs in software
  return { trainer, gpus, losses, warnings };
}

/** What a training comes to. */
async function end({ trainer, losses }: Lab): Promise<unknown> {
  await trainer.run();
  const { step, heldOutLoss, weights } = await trainer.model();
  return { losses, step, heldOutLoss, weights: [...weights] };
}

const WARNING = /^GPU lost at step \d+ \(.*[^.]\); resumed from step \d+ on webgpu, /;

describe.skipIf(real === null)(`a trainer whose GPU is lost, ${name}`, { tags: ["gpu"], timeout: 900_000 }, () => {
  let known: Promise<{ opening: number; all: number; ended: unknown }> | null = null;
  async function trainUndisturbed(): Promise<{ opening: number; all: number; ended: unknown }> {
    const count = { moments: 0 };
    const lab = await open([], count);
    const opening = count.moments;
    const ended = await end(lab);
    lab.trainer.close();
    return { opening, all: count.moments, ended };
  }
  const undisturbed = async (): Promise<{ opening: number; all: number; ended: unknown }> =>
    await (known ??= trainUndisturbed());

  test.each([0, 0.6])("%f of the way: repeats the steps on a new device, to the same bits", async (share) => {
    const { opening, all, ended } = await undisturbed();
    const lab = await open([opening + 1 + Math.floor(share * (all - opening))]);
    expect(await end(lab)).toEqual(ended);
    expect(lab.warnings).toEqual([expect.stringMatching(WARNING)]);
    expect(lab.gpus).toHaveLength(2);
    expect(lab.trainer.why).toBeNull();
    lab.trainer.close();
  });

  test("twice: the second time on the CPU, which is why; the state that the caller had taken is the snapshot", async () => {
    const { ended } = await undisturbed();
    const lab = await open();
    const { trainer, gpus, warnings } = lab;
    for (const [i, step] of [4, 8].entries()) {
      while (trainer.progress.step < step) await trainer.step();
      await trainer.state();
      await trainer.step();
      gpus[i].device.destroy();
      await gpus[i].device.lost;
      await trainer.step();
      expect(trainer.progress.step).toBe(step + 1);
    }
    expect(warnings[0]).toMatch(/^GPU lost at step 5 \(.*\); resumed from step 4 on webgpu, /);
    expect(warnings[1]).toMatch(/^GPU lost at step 9 \(.*\); resumed from step 8 on wasm$/);
    expect(trainer.engine.name).toBe("wasm");
    expect(trainer.why).toBe("the GPU was lost");
    const expected = ended as { losses: number[] };
    const { losses } = (await end(lab)) as { losses: number[] };
    for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(expected.losses[i], 4);
    trainer.close();
  });

  test("while a new device opens: on the CPU", async () => {
    const { opening, all } = await undisturbed();
    const lab = await open([opening + Math.floor((all - opening) / 2), 10]);
    await end(lab);
    expect(lab.warnings).toEqual([
      expect.stringMatching(/^GPU lost at step \d+ \(.*\); resumed from step \d+ on wasm$/),
    ]);
    lab.trainer.close();
  });

  test("at rest: calls that overlap share one recovery; then back to a moment; closed, it opens no other device", async () => {
    const { ended } = await undisturbed();
    const lab = await open();
    const { trainer, gpus, warnings } = lab;
    while (trainer.progress.step < 6) await trainer.step();
    const moment = await trainer.state();
    await trainer.step();
    gpus[0].device.destroy();
    const [weights, event, again] = await Promise.all([trainer.snapshot(), trainer.step(), trainer.snapshot()]);
    expect(event).toMatchObject({ type: "step", step: 7 });
    expect(warnings).toEqual([expect.stringMatching(/^GPU lost at step 7 /)]);
    expect(gpus).toHaveLength(2);
    expect([...weights.keys()]).toEqual([...again.keys()]);
    const { checkpoint } = await decodeRun(await trainer.files());
    expect(checkpoint!.progress.step).toBe(7);
    await trainer.restore(moment);
    expect(await trainer.snapshot()).toEqual(moment.training.weights);
    expect(await end(lab)).toEqual(ended);
    trainer.close();
    expect((await gpus[1].device.lost).reason).toBe("destroyed");
    await expect(trainer.snapshot()).rejects.toThrow(EngineLost);
    expect(gpus).toHaveLength(2);
  });
});
