/** Every page of the playground in Chromium: wide and narrow, light and dark; and a journey by keyboard alone. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROUTES } from "../../playground/shell/routes.ts";
import { microgpt, workspace } from "../setup/microgpt.ts";
import { faultsOf, hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

/** Waits until the page's element has rendered. */
const ready = (page: Page, tag: string): Promise<unknown> =>
  page.waitForFunction((name) => {
    const element = document.querySelector("mg-shell")?.shadowRoot?.querySelector(name);
    return (element?.shadowRoot?.childElementCount ?? 0) > 0;
  }, tag);

/** Trains on the page with the button, to the end, and returns what the page's run has. */
async function trainOn(page: Page): Promise<{ losses: number[]; heldOutLoss: number | undefined }> {
  await page.getByRole("button", { name: "Train a new model" }).click();
  await page.waitForFunction(() => document.querySelector("mg-shell")?.run.state === "done", null, { timeout: 60_000 });
  return await page.evaluate(() => {
    const { run } = document.querySelector("mg-shell")!;
    return { losses: [...run.curve.losses], heldOutLoss: run.evaluations.at(-1)?.heldOutLoss };
  });
}

describe.skipIf(!hasChromium)("the playground in Chromium", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  const looks = [1280, 390].flatMap((width) =>
    (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })),
  );

  test.each(looks)(
    "$width px, $colorScheme: no page has an error, a foreign request, or a fault for axe",
    async (look) => {
      const { width, colorScheme } = look;
      const { page, faults } = await watchedPage(site, { viewport: { width, height: 844 }, colorScheme });
      await page.goto(site.url);
      for (const { path, tag } of ROUTES) {
        await page.evaluate((hash) => (location.hash = hash), `#/${path}`);
        await ready(page, tag);
        faults.push(...(await faultsOf(page)));
        expect({ path, faults }).toEqual({ path, faults: [] });
      }
      await page.context().close();
    },
  );

  test("the first page, up to samples of its trained model, is at most 150 kB with gzip", async () => {
    const { page } = await watchedPage(site);
    const bodies: Promise<Buffer>[] = [];
    page.on("response", (response) => {
      if (response.url().startsWith(site.url)) bodies.push(response.body());
    });
    await page.goto(site.url);
    await page.locator("mg-sample-list li").first().waitFor();
    const sizes = (await Promise.all(bodies)).map((body) => gzipSync(body).length);
    expect(sizes.length).toBeGreaterThan(5);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(150_000);
    await page.context().close();
  });

  test("from the first key to a sample of an own model, by keyboard alone", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(site.url);
    await ready(page, "mg-play-page");
    await page.keyboard.press("n");
    await page.waitForFunction(() => document.querySelector("mg-shell")?.run.state === "done", null, {
      timeout: 60_000,
    });
    const time = page.getByRole("slider", { name: /Time line/ });
    await time.focus();
    await page.keyboard.press("Home");
    await expect.poll(() => page.getByLabel("Samples").getByRole("listitem").count(), { timeout: 10_000 }).toBe(12);
    expect(await time.getAttribute("aria-valuetext")).toBe("step 0");
    await expect.poll(() => page.getByRole("status").textContent()).toMatch(/Training done after 1000 steps/);
    await page.keyboard.press("ArrowRight");
    expect(await time.getAttribute("aria-valuetext")).toBe("step 1");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("with strict-math, the page's losses are the command's, digit for digit", async () => {
    const { page } = await watchedPage(site);
    await page.goto(site.url);
    await ready(page, "mg-play-page");
    await page.getByText("More options").click();
    await page.getByLabel("strict-math").check();
    await page.getByLabel("num-steps").fill("150");
    await page.getByLabel("num-steps").press("Tab");
    const { losses, heldOutLoss } = await trainOn(page);
    const folder = workspace();
    microgpt(["train", "--strict-math", "--num-steps", "150", "--name", "same"], { cwd: folder });
    const metrics = readFileSync(join(folder, "runs/same/metrics.jsonl"), "utf8").trim().split("\n");
    const rows = metrics.map((line): Metrics => JSON.parse(line));
    const steps = rows.filter(({ loss }) => loss !== undefined);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
    for (const { step, loss } of steps) expect(losses[step - 1]).toBeCloseTo(loss!, 12);
    expect(heldOutLoss).toBeCloseTo(rows.findLast((row) => row.heldOutLoss !== undefined)!.heldOutLoss!, 12);
    await page.context().close();
  });

  test("with reduced motion nothing moves by itself", async () => {
    const { page } = await watchedPage(site, { reducedMotion: "reduce" });
    await page.goto(site.url);
    await ready(page, "mg-play-page");
    await trainOn(page);
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
    await page.context().close();
  });
});

/** A line of metrics.jsonl. */
interface Metrics {
  readonly step: number;
  readonly loss?: number;
  readonly heldOutLoss?: number;
}
