import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import type { Browser, BrowserContext, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findChromium } from "../setup/chromium.ts";
import { workspace } from "../setup/microgpt.ts";
import { servePlainly } from "../setup/plain-host.ts";

const SITE = fileURLToPath(new URL("../../dist/playground", import.meta.url));
const executable = findChromium();
const BROWSER = { tags: ["browser"] };

describe.skipIf(executable === null)("the built site on a plain host (skipped where Chromium is missing)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executable!, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());

  /** A visitor's profile. A request to elsewhere fails the test. */
  async function newVisitor(site: string): Promise<BrowserContext> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    context.on("request", (request) => expect(request.url()).toMatch(new RegExp(`^(?:${site}|data:|blob:)`)));
    return context;
  }

  const isIsolated = (page: Page): Promise<boolean> => page.evaluate("crossOriginIsolated");

  /** Waits until an expression is true in the page, also in one that reloads. (Its policy forbids waitForFunction.) */
  const untilTrue = async (page: Page, expression: string): Promise<void> =>
    await expect.poll(() => page.evaluate(expression).catch(() => "between two pages"), { timeout: 30_000 }).toBe(true);

  /**
   * Opens a page. Returns how often it has been loaded so far. Until it has reloaded itself, nothing may be evaluated in it:
   * that counts as a visitor's click.
   */
  async function open(context: BrowserContext, url: string): Promise<{ page: Page; loads: () => number }> {
    const page = await context.newPage();
    let loads = 0;
    page.on("load", () => loads++);
    await page.goto(url);
    return { page, loads: () => loads };
  }

  const untilLoads = async (loads: () => number, count: number): Promise<void> =>
    await expect.poll(loads, { timeout: 30_000 }).toBe(count);

  test("in a folder: isolated after one reload, then at once; works with the host gone", BROWSER, async () => {
    const host = await servePlainly(SITE);
    const context = await newVisitor(host.url);
    const errors: string[] = [];
    context.on("weberror", (error) => errors.push(error.error().message));
    context.on("console", (message) => message.type() === "error" && errors.push(message.text()));

    const { page, loads } = await open(context, `${host.url}#/play?seed=7`);
    await untilLoads(loads, 2);
    expect(await isIsolated(page)).toBe(true);
    expect(page.url()).toBe(`${host.url}#/play?seed=7`);

    const second = await open(context, host.url);
    expect(await isIsolated(second.page)).toBe(true);

    await host.stop();
    await page.reload();
    expect([loads(), await isIsolated(page)]).toEqual([3, true]);
    // Pages that this visitor has never seen are there, too.
    for (const name of ["play", "step", "inside", "tokens", "compare", "break", "learn"]) {
      await page.evaluate(`location.hash = "#/${name}"`);
      await page.locator(`mg-${name}-page h1`).waitFor();
    }
    expect([second.loads(), errors]).toEqual([1, []]);
  });

  test(
    "where the service worker cannot isolate the page, it is reloaded once, not again and again",
    BROWSER,
    async () => {
      const site = join(workspace(), "site");
      cpSync(SITE, site, { recursive: true });
      const idle = `addEventListener("install", () => skipWaiting());
      addEventListener("activate", (event) => event.waitUntil(clients.claim()));`;
      writeFileSync(join(site, "service-worker.js"), idle);
      const host = await servePlainly(site);
      const { page, loads } = await open(await newVisitor(host.url), host.url);
      await untilLoads(loads, 2);
      // A third would follow from what the second load has set off; another registration is answered after that.
      const settled =
        "navigator.serviceWorker.register('./service-worker.js').then(() => navigator.serviceWorker.ready)";
      await page.evaluate(`${settled}.then(() => null)`);
      await page.locator("mg-play-page h1").waitFor();
      expect([loads(), await isIsolated(page)]).toEqual([2, false]);
    },
  );

  test("a visitor who has begun to use the page is not reloaded", BROWSER, async () => {
    const host = await servePlainly(SITE);
    const context = await newVisitor(host.url);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    host.before = async (path) => (path === "service-worker.js" ? await held : undefined);
    const { page, loads } = await open(context, host.url);
    await page.locator("mg-play-page h1").click();
    release();
    await untilTrue(page, "navigator.serviceWorker.controller !== null");
    expect([loads(), await isIsolated(page)]).toEqual([1, false]);
    await page.reload();
    expect(await isIsolated(page)).toBe(true);
  });

  test("a newer site is there at the next visit; a page that is open still finds its own files", BROWSER, async () => {
    const host = await servePlainly(SITE);
    const context = await newVisitor(host.url);
    const { page, loads } = await open(context, host.url);
    await untilLoads(loads, 2);

    const newer = join(workspace(), "site");
    cpSync(SITE, newer, { recursive: true });
    const edit = (name: string, change: (text: string) => string): void =>
      writeFileSync(join(newer, name), change(readFileSync(join(newer, name), "utf8")));
    const [learn] = readdirSync(join(newer, "assets")).filter((name) => name.startsWith("learn-page"));
    rmSync(join(newer, "assets", learn));
    edit("index.html", (html) => html.replace("<title>", '<meta name="newer" /><title>'));
    edit("service-worker.js", (script) => script.replaceAll(/`[0-9a-f]{16}`/g, "`fedcba9876543210`"));
    // The minifier writes the list as literals, or as one text that is split at commas.
    edit("service-worker.js", (script) => script.replace(new RegExp(`[\`"']?assets/${learn}[\`"']?,`), ""));
    host.directory = newer;
    await page.evaluate("navigator.serviceWorker.getRegistration().then((found) => found.update()).then(() => null)");
    const active =
      "navigator.serviceWorker.getRegistration().then(({ installing, waiting }) => !installing && !waiting)";
    await untilTrue(page, `caches.keys().then((names) => names.length === 2 && ${active})`);
    await page.evaluate('location.hash = "#/learn"');
    await page.locator("mg-learn-page h1").waitFor();
    await expect.poll(() => page.locator('meta[name="newer"]').count()).toBe(0);
    const next = await open(context, host.url);
    await expect.poll(() => next.page.locator('meta[name="newer"]').count()).toBe(1);
  });
});
