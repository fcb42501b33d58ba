/** A visitor's own text on the Play page: a paragraph, prose, one line, a value that cannot be. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

const PARAGRAPH =
  "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife. However little known the feelings or views of such a man may be on his first entering a neighbourhood, this truth is so well fixed in the minds of the surrounding families, that he is considered the rightful property of some one or other of their daughters.";

/** Chooses "your own text", with few steps, and enters one. */
async function paste(page: Page, url: string, text: string): Promise<void> {
  await page.goto(`${url}#/play`);
  await page.getByLabel("your own text").check();
  await page.getByLabel("num-steps").fill("20");
  await page.getByLabel("num-steps").press("Tab");
  await page.getByLabel("The text stays on this machine.").fill(text);
}

const train = (page: Page): Promise<void> => page.getByRole("button", { name: "Train a new model" }).click();

const done = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => document.querySelector("mg-shell")?.run.state === "done", null, { timeout: 60_000 });

describe.skipIf(!hasChromium)("a visitor's own text", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  test("a pasted paragraph is read as running text: all of it is trained on", async () => {
    const { page, faults } = await watchedPage(site);
    await paste(page, site.url, PARAGRAPH);
    expect(await page.getByLabel("running text").isChecked()).toBe(true);
    await train(page);
    await done(page);
    await page.getByText("6 windows to train on, 1 held out.").waitFor();
    await expect.poll(() => page.getByText("is not learnt").count()).toBe(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("long lines that the visitor wants as lines are cut, and the page says how much is lost", async () => {
    const { page, faults } = await watchedPage(site);
    await paste(page, site.url, [PARAGRAPH, PARAGRAPH.slice(9)].join("\n"));
    expect(await page.getByLabel("running text").isChecked()).toBe(true);
    await page.getByLabel("lines: each is one example").check();
    await page.getByLabel("The text stays on this machine.").press("End");
    await page.keyboard.type(" The end.");
    await train(page);
    await done(page);
    await page.getByText("1 document to train on, 1 held out.").waitFor();
    // 64 of the line's tokens and its end are learnt.
    await page.getByText(/^8[234] % of the training text is not learnt: only the first 64 tokens/).waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("one line as lines is refused with two ways out, and the one of a button trains", async () => {
    const { page, faults } = await watchedPage(site);
    await paste(page, site.url, PARAGRAPH);
    await page.getByLabel("lines: each is one example").check();
    await train(page);
    await page.getByText("This is one line, so one example").waitFor();
    await page.getByRole("button", { name: "train on it as running text" }).click();
    await done(page);
    await page.getByText("6 windows to train on, 1 held out.").waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("a link without the text says so, to its sender and to its receiver; with the text it trains", async () => {
    const { page, faults } = await watchedPage(site, { permissions: ["clipboard-read", "clipboard-write"] });
    await paste(page, site.url, PARAGRAPH);
    await train(page);
    await done(page);
    const links: string[] = [];
    for (const says of [/Your text is not in it/, /copied, with your text/]) {
      await page.getByRole("button", { name: "Copy a link" }).click();
      await page.getByText(says).waitFor();
      links.push(await page.evaluate(() => navigator.clipboard.readText()));
      await page.getByLabel("put my text in the link").check();
    }
    await page.getByText("It opens on this machine only").waitFor();
    for (const [link, says] of [
      [links[0], "not the text: paste that below"],
      [links[1], "6 windows to train on, 1 held out."],
    ]) {
      await page.goto("about:blank");
      await page.goto(link);
      await page.getByText(says).waitFor();
    }
    await done(page);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("what the library refuses is said with the names of the fields, which are then in view", async () => {
    const { page, faults } = await watchedPage(site);
    await paste(page, site.url, "a");
    await train(page);
    await page.getByText("hold nothing out (val-fraction 0)").waitFor();
    await expect.poll(() => page.getByLabel("val-fraction").isVisible()).toBe(true);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
