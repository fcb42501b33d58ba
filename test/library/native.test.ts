import { afterEach, describe, expect, test, vi } from "vitest";
import { createTrainer, resumeTrainer } from "../../src/index-node.ts";
import { Trainer } from "../../src/library/trainer.ts";
import type { TrainerOptions } from "../../src/index.ts";
import { nodeMachine } from "../../src/run/machine.ts";
import { REAL, SKIPPED } from "../setup/native.ts";

const WORDS = "ba ce di fo gu ka le mi bace cedi difo fogu guka kale lemi miba".split(" ");
const SMALL: TrainerOptions = { nEmbd: 8, nHead: 2, blockSize: 8, numSteps: 10, evalInterval: 5, batchSize: 4 };

afterEach(() => {
  vi.unstubAllEnvs();
});

/** The losses of all steps that are left. */
async function lossesOf(trainer: Trainer): Promise<number[]> {
  const losses: number[] = [];
  for (let event = await trainer.step(); event !== null; event = await trainer.step()) {
    if (event.type === "step") losses.push(event.loss);
  }
  return losses;
}

describe.skipIf(REAL === null)(`a training in memory as native code (${SKIPPED})`, () => {
  test("loses what it loses in WebAssembly, within 1e-4, and its model speaks", async () => {
    const [native, wasm] = [
      await createTrainer(WORDS, { ...SMALL, engine: "native" }),
      await createTrainer(WORDS, { ...SMALL, engine: "wasm" }),
    ];
    expect(native.engine.name).toMatch(/^native, (?:gcc|clang) [\d.]+, (?:128|256|512) bits$/);
    const [actual, expected] = [await lossesOf(native), await lossesOf(wasm)];
    expect(actual).toHaveLength(10);
    for (const [i, loss] of actual.entries()) expect(Math.abs(loss - expected[i])).toBeLessThan(1e-4);
    for (const trainer of [native, native, wasm, wasm]) trainer.close(); // twice does no harm
    const model = await native.model(); // in WebAssembly, which needs no compiler
    vi.stubEnv("MICROGPT_CC", "/nonexistent");
    expect(await model.generate({ seed: 1 })).toMatch(/^[a-z]+$/);
    await model.close();
  });

  test("resumed from its files, it has the same bits as one that was not stopped", async () => {
    const [whole, stopped] = [
      await createTrainer(WORDS, { ...SMALL, engine: "native", dropout: 0.1 }),
      await createTrainer(WORDS, { ...SMALL, engine: "native", dropout: 0.1, threads: 2 }),
    ];
    const expected = await lossesOf(whole);
    for (let i = 0; i < 4; i++) await stopped.step();
    const done = stopped.progress.step;
    const resumed = await resumeTrainer(await stopped.files());
    expect(resumed.engine.name).toMatch(/^native, /);
    expect(await lossesOf(resumed)).toEqual(expected.slice(done));
    for (const trainer of [whole, stopped, resumed]) trainer.close();
  });
});

describe("where there is no compiler", () => {
  const fallenBack = async (machine = nodeMachine): Promise<{ trainer: Trainer; warnings: string[] }> => {
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    return { trainer: await Trainer.create(WORDS, { ...SMALL, engine: "native", onWarning }, machine), warnings };
  };
  const INSTEAD = "; using WebAssembly instead, which is slower and differs in the last digits";

  test("WebAssembly trains, one line says why and what it costs, and the run is one of WebAssembly", async () => {
    vi.stubEnv("MICROGPT_CC", "/nonexistent");
    const { trainer, warnings } = await fallenBack();
    const reason = "MICROGPT_CC: there is no program /nonexistent";
    if (REAL !== null) expect(warnings).toEqual([`no native code: ${reason}${INSTEAD}`]);
    expect(trainer.engine.name).toBe("wasm");
    expect(trainer.options.engine).toBe("wasm");
    expect(await lossesOf(trainer)).toHaveLength(10);
    trainer.close();
  });

  test("a page, which never has one, does the same", async () => {
    const { trainer, warnings } = await fallenBack({ ...nodeMachine, native: null });
    expect(warnings).toEqual([`no native code: this platform has no C compiler${INSTEAD}`]);
    expect(trainer.options.engine).toBe("wasm");
    trainer.close();
  });
});
