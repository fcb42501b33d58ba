import { readFileSync } from "node:fs";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SITE } from "../../playground/build/markdown.ts";
import { CHAPTERS } from "../../playground/pages/learn/chapters/index.ts";
import { namesOf } from "../../playground/pages/learn/model/names.ts";
import { climb } from "../../playground/pages/learn/model/rungs.ts";
import { faultsOf, hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

const BROWSER = { tags: ["browser"] };

/** Everything below `#/learn`; the reference of the whole library is long, and its form is the other documents'. */
const ADDRESSES = [
  "",
  "/ladder",
  ...CHAPTERS.map(({ name }) => `/${name}`),
  ...Object.values(SITE.names).flatMap((name) => (name === "api" ? [] : [`/docs/${name}`])),
];

describe.skipIf(!hasChromium)("Learn in a browser, as it is built (skipped where Chromium is missing)", () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  /** Shows an address and waits until nothing of it is still loading. */
  async function show(page: Page, address: string): Promise<void> {
    await page.goto(`${site.url}#/learn${address}`);
    await page.locator("mg-learn-page h1").first().waitFor();
    const waiting = page.locator("mg-training-progress, p.muted:text-is('Loading …'), p.muted:text-is('Counting …')");
    await expect.poll(() => waiting.count(), { timeout: 120_000 }).toBe(0);
  }

  const looks = [
    { width: 1280, height: 900, colorScheme: "light" },
    { width: 390, height: 844, colorScheme: "dark" },
  ] as const;

  test.each(looks)(
    "$width px, $colorScheme: nothing complains, overflows or bars anyone's way",
    BROWSER,
    async (look) => {
      const { colorScheme, ...viewport } = look;
      const { page, faults } = await watchedPage(site, { viewport, colorScheme });
      const wrong: string[] = [];
      for (const address of ADDRESSES) {
        await show(page, address);
        wrong.push(...(await faultsOf(page)).map((fault) => `${address}: ${fault}`));
      }
      expect(wrong).toEqual([]);
      expect(faults).toEqual([]);
    },
  );

  test("the ladder's losses are those that Node computes, digit for digit", BROWSER, async () => {
    const names = namesOf(readFileSync(new URL("../../data/names.txt", import.meta.url), "utf8"));
    const { page, faults } = await watchedPage(site);
    await show(page, "/ladder");
    await page.locator("mg-ladder button").click();
    const losses = page.locator("mg-ladder tbody tr td:nth-child(2)");
    await expect.poll(() => losses.nth(4).textContent(), { timeout: 120_000 }).not.toBe("–");
    const shown = await losses.allTextContents();
    const expected = (["uniform", "letters", "pairs", "pair-descent", "letters-mlp"] as const).map((name) =>
      climb(name, names).heldOutLoss.toFixed(4),
    );
    expect(shown.slice(0, 5)).toEqual(expected);
    expect(faults).toEqual([]);
  });

  test(
    "an answer reveals the reasons, belongs to its chapter alone, and is known after a reload",
    BROWSER,
    async () => {
      const { page } = await watchedPage(site);
      await show(page, "/tokens");
      const reasons = page.locator("mg-question .why:visible");
      await expect.poll(() => reasons.count()).toBe(0);
      await page.locator("mg-question button").first().click();
      await expect.poll(() => reasons.count()).toBe(3);
      await page.keyboard.press("n");
      await page.locator("h1", { hasText: CHAPTERS[1].title }).waitFor();
      await expect.poll(() => reasons.count()).toBe(0);
      await page.reload();
      await show(page, "/tokens");
      await expect.poll(() => reasons.count()).toBe(3);
      await show(page, "");
      await expect.poll(() => page.locator(".done").count()).toBe(1);
    },
  );

  test("on paper, a chapter has all reasons and no navigation", BROWSER, async () => {
    const { page } = await watchedPage(site);
    await show(page, "/loss");
    await page.emulateMedia({ media: "print" });
    await expect.poll(() => page.locator("mg-question .why:visible").count()).toBe(3);
    await expect.poll(() => page.locator("nav:visible").count()).toBe(0);
  });
});
