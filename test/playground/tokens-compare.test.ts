/** Tokens and Compare in Chromium: what they show is what the library computes. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTrainer, trainTokenizer } from "../../src/index.ts";
import type { ModelOptions } from "../../src/index.ts";
import { hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

/** For what a busy machine takes its time to do. */
const SLOWLY = { timeout: 60_000 };

/** The texts of a row's cells. */
const cells = async (page: Page, region: string, row: number): Promise<string[]> => {
  const texts = await page.getByRole("region", { name: region }).locator("tbody tr").nth(row).locator("th, td").all();
  return await Promise.all(texts.map(async (cell) => (await cell.innerText()).trim()));
};

/** A number for what the chart's canvas shows; 0 before it has one. */
const pixelsOf = (page: Page): Promise<number> =>
  page.locator("mg-line-chart").evaluate((chart) => {
    const canvas = chart.shadowRoot!.querySelector("canvas");
    if (canvas === null) return 0;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((hash, value) => (31 * hash + value) % 1_000_003, 7);
  });

/** The lowest held-out loss of a training in Node. */
async function lowestLoss(options: ModelOptions): Promise<number> {
  const names = readFileSync(new URL("../../data/names.txt", import.meta.url), "utf8");
  const trainer = await createTrainer([names], options);
  await trainer.run();
  trainer.close();
  return trainer.progress.best!.heldOutLoss;
}

describe.skipIf(!hasChromium)("in Chromium", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  test("Tokens counts what the library's tokenizers make of a typed text, and trains a model with each", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(`${site.url}#/tokens`);
    const text = "low low lower newest wider ".repeat(60);
    await page.getByRole("textbox", { name: "Text to learn from" }).fill(text);
    await expect.poll(() => cells(page, "Counts by tokenizer", 0).then((row) => row[1]), SLOWLY).toBe("1,620");
    await page.getByRole("slider", { name: "Merges applied" }).fill("7");
    for (const [row, tokenizer] of (["char", "word", "bpe", "byte-bpe"] as const).entries()) {
      const direct = trainTokenizer([text], { tokenizer, bpeMerges: 7, vocabSize: null, unk: false });
      const { ids } = direct.encode(text);
      const counts = [ids.length, text.length / ids.length, new Set(ids).size, direct.vocabSize];
      const shown = counts.map((count, i) => (i === 1 ? count.toFixed(2) : count.toLocaleString("en")));
      await expect.poll(() => cells(page, "Counts by tokenizer", row), SLOWLY).toEqual([tokenizer, ...shown, "none"]);
    }
    await page.getByRole("combobox", { name: "seconds each" }).selectOption("2");
    await page.getByRole("button", { name: "Train four models" }).click();
    await page
      .getByText(/predicts the held-out text best/)
      .first()
      .waitFor({ timeout: 90_000 });
    for (let row = 0; row < 4; row++) {
      const bits = Number((await cells(page, "Bits per byte by tokenizer", row))[1]);
      expect(bits).toBeGreaterThan(0);
      // The text repeats itself every 27 bytes: every tokenizer learns far more than the frequency of letters.
      expect(bits).toBeLessThan(1);
    }
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("each run of Compare has the loss of the same training in Node", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(`${site.url}#/compare`);
    await page.getByText("Options of all runs").click();
    await page.getByRole("checkbox", { name: "strict-math" }).check();
    await page.getByRole("textbox", { name: "num-steps" }).fill("60");
    await page.getByRole("textbox", { name: "num-steps" }).press("Tab");
    for (const run of [4, 3]) await page.getByRole("button", { name: `Remove run ${run}` }).click();
    await page.getByRole("button", { name: "Train all" }).click();
    await expect.poll(() => cells(page, "Results", 1).then((row) => row[1]), SLOWLY).toBe("done");
    await expect.poll(() => cells(page, "Results", 0).then((row) => row[1]), SLOWLY).toBe("done");
    for (const [row, nEmbd] of [8, 16].entries()) {
      const options = { nEmbd, numSteps: 60, strictMath: true, evalInterval: 50, evalDocuments: 1000, threads: 1 };
      expect((await cells(page, "Results", row))[3]).toBe((await lowestLoss(options)).toFixed(4));
    }
    await page
      .getByText(/The best run is 2: n-embd 16/)
      .first()
      .waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("a chart out of view draws nothing; in view it draws, and again in the colours of the other theme", async () => {
    const { page } = await watchedPage(site, { viewport: { width: 390, height: 500 } });
    await page.goto(`${site.url}#/compare`);
    await page.getByRole("button", { name: "Train all" }).waitFor();
    // What was in view while the page was short has been drawn; nothing scrolls before the end of the training.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    const first = await pixelsOf(page);
    await page.keyboard.press(" ");
    await expect.poll(() => cells(page, "Results", 0).then((row) => row[1]), SLOWLY).toBe("done");
    await page.keyboard.press(" ");
    expect(await pixelsOf(page)).toBe(first);
    const picture = page.getByRole("img", { name: /held-out bits per byte/ });
    expect(await picture.getAttribute("aria-label")).toMatch(
      /1: n-embd 8: first [\d.]+ at step 50, last [\d.]+ at step 500/,
    );
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => pixelsOf(page), SLOWLY).not.toBe(first);
    const light = await pixelsOf(page);
    await page.keyboard.press("d");
    await expect.poll(() => pixelsOf(page), SLOWLY).not.toBe(light);
    await page.context().close();
  });
});
