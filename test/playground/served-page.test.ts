import { renameSync } from "node:fs";
import { basename, join } from "node:path";
import { chromium } from "playwright";
import type { Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findChromium } from "../setup/chromium.ts";
import { microgpt, trained } from "../setup/microgpt.ts";
import { fill, nextOf, openPage, statusOf, write } from "../setup/model-page.ts";
import { startServer } from "../setup/open.ts";
import { faultsOf, hasChromium } from "./site.ts";

const BROWSER = { tags: ["browser"] };

describe.skipIf(!hasChromium)("the page of microgpt serve (skipped where Chromium is missing)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: findChromium()!, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());

  /** The runs of two models, of characters and of pairs. */
  function twoRuns(): [string, string] {
    const [letters, pairs] = [trained(), trained("--tokenizer", "bpe", "--bpe-merges", "20")];
    const renamed = join(pairs.directory, "second-run");
    renameSync(pairs.run, renamed);
    return [letters.run, renamed];
  }

  const completed = (run: string, prefix: string, seed: number): string =>
    microgpt(["complete", run, prefix, "--num-samples", "1", "--seed", String(seed)]).stdout.trimEnd();

  test("writes with each model what microgpt complete writes, and asks its own server alone", BROWSER, async () => {
    const [letters, pairs] = twoRuns();
    const { url } = await startServer("serve", letters, pairs, "--port", "0");
    const { page, asked, faults } = await openPage(browser, url.href);
    await page.locator("#form").waitFor();
    expect(await page.locator("h1").innerText()).toBe(basename(letters));
    expect(await write(page, { prefix: "ba", count: 2, seed: 5 })).toEqual([
      completed(letters, "ba", 5),
      completed(letters, "ba", 6),
    ]);
    await page.selectOption("#model", { label: "second-run" });
    expect(await write(page, { prefix: "ba", count: 1, seed: 5 })).toEqual([completed(pairs, "ba", 5)]);
    expect(await page.locator("h1").innerText()).toBe("second-run");
    for (const part of ["#attention-section", "#legend", "#about-section"]) {
      expect(await page.locator(part).isVisible()).toBe(false);
    }
    expect(asked.filter((address) => new URL(address).origin !== url.origin)).toEqual([]);
    expect(await faultsOf(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("the next tokens are those of an exported page", BROWSER, async () => {
    const { run, directory } = trained("--tokenizer", "bpe", "--bpe-merges", "20");
    microgpt(["export", run, "--to", "html"], { cwd: directory });
    const { url } = await startServer("serve", run, "--port", "0");
    const pages = [await openPage(browser, url.href), await openPage(browser, `file://${join(directory, "run.html")}`)];
    const tables: [string, string][][] = [];
    for (const { page } of pages) {
      await page.locator("#form").waitFor();
      await page.fill("#prefix", "ba");
      await expect.poll(() => page.locator("#next-caption").innerText()).toContain("ba");
      tables.push(await nextOf(page));
    }
    expect(tables[0].length).toBeGreaterThan(3);
    expect(tables[0]).toEqual(tables[1]);
  });

  test("asks for the key of a server that has one, and keeps it nowhere", BROWSER, async () => {
    const [letters, pairs] = twoRuns();
    const { url } = await startServer("serve", letters, pairs, "--port", "0", "--api-key", "sesame");
    const html = await (await fetch(url)).text();
    expect(html.includes("<title>microgpt</title>")).toBe(true);
    expect(html.includes("second-run")).toBe(false);
    const { page } = await openPage(browser, url.href);
    await expect.poll(() => statusOf(page)).toBe("This server asks for an API key.");
    expect(await faultsOf(page)).toEqual([]);
    await page.fill("#key", "wrong");
    await page.keyboard.press("Enter");
    await expect.poll(() => statusOf(page)).toBe("The server refuses this key.");
    await page.fill("#key", "sesame");
    await page.keyboard.press("Enter");
    expect(await write(page, { prefix: "ba", count: 1, seed: 5 })).toEqual([completed(letters, "ba", 5)]);
    expect(page.url()).toBe(url.href);
    const kept = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])";
    expect(await page.evaluate(kept)).not.toContain("sesame");
  });

  test("Stop ends the server's work, too", BROWSER, async () => {
    const { run } = trained();
    const { url } = await startServer("serve", run, "--port", "0");
    const { page } = await openPage(browser, url.href);
    await page.locator("#form").waitFor();
    await fill(page, { count: 100 });
    await page.evaluate("document.getElementById('write').click(); document.getElementById('stop').click()");
    await expect.poll(() => statusOf(page)).toBe("Stopped.");
    const running = async (): Promise<string> => await (await fetch(new URL("/metrics", url))).text();
    await expect.poll(running).toMatch(/running\S* 0\n/);
    expect(await write(page, { count: 2 })).toHaveLength(2);
  });

  test("what a model answers after another was chosen is not shown", BROWSER, async () => {
    const { url } = await startServer("serve", ...twoRuns(), "--port", "0");
    const { page } = await openPage(browser, url.href);
    await page.locator("#next tr").first().waitFor();
    const arrived: string[] = [];
    let release = (): void => {};
    const released = new Promise<void>((done) => (release = done));
    await page.route("**/next_tokens", async (route) => {
      const { content } = route.request().postDataJSON() as { content: string };
      if (content === "b") await released;
      await route.continue();
      arrived.push(content);
    });
    await page.route("**/completions", () => {}); // never answered
    await page.fill("#prefix", "b");
    await page.fill("#prefix", "ba"); // asked once "b" is answered
    await page.click("#write");
    await expect.poll(() => statusOf(page)).toBe("Writing…");
    await page.selectOption("#model", { label: "second-run" });
    await expect.poll(() => page.locator("#write").isEnabled()).toBe(true);
    await expect.poll(() => page.locator("#next-caption").innerText()).toContain("“ba”");
    const shown = await nextOf(page);
    const late = page.waitForResponse((response) => response.request().postData()!.includes('"b"'));
    release();
    await (await late).finished();
    await page.evaluate("new Promise((done) => setTimeout(done))"); // the page has read it
    expect([await nextOf(page), await page.locator("#next-caption").innerText()]).toEqual([
      shown,
      "The likeliest tokens after “ba”",
    ]);
    expect(arrived).toEqual(["ba", "b"]);
    expect(await statusOf(page)).toBe("Ready.");
    expect(await page.locator("#texts-section").isVisible()).toBe(false);
  });

  test("a server that is gone is named", BROWSER, async () => {
    const { run } = trained();
    const { url, stop } = await startServer("serve", run, "--port", "0");
    const { page } = await openPage(browser, url.href);
    await page.locator("#form").waitFor();
    await stop("SIGTERM");
    await page.click("#write");
    await expect.poll(() => statusOf(page)).toBe("The server does not answer.");
  });
});
