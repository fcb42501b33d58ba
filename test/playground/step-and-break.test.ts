import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import type { Browser, Page } from "playwright";
import { build, preview } from "vite";
import type { PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findChromium } from "../setup/chromium.ts";

const path = findChromium();
const BROWSER = { tags: ["browser"] };
const configFile = fileURLToPath(new URL("../../playground/vite.config.ts", import.meta.url));
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

describe.skipIf(path === null)("One step and Break it, built (skipped where Chromium is missing)", () => {
  const outDir = mkdtempSync(join(tmpdir(), "microgpt-playground-"));
  let browser: Browser;
  let server: PreviewServer;
  /** Errors of the console and requests to other sites. */
  const complaints: string[] = [];

  beforeAll(async () => {
    await build({ configFile, logLevel: "warn", build: { outDir } });
    server = await preview({ configFile, logLevel: "warn", build: { outDir }, preview: { port: 0 } });
    browser = await chromium.launch({ executablePath: path!, args: ["--no-sandbox", "--disable-gpu-sandbox"] });
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    rmSync(outDir, { recursive: true });
  });

  async function open(hash: string, width: number, colorScheme: "light" | "dark"): Promise<Page> {
    const [url] = server.resolvedUrls!.local;
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", ({ message }) => complaints.push(message));
    page.on("request", (request) => request.url().startsWith(url) || complaints.push(request.url()));
    await page.goto(url + hash);
    return page;
  }

  /** What axe finds, and whether the page is wider than the window. */
  async function faultsOf(page: Page): Promise<string[]> {
    await page.addScriptTag({ path: axe });
    const found = await page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { axe: typeof import("axe-core") }).axe.run({
        // The shell's own link.
        exclude: [{ fromShadowDom: ["mg-shell", ".skip"] }],
      });
      const isWide = document.documentElement.scrollWidth > innerWidth;
      const places = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
      return isWide ? [...places, "wider than the window"] : places;
    });
    return [...found, ...complaints.splice(0)];
  }

  test("a step is played by keys at every zoom, and a gradient is checked live", BROWSER, async () => {
    const page = await open("#/step", 390, "dark");
    const lit = page.locator("mg-source li[aria-current]");
    await lit.waitFor();
    const seen: (string | null)[] = [];
    for (let zoom = 0; zoom < 4; zoom++) {
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      seen.push(await lit.textContent());
      expect(await faultsOf(page)).toEqual([]);
      await page.keyboard.press("ArrowDown");
    }
    expect(new Set(seen).size).toBeGreaterThan(2);
    for (let zoom = 0; zoom < 3; zoom++) await page.keyboard.press("ArrowUp");
    await page.getByRole("button", { name: "Adam", exact: true }).click();
    await page.getByRole("button", { name: "Check g by a finite difference" }).click();
    await page.getByText(/^\(loss\(w \+ h\) .*: they agree\.$/).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });

  test("a name with an unknown letter is refused in a sentence; another one is traced", BROWSER, async () => {
    const page = await open("#/step", 1280, "light");
    await page.locator("mg-player").waitFor();
    await page.getByLabel("Document, a name").fill("zoë");
    await page.keyboard.press("Enter");
    await page.getByText("it does not know ë").waitFor();
    await page.getByLabel("Document, a name").fill("ida");
    await page.getByLabel("Steps trained before").selectOption("0");
    await page.keyboard.press("Enter");
    await page.getByText("BOS → i").waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });

  test("a broken core is predicted, trained beside the intact one, and judged", BROWSER, async () => {
    const page = await open("#/break/learning-rate", 390, "light");
    await page.getByRole("heading", { name: "Learning rate × 100" }).waitFor();
    expect(await page.getByRole("button", { name: "Train both" }).isDisabled()).toBe(true);
    await page.getByRole("radio", { name: "diverges" }).check();
    await page.getByRole("button", { name: "Train both" }).click();
    await page.getByRole("heading", { name: "Observed: diverges" }).waitFor({ timeout: 120_000 });
    await page.getByText("As you predicted.").waitFor();
    expect(await page.getByText("loss is not a number any more").count()).toBe(1);
    expect(await faultsOf(page)).toEqual([]);
    await page.close();
  });
});
