/** Look inside, in Chromium: what it shows of a model that it trained, by pointer, by keyboard, and to a screen reader. */
import type { Locator, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shortNumber } from "../../playground/widgets/numbers.ts";
import { faultsOf, hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground, WatchedPage } from "./site.ts";

/** Names with a q, and some without. */
const NAMES = ["quentin", "quinn", "queenie", "quincy", "dominique", "ada", "grace", "alan", "edsger", "barbara"];

/** Waits until the training is done. */
const done = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => document.querySelector("mg-shell")?.run.state === "done", null, { timeout: 150_000 });

/** Opens the page with a small model that has learnt a few names. */
async function trained(site: Playground): Promise<WatchedPage> {
  const watched = await watchedPage(site);
  await watched.page.goto(`${site.url}#/inside`);
  await watched.page.getByRole("button", { name: "Train a small model" }).waitFor();
  await watched.page.evaluate(async (names) => {
    const { run } = document.querySelector("mg-shell")!;
    const options = { numSteps: 100, nLayer: 2, batchSize: 8, valFraction: 0.2 };
    await run.open({ texts: [names.join("\n")], options });
    await run.call("play");
  }, NAMES);
  await done(watched.page);
  return watched;
}

/** The texts of a table's cells, row by row. */
const cells = (table: Locator): Promise<string[][]> =>
  table.evaluate((element) => {
    const rows = element instanceof HTMLTableElement ? [...element.rows] : [];
    return rows.map((row) => Array.from(row.cells, (cell) => cell.textContent.trim()));
  });

/** `+1.5`, `−2` or `48.9 %` as a number. */
const number = (text: string): number => Number.parseFloat(text.replace("−", "-"));

/** Answers of the run that the page shares, as a second opinion. */
const heldOutLoss = (page: Page, heads: { layer: number; head: number }[]): Promise<number> =>
  page.evaluate((off) => document.querySelector("mg-shell")!.run.call("heldOutLoss", { at: null, heads: off }), heads);

describe.skipIf(!hasChromium)("look inside, in Chromium", { tags: ["browser"], timeout: 180_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  test("why q is followed by u: the parts sum to the logit, and the columns without a part are of the same token", async () => {
    const { page, faults } = await trained(site);
    const region = page.getByRole("region", { name: "What adds up to the logit" });
    await page.getByRole("heading", { name: "Why this token" }).scrollIntoViewIfNeeded();
    await page.getByLabel("why").scrollIntoViewIfNeeded();
    await region.waitFor();
    const rows = await cells(region.locator("table"));
    const [sum, parts] = [rows.at(-1)!, rows.slice(1, -1)];
    expect(parts).toHaveLength(2 + 2 * (4 + 1));
    expect(parts.reduce((total, part) => total + number(part[1]), 0)).toBeCloseTo(number(sum[1]), 2);
    const logit = page.getByText(/The logit that the model computes/);
    expect(await logit.textContent()).toContain(`it: ${sum[1]}.`);
    // Names have taught it that u follows q.
    expect(await page.getByLabel("why").locator("option:checked").textContent()).toMatch(/u \(\d/);
    const least = parts.slice(2).toSorted((a, b) => number(a[3]) - number(b[3]))[0];
    const why = page.getByText(`Mostly ${least[0]}: without it, “u” falls from ${sum[3]} to ${least[3]}.`);
    // Of the names, all those that are trained on.
    expect(await why.textContent()).toMatch(/In the training text, (\d) of \1 “q” are followed by “u”\.$/);
    for (const [name, , , without, change] of parts.slice(2)) {
      expect({ name, change: number(without) - number(sum[3]) }).toEqual({
        name,
        change: expect.closeTo(number(change), 0),
      });
    }
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("says what a head reads on the text, and switches it off below", async () => {
    const { page, faults } = await trained(site);
    await page.getByRole("group", { name: "Heads of layer 1" }).getByRole("button", { name: "head 2" }).first().click();
    const said = page.getByText(/^On this text, layer 1, head 2 gives on average/);
    const shares = [...(await said.textContent())!.matchAll(/(\d+) %/g)].map(([, share]) => Number(share));
    expect(shares).toHaveLength(4);
    expect(Math.abs(shares.reduce((sum, share) => sum + share) - 100)).toBeLessThanOrEqual(2);
    await page.getByRole("button", { name: "Switch it off and see what it is worth" }).click();
    await page.getByRole("button", { name: "head 2 off" }).waitFor();
    await expect
      .poll(() => page.locator("mg-head-switches").evaluate((element) => element.getBoundingClientRect().top))
      .toBeLessThan(400);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("a head that is switched off changes the held-out loss as the worker says, and the samples of the same seed", async () => {
    const { page, faults } = await trained(site);
    const head = page.getByRole("group", { name: "Heads of layer 0" }).getByRole("button", { name: "head 1 on" });
    await head.click();
    const losses = page.locator("mg-head-switches table").first();
    const expected = [await heldOutLoss(page, []), await heldOutLoss(page, [{ layer: 0, head: 1 }])];
    await expect.poll(async () => (await cells(losses))[2][1], { timeout: 30_000 }).toBe(expected[1].toFixed(4));
    expect((await cells(losses)).map(([, value]) => value).slice(1, 3)).toEqual(
      expected.map((loss) => loss.toFixed(4)),
    );
    expect(expected[1]).not.toBe(expected[0]);
    const samples = page.locator("mg-head-switches table").last();
    await expect
      .poll(async () => (await cells(samples)).slice(1).some(([, after]) => after !== "the same"), { timeout: 30_000 })
      .toBe(true);
    await page.getByRole("button", { name: "Switch off each head in turn" }).click();
    const worth = page.getByRole("region", { name: "What each head is worth" });
    await worth.waitFor({ timeout: 30_000 });
    const rises = await cells(worth.locator("table"));
    expect(number(rises[1][1])).toBeCloseTo(expected[1] - expected[0], 3);
    expect(rises).toHaveLength(8);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("by keyboard: a cell of the attention, a token, an embedding, a weight, and an earlier step", async () => {
    const { page, faults } = await trained(site);
    const map = page.getByRole("slider", { name: "Layer 0, head 0: cell" });
    await map.focus();
    await page.keyboard.press("ArrowRight");
    expect(await map.getAttribute("aria-valuetext")).toBe("from BOS, to BOS: 1");
    await page.keyboard.press("ArrowDown");
    expect(await map.getAttribute("aria-valuetext")).toMatch(/^from q, to BOS: 0\.\d+$/);
    await page.getByRole("radio", { checked: true }).focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.getByLabel("After").inputValue()).toBe("2");
    const point = page.getByRole("slider", { name: "Embeddings, wte: point" });
    // What comes into view is asked for.
    await page.getByLabel("Show").focus();
    await point.focus();
    await page.keyboard.press("ArrowRight");
    expect(await point.getAttribute("aria-valuetext")).toMatch(/^a: -?[\d.e-]+, -?[\d.e-]+; nearest here: \w/);
    await page.getByRole("button", { name: "gradients of the last step" }).press("Enter");
    await page.getByRole("slider", { name: "wte: gradients: cell" }).waitFor();
    const time = page.getByRole("slider", { name: /Look at/ });
    await time.focus();
    await page.keyboard.press("Home");
    expect(await time.getAttribute("aria-valuetext")).toBe("step 0");
    const first = await page.evaluate(async () => {
      const { run } = document.querySelector("mg-shell")!;
      const { attention, ids } = await run.call("inspect", { at: 0, text: "quentin", heads: [] });
      return attention[0][0][ids.length];
    });
    await map.focus();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => map.getAttribute("aria-valuetext")).toBe(`from q, to BOS: ${shortNumber(first)}`);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("the model of the button, narrow and dark, with tables open: no fault for axe, no wider than the window", async () => {
    const look = { viewport: { width: 390, height: 844 }, colorScheme: "dark" } as const;
    const { page, faults } = await watchedPage(site, look);
    await page.goto(`${site.url}#/inside`);
    await page.getByRole("button", { name: "Train a small model" }).click();
    await done(page);
    for (const name of ["Values as a table", "Points as a table", "Histogram as a table"]) {
      await page
        .getByRole("heading", { name: /Embeddings|Weights/ })
        .last()
        .scrollIntoViewIfNeeded();
      await page.getByText(name).last().click();
    }
    expect(await faultsOf(page)).toEqual([]);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("what a link holds and the page ignores is said, until the next page", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(`${site.url}#/inside/heads?nEmbd=8`);
    await page.getByRole("button", { name: "Train a small model" }).waitFor();
    expect(await page.getByText(/^The link: /).allTextContents()).toEqual([
      'The link: Look inside has no part "heads"',
      'The link: Look inside does not read "nEmbd"; Play trains the model of a link',
    ]);
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press("4");
    await page.locator("mg-tokens-page").waitFor();
    await expect.poll(() => page.getByText(/^The link: /).count()).toBe(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("out of sight, it asks the worker nothing while the training goes on", async () => {
    const { page } = await watchedPage(site);
    await page.goto(`${site.url}#/inside`);
    await page.getByRole("button", { name: "Train a small model" }).waitFor();
    await page.evaluate(async () => {
      const { run } = document.querySelector("mg-shell")!;
      const asked: string[] = [];
      const call = run.call.bind(run);
      Object.assign(globalThis, { asked });
      run.call = (method, ...argument) => {
        asked.push(method);
        return call(method, ...argument);
      };
      await run.open({ texts: ["ada\ngrace\nalan\nedsger\nbarbara\ndonald"], options: { numSteps: 1e6 } });
      await run.call("play");
    });
    const asked = (): Promise<string[]> => page.evaluate(() => (globalThis as unknown as { asked: string[] }).asked);
    await expect.poll(async () => (await asked()).includes("inspect"), { timeout: 10_000 }).toBe(true);
    await page.evaluate(() => (location.hash = "#/learn"));
    await page.locator("mg-learn-page").waitFor();
    const [before, step] = [await asked(), await page.evaluate(() => document.querySelector("mg-shell")!.run.step)];
    await page.waitForFunction((from) => document.querySelector("mg-shell")!.run.step > from + 2000, step);
    // What was under way may end.
    expect((await asked()).length - before.length).toBeLessThanOrEqual(1);
    await page.context().close();
  });
});
