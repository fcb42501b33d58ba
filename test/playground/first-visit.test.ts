/** A first visit: on a phone, with words that explain themselves. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

const PHONE = { viewport: { width: 390, height: 844 }, reducedMotion: "reduce" } as const;

describe.skipIf(!hasChromium)("a first visit", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  test("on a phone, every page is in the navigation, and a training comes into view", async () => {
    const { page, faults } = await watchedPage(site, PHONE);
    await page.goto(`${site.url}#/play`);
    const links = page.getByRole("navigation").getByRole("link");
    const boxes = await Promise.all((await links.all()).map((link) => link.boundingBox()));
    expect(boxes).toHaveLength(7);
    for (const box of boxes) expect(box!.x + box!.width).toBeLessThanOrEqual(390);
    await page.getByLabel("num-steps").fill("40");
    const button = page.getByRole("button", { name: "Train a new model" });
    await button.click();
    const bar = page.getByRole("progressbar", { name: "Steps done" });
    await bar.waitFor();
    const isInView = (): Promise<boolean> =>
      bar.evaluate((element) => element.getBoundingClientRect().bottom < innerHeight && scrollY > 0);
    await expect.poll(isInView).toBe(true);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("a field of one's own files is no wider than its card, on a phone", async () => {
    const { page } = await watchedPage(site, PHONE);
    await page.goto(`${site.url}#/play`);
    await page.getByLabel("your own text").check();
    const field = (await page.getByLabel("Files").boundingBox())!;
    const card = (await page.locator("mg-setup-form").boundingBox())!;
    expect(field.x + field.width).toBeLessThanOrEqual(card.x + card.width);
    await page.context().close();
  });

  test("an option says what it does while its field has the focus; ? leads to the words", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(`${site.url}#/play`);
    await page.getByLabel("heads n-head").focus();
    await page.getByText("n-head: attention heads; must divide n-embd").waitFor();
    await page.getByLabel("width n-embd").focus();
    await page.getByText("n-embd: embedding width").waitFor();
    await expect.poll(() => page.getByText("n-head: attention heads").count()).toBe(0);
    await page.getByRole("button", { name: "List the keys" }).click();
    await page.getByRole("link", { name: /What do the words mean/ }).click();
    await page.locator("mg-learn-page").waitFor();
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("samples of one's own text have the meaning of their marks below them", async () => {
    const { page } = await watchedPage(site);
    await page.goto(`${site.url}#/play`);
    await page.goto(`${site.url}#/play?preset=genesis&numSteps=10&nEmbd=8`);
    await page.locator("mg-moment-writing").scrollIntoViewIfNeeded();
    await page.locator("mg-moment-writing li").first().waitFor();
    for (const list of ["mg-before-after", "mg-moment-writing"])
      await expect.poll(() => page.locator(list).getByText("near copy”: one letter away").count()).toBe(1);
    await page.context().close();
  });
});
