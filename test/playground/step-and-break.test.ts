/** One step and Break it, as they are built. */
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultsOf, hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

const BROWSER = { tags: ["browser"] };

describe.skipIf(!hasChromium)("One step and Break it, built (skipped where Chromium is missing)", () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  /** Opens a page. @returns it, and all that is wrong with it so far. */
  async function open(
    hash: string,
    width: number,
    colorScheme: "light" | "dark",
  ): Promise<{ page: Page; wrong: () => Promise<string[]> }> {
    const { page, faults } = await watchedPage(site, { viewport: { width, height: 900 }, colorScheme });
    await page.goto(site.url + hash);
    return { page, wrong: async () => [...(await faultsOf(page)), ...faults] };
  }

  test("a step is played by keys at every zoom, and a gradient is checked live", BROWSER, async () => {
    const { page, wrong } = await open("#/step", 390, "dark");
    const lit = page.locator("mg-source li[aria-current]");
    await lit.waitFor();
    const seen: (string | null)[] = [];
    for (let zoom = 0; zoom < 4; zoom++) {
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      seen.push(await lit.textContent());
      expect(await wrong()).toEqual([]);
      await page.keyboard.press("ArrowDown");
    }
    expect(new Set(seen).size).toBeGreaterThan(2);
    for (let zoom = 0; zoom < 3; zoom++) await page.keyboard.press("ArrowUp");
    await page.getByRole("button", { name: "Adam", exact: true }).click();
    // It goes to the first weight that has moved: all numbers of Adam are there.
    const adam = page.getByRole("region", { name: "Adam for this weight" });
    await expect.poll(() => adam.getByRole("cell", { name: "–" }).count()).toBe(0);
    await expect.poll(() => page.getByText(/^1 of [\d,]+ weights moved/).count()).toBe(1);
    await page.getByRole("button", { name: "Check g by a finite difference" }).click();
    await page.getByText(/^\(loss\(w \+ h\) .*: they agree\.$/).waitFor();
    expect(await wrong()).toEqual([]);
    await page.context().close();
  });

  test("a name with an unknown letter is refused in a sentence; another one is traced", BROWSER, async () => {
    const { page, wrong } = await open("#/step", 1280, "light");
    await page.locator("mg-player").waitFor();
    await page.getByLabel("Document, a name").fill("zoë");
    await page.keyboard.press("Enter");
    await page.getByText("it does not know ë").waitFor();
    await page.getByLabel("Document, a name").fill("ida");
    await page.getByLabel("Steps trained before").selectOption("0");
    await page.keyboard.press("Enter");
    await page.getByText("BOS → i").waitFor();
    expect(await wrong()).toEqual([]);
    await page.context().close();
  });

  test("a broken core is predicted, trained beside the intact one, and judged", BROWSER, async () => {
    const { page, wrong } = await open("#/break/learning-rate", 390, "light");
    await page.getByRole("heading", { name: "Learning rate × 100" }).waitFor();
    expect(await page.getByRole("button", { name: "Train both" }).isDisabled()).toBe(true);
    await page.getByRole("radio", { name: "diverges" }).check();
    await page.getByRole("button", { name: "Train both" }).click();
    await page.getByRole("heading", { name: "Observed: diverges" }).waitFor({ timeout: 120_000 });
    await page.getByText("As you predicted.").waitFor();
    await expect.poll(() => page.getByText("loss is not a number any more").count()).toBe(1);
    expect(await wrong()).toEqual([]);
    await page.context().close();
  });
});
