import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { build } from "vite";
import { ROUTES } from "../../playground/shell/routes.ts";
import { findChromium } from "../setup/chromium.ts";
import { trained, workspace } from "../setup/microgpt.ts";
import { openPlayground } from "../setup/open.ts";
import { servePlainly } from "../setup/plain-host.ts";

const executable = findChromium();
const BROWSER = { tags: ["browser"] };

describe.skipIf(executable === null)("in Chromium (skipped where it is missing)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executable!, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());

  async function newPage(): Promise<Page> {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    return page;
  }

  test("no page breaks the policy of microgpt open, asks elsewhere, or leaves a service worker", BROWSER, async () => {
    const { url } = await openPlayground(trained().run);
    const page = await newPage();
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("request", (request) => expect(request.url()).toMatch(new RegExp(`^(?:${url.origin}/|data:|blob:)`)));
    await page.goto(url.href);
    for (const { path, tag } of ROUTES) {
      if (path !== "play") await page.evaluate(`location.hash = "#/${path}"`);
      await page.locator(`${tag} h1`).first().waitFor();
    }
    expect(await page.evaluate("crossOriginIsolated")).toBe(true);
    expect(await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)")).toBe(0);
    expect(errors).toEqual([]);
  });

  /** A page that has the store as `Store`. */
  async function storePage(): Promise<Page> {
    const directory = workspace();
    const entry = fileURLToPath(new URL("../../playground/storage/run-store.ts", import.meta.url));
    const library = { entry, formats: ["es" as const], fileName: "store" };
    await build({ configFile: false, logLevel: "error", build: { outDir: directory, lib: library } });
    const script = `import { RunStore } from "./store.js"; globalThis.Store = RunStore;`;
    writeFileSync(join(directory, "index.html"), `<script type="module">${script}</script>`);
    const { url } = await servePlainly(directory);
    const page = await newPage();
    await page.goto(url);
    return page;
  }

  const SAVE = `async (step) => {
    const { value: store } = await Store.open();
    const files = new Map([["config.json", new Uint8Array([1, step])], ["checkpoints/a", new Uint8Array(2e6).fill(step)]]);
    return await store.save({ id: "run", title: "run", step, numSteps: 9 }, files);
  }`;
  const LOAD = `async () => {
    const loaded = await (await Store.open()).value.loadLast();
    const files = [...loaded.value.files].map(([path, bytes]) => [path, bytes.length, bytes.at(-1)]);
    return { step: loaded.value.run.step, files };
  }`;
  const ofStep = (step: number): unknown => ({
    step,
    files: [
      ["config.json", 2, step],
      ["checkpoints/a", 2e6, step],
    ],
  });

  test("a run is kept over a reload, and its last save when the quota is full", BROWSER, async () => {
    const page = await storePage();
    expect(await page.evaluate(`(${SAVE})(1)`)).toMatchObject({ ok: true });
    await page.reload();
    expect(await page.evaluate(`(${LOAD})()`)).toEqual(ofStep(1));

    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(page.url()).origin, quotaSize: 3e6 });
    expect(await page.evaluate(`(${SAVE})(2)`)).toEqual({
      ok: false,
      fault: "full",
      message:
        "The browser has no room for this run (2.0 MB). The save of step 1 is kept; delete a saved run, or download this one.",
    });
    expect(await page.evaluate(`(${LOAD})()`)).toEqual(ofStep(1));

    await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(page.url()).origin });
    expect(await page.evaluate(`(${SAVE})(3)`)).toMatchObject({ ok: true });
    expect(await page.evaluate(`(${LOAD})()`)).toEqual(ofStep(3));
  });
});
