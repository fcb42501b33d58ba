import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright";
import type { Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { html } from "../../src/export/html.ts";
import { load } from "../../src/index-node.ts";
import { faultsOf, hasChromium } from "./site.ts";
import { findChromium } from "../setup/chromium.ts";
import { verseModel, writeExported } from "../setup/exported.ts";
import { microgpt, TINY, trained, workspace } from "../setup/microgpt.ts";
import { fill, marksOf, nextOf, openPage, statusOf, write } from "../setup/model-page.ts";
import type { OpenPage } from "../setup/model-page.ts";
import { serveSite } from "../setup/site.ts";

const BROWSER = { tags: ["browser"] };

describe.skipIf(!hasChromium)("an exported page, opened from the disk (skipped where Chromium is missing)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: findChromium()!, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());

  /** Opens the page of a run. */
  async function openRun(...options: string[]): Promise<OpenPage & { readonly run: string }> {
    const { run, directory } = trained(...options);
    const { exitCode, stderr } = microgpt(["export", run, "--to", "html"], { cwd: directory });
    expect([exitCode, stderr]).toEqual([0, ""]);
    const opened = await openPage(browser, pathToFileURL(join(directory, "run.html")).href);
    await opened.page.locator("#form").waitFor();
    return { ...opened, run };
  }

  async function openVerses(options: Parameters<typeof openPage>[2] = {}): Promise<OpenPage> {
    const folder = writeExported(workspace(), await html.files(await verseModel("bpe")));
    const opened = await openPage(browser, pathToFileURL(join(folder, "verses-bpe.html")).href, options);
    await opened.page.locator("#form").waitFor();
    return opened;
  }

  /** The bytes of `Model.save` in the page. */
  async function modelBytes(): Promise<Buffer> {
    const [bytes] = (await html.files(await verseModel("bpe"))).values();
    const [, base64] = /id="weights">([^<]*)</.exec(Buffer.from(bytes).toString("utf8"))!;
    return Buffer.from(base64, "base64");
  }

  const sampled = (run: string, ...flags: string[]): { text: string; known: boolean; near: string | null }[] => {
    const { stdout, stderr } = microgpt(["sample", run, "--json", ...flags]);
    expect(stderr).toBe("");
    const lines = stdout.trim().split("\n");
    return lines.map((line) => JSON.parse(line) as { text: string; known: boolean; near: string | null });
  };

  test.each([
    "--tokenizer char",
    "--tokenizer bpe --bpe-merges 20",
    "--tokenizer byte-bpe --bpe-merges 20",
    "--tokenizer word --unk",
    "--strict-math",
    "--engine atomic",
  ])("%s: the samples and their marks are those of microgpt sample", BROWSER, async (options) => {
    const { page, run, asked, faults } = await openRun(...options.split(" "));
    for (const seed of [42, 7]) {
      const expected = sampled(run, "--num-samples", "12", "--seed", String(seed));
      expect(await write(page, { count: 12, seed })).toEqual(expected.map(({ text }) => text));
      const marks = expected.map(({ known, near }) => (known ? "copied" : near === null ? "new" : "near copy"));
      expect(await marksOf(page)).toEqual(marks);
    }
    expect(asked).toHaveLength(1);
    expect(faults).toEqual([]);
  });

  test("with a prefix, a temperature and top-k, the texts are those of microgpt complete", BROWSER, async () => {
    const { page, run } = await openRun("--tokenizer", "bpe", "--bpe-merges", "20");
    const flags = ["--num-samples", "6", "--seed", "3", "--temperature", "1.2", "--top-k", "4"];
    const { stdout } = microgpt(["complete", run, "bac", ...flags]);
    const texts = await write(page, { prefix: "bac", temperature: 1.2, "top-k": 4, count: 6, seed: 3 });
    expect(texts).toEqual(stdout.trimEnd().split("\n"));
  });

  test("the next tokens are the model's, and follow the prefix", BROWSER, async () => {
    const { page } = await openVerses();
    const model = await load(await modelBytes());
    for (const prefix of ["", "And the "]) {
      await page.fill("#prefix", prefix);
      const expected = (await model.nextTokens(prefix, 10)).map(
        ({ probability }) => `${(100 * probability).toFixed(1)} %`,
      );
      await expect.poll(async () => (await nextOf(page)).map(([, percent]) => percent)).toEqual(expected);
    }
    await model.close();
  });

  test("a piece that the model never saw is named", BROWSER, async () => {
    const { page } = await openVerses();
    await write(page, { prefix: "And ☃", count: 1 });
    expect(await statusOf(page)).toBe('Done; the prompt "And ☃" has a token not in the vocabulary: "☃"; left out.');
  });

  test("Stop ends the writing, and the page can write again", BROWSER, async () => {
    const { page } = await openVerses();
    await fill(page, { count: 100 });
    await page.evaluate("document.getElementById('write').click(); document.getElementById('stop').click()");
    await expect.poll(() => statusOf(page)).toBe("Stopped.");
    expect(await page.locator("#texts li").count()).toBeLessThan(100);
    expect(await write(page, { count: 2 })).toHaveLength(2);
  });

  test("attention: hovering and the arrow keys show what a token reads, by layer and head", BROWSER, async () => {
    const { page } = await openVerses();
    await write(page, { count: 1, prefix: "And God said" });
    const tokens = page.locator("#tokens button");
    const shares = (): Promise<number[]> =>
      tokens.evaluateAll((all) => all.map((token) => Number((token as HTMLElement).style.getPropertyValue("--share"))));
    await tokens.nth(2).hover();
    const hovered = await shares();
    expect(hovered.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    expect(hovered.slice(3).every((share) => share === 0)).toBe(true);
    await page.locator("h1").hover();
    await tokens.last().focus();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => tokens.nth(-2).getAttribute("aria-checked")).toBe("true");
    const mean = await shares();
    expect(mean.at(-1)).toBe(0);
    await page.selectOption("#layer", "1");
    await page.selectOption("#head", "3");
    const head = await shares();
    expect(head.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    expect(head).not.toEqual(mean);
    expect(await page.locator("#reads").innerText()).toMatch(/reads “.+” \d+\.\d %/);
  });

  test(
    "of a model of the atomic engine, one engine in WebAssembly shows the attention of every text",
    BROWSER,
    async () => {
      const { page } = await openRun("--engine", "atomic");
      await write(page, { count: 2 });
      await page.locator("#tokens button").first().waitFor();
      await page.evaluate(`{
      const { Memory } = WebAssembly;
      globalThis.memories = 0;
      WebAssembly.Memory = class extends Memory { constructor(limits) { super(limits); globalThis.memories++; } };
    }`);
      const shown = (): Promise<string> => page.locator("#tokens").innerText();
      const first = await shown();
      await page.locator("#texts .look").nth(1).click();
      await expect.poll(shown).not.toBe(first);
      await page.locator("#texts .look").nth(0).click();
      await expect.poll(shown).toBe(first);
      expect(await page.evaluate("globalThis.memories")).toBe(0);
    },
  );

  test.each([
    ["light", 1200],
    ["dark", 1200],
    ["light", 390],
    ["dark", 390],
  ] as const)(
    "%s, %i px wide: axe finds nothing, and nothing is wider than the window",
    BROWSER,
    async (colorScheme, width) => {
      const { page, faults } = await openVerses({ colorScheme, viewport: { width, height: 800 } });
      expect(await faultsOf(page)).toEqual([]);
      await write(page, { prefix: "And God", count: 5 });
      await page.locator("#texts .look").nth(1).click();
      expect(await faultsOf(page)).toEqual([]);
      await page.click("#theme");
      expect(await faultsOf(page)).toEqual([]);
      expect(faults).toEqual([]);
    },
  );

  test("the keyboard alone writes and stops: the focus is never lost", BROWSER, async () => {
    const { page } = await openVerses();
    await page.locator("#prefix").focus();
    await page.keyboard.type("And");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => statusOf(page)).toBe("Done.");
    await page.locator("#write").focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => statusOf(page)).toBe("Done.");
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("write");
  });

  test("what names hold does not run, and the policy lets nothing be asked for", BROWSER, async () => {
    const model = await verseModel("bpe");
    const hostile = `<img src=x onerror="document.title='broken'">`;
    const files = await html.files({ ...model, name: hostile, training: { ...model.training, data: [hostile] } });
    const folder = writeExported(workspace(), new Map([["page.html", [...files.values()][0]]]));
    const { page, faults } = await openPage(browser, pathToFileURL(join(folder, "page.html")).href);
    await page.locator("#form").waitFor();
    expect(await page.locator("h1").innerText()).toBe(hostile);
    expect(await page.locator("img").count()).toBe(0);
    expect(faults).toEqual([]);
    const site = await serveSite({ "/": "" });
    const tries = `Promise.all([
      fetch("${site.url}/").then(() => "asked", () => "refused"),
      new Promise((done) => { const image = new Image(); image.onerror = () => done("refused"); image.onload = () => done("asked"); image.src = "${site.url}/"; }),
    ])`;
    expect(await page.evaluate(tries)).toEqual(["refused", "refused"]);
    for (const directive of ["connect-src", "img-src"]) expect(faults.join("\n")).toContain(directive);
    expect(site.asked).toEqual([]);
  });

  test("tokens and texts that look like HTML are shown as text", BROWSER, async () => {
    const directory = workspace();
    const line = `<img src=x onerror="document.title='broken'"></script><!-- $& %DATA%`;
    writeFileSync(join(directory, "hostile.txt"), Array.from({ length: 40 }, (_, i) => `${line}${i}\n`).join(""));
    const options = ["--runs-dir", directory, "--name", "run", ...TINY];
    expect(microgpt(["train", "--data", join(directory, "hostile.txt"), ...options]).stderr).toBe("");
    expect(microgpt(["export", join(directory, "run"), "--to", "html"], { cwd: directory }).stderr).toBe("");
    const { page, faults } = await openPage(browser, pathToFileURL(join(directory, "run.html")).href);
    const [text] = await write(page, { prefix: line, count: 1 });
    expect(text.startsWith(line)).toBe(true);
    await expect.poll(() => page.locator("#next-caption").innerText()).toContain("</script><!--");
    await expect.poll(() => page.locator("#tokens button").nth(1).innerText()).toBe("<");
    expect(await page.locator("img").count()).toBe(0);
    expect([await page.title(), faults]).toEqual(["run", []]);
  });

  test("a damaged file says so", BROWSER, async () => {
    const [bytes] = (await html.files(await verseModel("bpe"))).values();
    const page = Buffer.from(bytes).toString("utf8");
    const at = page.indexOf('id="weights">') + 4000;
    const damaged = page.slice(0, at) + (page[at] === "A" ? "B" : "A") + page.slice(at + 1);
    const folder = writeExported(workspace(), new Map([["page.html", Buffer.from(damaged)]]));
    const opened = await openPage(browser, pathToFileURL(join(folder, "page.html")).href);
    await expect.poll(() => statusOf(opened.page)).toMatch(/damaged/);
    expect(await opened.page.locator("#form").isVisible()).toBe(false);
  });
});
