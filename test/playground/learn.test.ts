import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import type { Browser, Page } from "playwright";
import { preview } from "vite";
import type { PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SITE } from "../../playground/build/markdown.ts";
import { CHAPTERS } from "../../playground/pages/learn/chapters/index.ts";
import { namesOf } from "../../playground/pages/learn/model/names.ts";
import { climb } from "../../playground/pages/learn/model/rungs.ts";
import { findChromium } from "../setup/chromium.ts";

const BROWSER = { tags: ["browser"] };
const path = findChromium();
const root = fileURLToPath(new URL("../../playground", import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Everything below `#/learn`; the reference of the whole library is long, and its form is the other documents'. */
const ADDRESSES = [
  "",
  "/ladder",
  ...CHAPTERS.map(({ name }) => `/${name}`),
  ...Object.values(SITE.names).flatMap((name) => (name === "api" ? [] : [`/docs/${name}`])),
];

describe.skipIf(path === null)("Learn in a browser, as it is built (skipped where Chromium is missing)", () => {
  let browser: Browser;
  let server: PreviewServer;
  let origin = "";
  const outDir = mkdtempSync(join(tmpdir(), "microgpt-site-"));

  beforeAll(async () => {
    // In a process of its own: within vitest, Vite builds for tests.
    const vite = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));
    const flags = ["--outDir", outDir, "--emptyOutDir", "--logLevel", "error"];
    execFileSync(process.execPath, [vite, "build", root, ...flags], {
      env: { ...process.env, NODE_ENV: "production" },
    });
    const options = { port: 0, host: "127.0.0.1" };
    server = await preview({ root, configFile: join(root, "vite.config.ts"), build: { outDir }, preview: options });
    origin = server.resolvedUrls!.local[0];
    browser = await chromium.launch({ executablePath: path!, args: ["--no-sandbox", "--disable-gpu-sandbox"] });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(outDir, { recursive: true, force: true });
  });

  /** A page that fails the test when it complains, or asks for something from another origin. */
  async function open(options: Parameters<Browser["newPage"]>[0] = {}): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage(options);
    const complaints: string[] = [];
    page.on("pageerror", ({ message }) => complaints.push(message));
    page.on("console", (message) => complaints.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) complaints.push(request.url());
    });
    return { page, complaints };
  }

  /** Shows an address and waits until nothing of it is still loading. */
  async function show(page: Page, address: string): Promise<void> {
    await page.goto(`${origin}#/learn${address}`);
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
      const { page, complaints } = await open({ viewport, colorScheme });
      const faults: string[] = [];
      for (const address of ADDRESSES) {
        await show(page, address);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) faults.push(`${address}: ${overflow} px too wide`);
        await page.evaluate(axe);
        // The skip link's target is in the shell's shadow tree, where axe does not look; the shell moves the focus itself.
        const found = await page.evaluate<string[]>(
          "axe.run('mg-shell', { rules: { 'skip-link': { enabled: false } } }).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ target, html }) => id + ' ' + target.flat().join(' ') + ' ' + html.slice(0, 120))))",
        );
        faults.push(...found.map((fault) => `${address}: ${fault}`));
      }
      expect(faults).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  test("the ladder's losses are those that Node computes, digit for digit", BROWSER, async () => {
    const names = namesOf(readFileSync(new URL("../../data/names.txt", import.meta.url), "utf8"));
    const { page, complaints } = await open();
    await show(page, "/ladder");
    await page.locator("mg-ladder button").click();
    const losses = page.locator("mg-ladder tbody tr td:nth-child(2)");
    await expect.poll(() => losses.nth(4).textContent(), { timeout: 120_000 }).not.toBe("–");
    const shown = await losses.allTextContents();
    const expected = (["uniform", "letters", "pairs", "pair-descent", "letters-mlp"] as const).map((name) =>
      climb(name, names).heldOutLoss.toFixed(4),
    );
    expect(shown.slice(0, 5)).toEqual(expected);
    expect(complaints).toEqual([]);
  });

  test(
    "an answer reveals the reasons, belongs to its chapter alone, and is known after a reload",
    BROWSER,
    async () => {
      const { page } = await open();
      await show(page, "/tokens");
      const reasons = page.locator("mg-question .why:visible");
      expect(await reasons.count()).toBe(0);
      await page.locator("mg-question button").first().click();
      expect(await reasons.count()).toBe(3);
      await page.keyboard.press("n");
      await page.locator("h1", { hasText: CHAPTERS[1].title }).waitFor();
      expect(await reasons.count()).toBe(0);
      await page.reload();
      await show(page, "/tokens");
      expect(await reasons.count()).toBe(3);
      await show(page, "");
      expect(await page.locator(".done").count()).toBe(1);
    },
  );

  test("on paper, a chapter has all reasons and no navigation", BROWSER, async () => {
    const { page } = await open();
    await show(page, "/loss");
    await page.emulateMedia({ media: "print" });
    expect(await page.locator("mg-question .why:visible").count()).toBe(3);
    expect(await page.locator("nav:visible").count()).toBe(0);
  });
});
