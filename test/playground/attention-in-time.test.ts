/** Play's time line in Chromium: the attention that it shows is that of the chosen moment, and asking for it costs little. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shortNumber } from "../../playground/widgets/numbers.ts";
import { hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground, WatchedPage } from "./site.ts";

/** The steps that the page has asked the attention of. */
const asked = (page: Page): Promise<unknown[]> =>
  page.evaluate(() => (globalThis as unknown as { asked: unknown[] }).asked);

/** In the page: notes every question about attention; `answers` is what they wait for. */
function watchCalls(): void {
  const { run } = document.querySelector("mg-shell")!;
  const watched: { asked: unknown[]; answers: Promise<void> } = { asked: [], answers: Promise.resolve() };
  Object.assign(globalThis, watched);
  const call = run.call.bind(run);
  run.call = async (method, ...argument) => {
    if (method !== "inspect") return await call(method, ...argument);
    const [about] = argument as readonly [{ at?: unknown }?];
    watched.asked.push(about?.at);
    await (globalThis as unknown as typeof watched).answers;
    return await call(method, ...argument);
  };
}

/** In the page: drags a slider from its end to its beginning, a moment per frame, while no question is answered. */
async function scrub(slider: HTMLElement | SVGElement): Promise<void> {
  if (!(slider instanceof HTMLInputElement)) throw new Error("not a slider");
  let release = (): void => {};
  Object.assign(globalThis, { answers: new Promise<void>((resolve) => (release = resolve)) });
  for (let moment = Number(slider.max); moment >= 0; moment--) {
    slider.value = String(moment);
    slider.dispatchEvent(new InputEvent("input", { bubbles: true }));
    await new Promise((drawn) => requestAnimationFrame(drawn));
  }
  release();
}

/** Attention from the last token of a text to BOS in layer 1, head 2, at a step: the worker's own answer. */
const attentionAt = (page: Page, at: number, text: string): Promise<number> =>
  page.evaluate(
    async (question) => {
      const { attention, ids } = await document
        .querySelector("mg-shell")!
        .run.call("inspect", { ...question, heads: [] });
      return attention[1][2][ids.length * (ids.length - 1)];
    },
    { at, text },
  );

/** Opens a page with a small model that has learnt a few names in 60 steps. */
async function trained(site: Playground): Promise<WatchedPage> {
  const watched = await watchedPage(site);
  const { page } = watched;
  await page.goto(site.url);
  await page.getByRole("button", { name: "Train a new model" }).waitFor();
  await page.evaluate(watchCalls);
  await page.evaluate(async () => {
    const { run } = document.querySelector("mg-shell")!;
    const options = { numSteps: 60, nLayer: 2, batchSize: 8 };
    await run.open({ texts: ["ada\ngrace\nalan\nedsger\nbarbara\ndonald"], options });
    await run.call("play");
  });
  await page.waitForFunction(() => document.querySelector("mg-shell")?.run.state === "done");
  return watched;
}

describe.skipIf(!hasChromium)("attention in the time line", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  test("is that of the chosen step, on a document of the data and on the visitor's text", async () => {
    const { page, faults } = await trained(site);
    const text = page.getByLabel("On the text");
    await text.scrollIntoViewIfNeeded();
    expect(["ada", "grace", "alan", "edsger", "barbara", "donald"]).toContain(await text.inputValue());
    await page.getByRole("group", { name: "Heads of layer 1" }).getByRole("button", { name: "head 2" }).click();
    await text.fill("grace");
    const time = page.getByRole("slider", { name: /Time line/ });
    const map = page.getByRole("slider", { name: "Layer 1, head 2: cell" });
    await map.press("ArrowRight");
    for (let row = 0; row < 5; row++) await map.press("ArrowDown");
    const shown: string[] = [];
    for (const [key, step] of [
      ["Home", 0],
      ["End", 60],
    ] as const) {
      await time.press(key);
      const expected = `from e, to BOS: ${shortNumber(await attentionAt(page, step, "grace"))}`;
      await text.scrollIntoViewIfNeeded();
      await expect.poll(() => map.getAttribute("aria-valuetext")).toBe(expected);
      shown.push(expected);
    }
    expect(shown[0]).not.toBe(shown[1]);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("is not asked for while out of view; while scrubbing, only the newest moment waits", async () => {
    const { page } = await trained(site);
    const time = page.getByRole("slider", { name: /Time line/ });
    expect(await asked(page)).toEqual([]);
    await page.getByLabel("On the text").scrollIntoViewIfNeeded();
    await page.getByRole("slider", { name: "Layer 0, head 0: cell" }).waitFor();
    const before = (await asked(page)).length;
    await time.evaluate(scrub);
    // The first one that the slider passed, and the one where it stopped.
    await expect.poll(async () => (await asked(page)).slice(before)).toEqual([59, 0]);
    await page.context().close();
  });

  test("of a run that another page has opened is there, too", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(`${site.url}#/inside`);
    await page.getByRole("button", { name: "Train a small model" }).click();
    await page.getByRole("slider", { name: /Look at/ }).waitFor();
    await page.evaluate(() => (location.hash = "#/play"));
    await page.getByRole("img", { name: /^Loss/ }).waitFor();
    await page.getByLabel("On the text").scrollIntoViewIfNeeded();
    await page.getByRole("slider", { name: "Layer 0, head 0: cell" }).waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
