/**
 * The built page with and without WebGPU: what trains and why, a training on the GPU beside one in WebAssembly, a GPU that is
 * lost. Chromium's GPU is SwiftShader.
 */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ModelOptions } from "../../src/index.ts";
import { SWIFTSHADER_FLAGS } from "../setup/chromium.ts";
import { hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

const NAMES = "ada grace alan edsger barbara donald john margaret dennis ken linus guido".split(" ");
const SMALL: ModelOptions = {
  nEmbd: 8,
  nHead: 2,
  blockSize: 8,
  batchSize: 4,
  numSteps: 40,
  evalInterval: 20,
  valFraction: 0.25,
};
/** A step of 7·10⁸ operations, for which "auto" looks for a GPU. */
const LARGE: ModelOptions = { ...SMALL, nEmbd: 64, blockSize: 32, batchSize: 64, numSteps: 2, evalDocuments: 1 };

/** SwiftShader compiles for half a minute; a busy machine is many times slower. */
const WAIT = { timeout: 600_000 };

/** What the page knows of its training. */
const told = (page: Page) =>
  page.evaluate(() => {
    const { engine, why, state, step, warnings, evaluations, curve } = document.querySelector("mg-shell")!.run;
    const heldOut = evaluations.map(({ heldOutLoss }) => heldOutLoss);
    return { engine, why, state, step, warnings, heldOut, losses: [...curve.losses] };
  });

/** Trains as the page's own button does, but on these names. */
async function train(page: Page, options: ModelOptions): Promise<void> {
  await page.evaluate(
    async ({ texts, given }) => {
      const { run } = document.querySelector("mg-shell")!;
      await run.open({ texts, options: given });
      await run.call("play");
    },
    { texts: [NAMES.join("\n")], given: options },
  );
}

const done = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => document.querySelector("mg-shell")?.run.state === "done", null, WAIT);

/** Waits for the n-th warning. */
const warned = (page: Page, count: number): Promise<unknown> =>
  page.waitForFunction((n) => document.querySelector("mg-shell")!.run.warnings.length >= n, count, WAIT);

/** The texts of all scripts that the page and its workers load from now on. */
function loadedScripts(page: Page): Promise<string>[] {
  const scripts: Promise<string>[] = [];
  page.on("response", (response) => {
    if (!response.url().endsWith(".js")) return;
    const text = response.text();
    text.catch(() => {}); // a page may close before a late script, which nobody awaits, is read
    scripts.push(text);
  });
  return scripts;
}

const HAS_KERNELS = /@compute/;

describe.skipIf(!hasChromium)("the page without a GPU", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground(["--disable-features=WebGPU"]);
  });
  afterAll(() => site.close());

  test("--engine webgpu: one sentence says why not, and WebAssembly trains", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(site.url);
    await page.getByText("More options").click();
    await page.getByLabel(/^\s*engine/).selectOption("webgpu");
    await page.getByLabel("num-steps").fill("20");
    await page.getByLabel("num-steps").press("Tab");
    await page.getByRole("button", { name: "Train a new model" }).click();
    await done(page);
    const sentence = /^no GPU: (?:this browser has no WebGPU|no adapter was found); using the CPU instead$/;
    await expect.poll(() => page.getByText(sentence).count()).toBe(1);
    expect(await told(page)).toMatchObject({ why: null, warnings: [expect.stringMatching(sentence)] });
    await expect.poll(() => page.getByText(/^wasm engine/).count()).toBe(1);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("auto: a small model needs none, and loads no kernels; a large one says why it has none", async () => {
    const { page } = await watchedPage(site);
    const scripts = loadedScripts(page);
    await page.goto(site.url);
    await train(page, SMALL);
    await done(page);
    // Why not is of no interest: a step of this model is too small for a GPU.
    expect(await told(page)).toMatchObject({ engine: expect.stringMatching(/^wasm engine/), why: null, warnings: [] });
    const texts = await Promise.all(scripts);
    expect(texts.filter((text) => text.includes("WebAssembly.Module")).length).toBeGreaterThan(0);
    expect(texts.filter((text) => HAS_KERNELS.test(text))).toEqual([]);
    await train(page, LARGE);
    await done(page);
    const { engine, why, warnings } = await told(page);
    expect(engine).toMatch(/^wasm engine/);
    expect(why).toMatch(/^no GPU: (?:this browser has no WebGPU|no adapter was found)$/);
    expect(warnings).toEqual([]);
    await page.context().close();
  });
});

describe.skipIf(!hasChromium)("the page with a GPU in software", { tags: ["gpu"], timeout: 1_500_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground(SWIFTSHADER_FLAGS);
  });
  afterAll(() => site.close());

  test("a training on it ends within 0.5 % of the held-out loss in WebAssembly; a step back and a look inside work", async () => {
    const { page, faults } = await watchedPage(site);
    const scripts = loadedScripts(page);
    await page.goto(site.url);
    await train(page, { ...SMALL, engine: "wasm" });
    await done(page);
    const onCpu = await told(page);
    await train(page, { ...SMALL, engine: "webgpu" });
    await done(page);
    const onGpu = await told(page);
    expect((await Promise.all(scripts)).filter((text) => HAS_KERNELS.test(text))).toHaveLength(1);
    expect(onGpu.engine).toMatch(/^webgpu engine, .*swiftshader/i);
    expect(onGpu.warnings).toEqual([expect.stringMatching(/swiftshader runs in software.*; engine wasm is faster$/i)]);
    expect(onGpu.heldOut).toHaveLength(2);
    for (const [i, loss] of onGpu.heldOut.entries()) expect(Math.abs(loss / onCpu.heldOut[i] - 1)).toBeLessThan(0.005);
    // Not the same engine by another name: the last digits differ.
    expect(onGpu.losses).not.toEqual(onCpu.losses);

    const inside = await page.evaluate(async () => {
      const { run } = document.querySelector("mg-shell")!;
      const gradientOf = async (): Promise<number[]> =>
        Array.from((await run.call("matrix", { at: null, kind: "gradients", name: "lm_head" })).data);
      const last = await gradientOf();
      await run.call("stepBack");
      await run.call("stepForward");
      const again = await gradientOf();
      const { losses } = await run.call("inspect", { at: null, text: "ada", heads: [] });
      const heldOutLoss = await run.call("heldOutLoss", { at: null, heads: [] });
      return { last, again, losses: [...losses], heldOutLoss };
    });
    expect(inside.again).toEqual(inside.last);
    expect(inside.last.some((gradient) => gradient !== 0)).toBe(true);
    expect((await told(page)).losses).toEqual(onGpu.losses);
    expect(inside.losses).toHaveLength(3);
    expect(inside.heldOutLoss).toBeCloseTo(onGpu.heldOut[1], 4);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("auto does not take it, and says why", async () => {
    const { page } = await watchedPage(site);
    await page.goto(site.url);
    await train(page, LARGE);
    await done(page);
    const { engine, why } = await told(page);
    expect(engine).toMatch(/^wasm engine/);
    expect(why).toMatch(/swiftshader runs in software, which is slower$/i);
    await page.context().close();
  });

  test("a GPU process that crashes, then a device that is lost: said, survived, and the second time in WebAssembly", async () => {
    const { page } = await watchedPage(site);
    await page.goto(site.url);
    const worker = page.workers()[0] ?? (await page.waitForEvent("worker"));
    await worker.evaluate(() => {
      const gpu = navigator.gpu;
      const requestAdapter = gpu.requestAdapter.bind(gpu);
      gpu.requestAdapter = async (options) => {
        const adapter = (await requestAdapter(options))!;
        const requestDevice = adapter.requestDevice.bind(adapter);
        adapter.requestDevice = async (descriptor) => {
          const device = await requestDevice(descriptor);
          Object.assign(globalThis, { lastDevice: device });
          return device;
        };
        return adapter;
      };
    });
    await train(page, { ...SMALL, engine: "webgpu", numSteps: 100_000, evalInterval: 50_000 });
    await page.waitForFunction(() => document.querySelector("mg-shell")!.run.step >= 5, null, WAIT);
    await (await site.browser.newBrowserCDPSession()).send("Browser.crashGpuProcess");
    await warned(page, 2);
    const first = await told(page);
    expect(first.warnings[1]).toMatch(/^GPU lost at step \d+ \(.*\); resumed from step \d+ on webgpu, /);
    expect(first).toMatchObject({ state: "playing", why: null });

    await worker.evaluate(() => (Reflect.get(globalThis, "lastDevice") as GPUDevice).destroy());
    await warned(page, 3);
    const second = await told(page);
    const [, from] = /resumed from step (\d+) on wasm/.exec(second.warnings[2])!;
    await page.waitForFunction((step) => document.querySelector("mg-shell")!.run.step > step + 20, Number(from), WAIT);
    await expect.poll(() => page.getByText(second.warnings[2]).count()).toBe(1);
    await expect.poll(() => page.getByText(/^wasm engine.* \(the GPU was lost\)$/).count()).toBe(1);
    await page.evaluate(() => document.querySelector("mg-shell")!.run.call("pause"));
    const { losses, state, step } = await told(page);
    expect(state).toBe("paused");
    expect(losses.slice(0, step).every(Number.isFinite)).toBe(true);
    await page.context().close();
  });
});
