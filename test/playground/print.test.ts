/** Printing, in Chromium: what is off the screen is on the paper, and fits on it. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

/** Pixels of the loss curve that are not transparent; null: nothing has been drawn. */
const inkOf = (page: Page): Promise<number | null> =>
  page.locator("mg-line-chart").evaluate((chart) => {
    const canvas = chart.shadowRoot!.querySelector("canvas");
    if (canvas === null) return null;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length;
  });

describe.skipIf(!hasChromium)("printing", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  test("draws the loss curve that was never on the screen, no wider than the paper", async () => {
    const { page, faults } = await watchedPage(site, { viewport: { width: 1280, height: 200 } });
    await page.goto(`${site.url}#/play?preset=names&numSteps=100`);
    await page.waitForFunction(() => document.querySelector("mg-shell")?.run.state === "done");
    await page.locator("mg-line-chart").waitFor();
    expect(await inkOf(page)).toBe(null);
    await page.pdf({ format: "A4" });
    expect(await inkOf(page)).toBeGreaterThan(1000);
    await page.emulateMedia({ media: "print" });
    await page.locator("mg-line-chart").evaluate((chart) => ((chart as HTMLElement).style.width = "500px"));
    const [chart, picture] = await Promise.all(
      ["mg-line-chart", "mg-line-chart canvas"].map((part) => page.locator(part).boundingBox()),
    );
    expect(chart!.width).toBe(500);
    expect(picture!.width).toBeCloseTo(500, 0);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
