import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { paretoFront } from "../../src/experiments/analysis.ts";
import type { Curve, ReportData, ReportRun } from "../../src/experiments/report-data.ts";
import { findChromium } from "../setup/chromium.ts";
import { CLI, microgpt, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";

const path = findChromium();

/** The page, made by what is compiled, as users have it. */
function pageOf(data: ReportData): string {
  const made = `
    import { readFileSync } from "node:fs";
    const { reportPage } = await import(${JSON.stringify(new URL("report/page.js", pathToFileURL(CLI)).href)});
    const { readChartLibrary } = await import(${JSON.stringify(new URL("cli/chart-library.js", pathToFileURL(CLI)).href)});
    process.stdout.write(reportPage(JSON.parse(readFileSync(0, "utf8")), readChartLibrary()));`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", made], {
    input: JSON.stringify(data),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
}

const curve = (count: number, value: (i: number) => number): Curve => ({
  steps: Array.from({ length: count }, (_, i) => 10 * (i + 1)),
  values: Array.from({ length: count }, (_, i) => value(i)),
});

function run(index: number, more: Partial<ReportRun> = {}): ReportRun {
  return {
    name: `${String(index + 1).padStart(2, "0")}_n-layer-${index}`,
    state: "finished",
    failure: null,
    settings: { "n-layer": index },
    parameters: 1000 * 3 ** (index % 7),
    vocabSize: 27,
    step: 100,
    numSteps: 100,
    heldOutLoss: 2 + index / 10,
    bitsPerByte: 3 + ((index * 7) % 5) / 10 + index / 1000,
    worseThan: null,
    heldOutText: 1,
    bestStep: 100,
    seconds: 10 + ((index * 3) % 11),
    tokensPerSecond: 1e5 / (index + 1),
    peakMemoryBytes: 1e8,
    loss: curve(10, (i) => 4 - i / 10),
    heldOut: curve(5, (i) => 4 - i / 5 + index),
    heldOutBits: curve(5, (i) => 5 - i / 5 + index / 10),
    samples: [
      { text: "alice", mark: "new", near: null },
      { text: "bob", mark: "near", near: "rob" },
    ],
    completions: [
      {
        prompt: "al",
        tokens: [
          { text: "i", probability: 0.95 },
          { text: "ce", probability: 0.05 },
        ],
      },
    ],
    ...more,
  };
}

const dataOf = (runs: readonly ReportRun[]): ReportData => ({
  title: "a sweep",
  version: "0.0.0",
  runs,
  importance: [{ option: "n-layer", share: 0.75, values: [{ value: "1", mean: 3, runs: 2 }] }],
});

const BROWSER = { tags: ["browser"] };

describe.skipIf(path === null)("a report in a browser, from the disk (skipped where Chromium is missing)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: path!, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());

  /** Opens a page that was written to a file; whatever it asks for from elsewhere, or complains of, fails the test. */
  async function open(html: string, options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> {
    const file = join(workspace(), "report.html");
    writeFileSync(file, html);
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
    page.on("request", (request) => expect(request.url()).toBe(pathToFileURL(file).href));
    page.on("pageerror", (error) => expect.fail(error.message));
    page.on("console", (message) => expect.fail(message.text()));
    await page.goto(pathToFileURL(file).href);
    return page;
  }

  /** What uPlot draws, read from the chart itself: the page's own functions keep no handle to it. */
  const WATCH = `<script>{ const Plot = uPlot; window.plots = {}; uPlot = function (options, data, place) {
    const plot = new Plot(options, data, place); window.plots[place.id] = plot; return plot; }; }</script>`;
  const watched = (data: ReportData): string => {
    const html = pageOf(data);
    const place = html.lastIndexOf("<script>");
    return html.slice(0, place) + WATCH + html.slice(place);
  };
  const series = (page: Page, place: string): Promise<(number | null)[][]> =>
    page.evaluate(`Array.from(window.plots[${JSON.stringify(place)}].data, (line) => Array.from(line))`);
  const scale = (page: Page): Promise<{ min: number; max: number }> =>
    page.evaluate("(({ min, max }) => ({ min, max }))(window.plots.curves.scales.x)");

  test("the curves are the runs', and a run's box takes it out and back", BROWSER, async () => {
    const page = await open(watched(dataOf([run(1), run(2)])));
    expect(await series(page, "curves")).toEqual([
      [10, 20, 30, 40, 50],
      [5.1, 4.9, 4.7, 4.5, 4.3].map((value) => expect.closeTo(value, 9)),
      [5.2, 5, 4.8, 4.6, 4.4].map((value) => expect.closeTo(value, 9)),
    ]);
    await page.selectOption("#kind", "loss");
    expect((await series(page, "curves"))[1]).toHaveLength(10);
    await page.uncheck('tr[data-run="0"] input');
    expect(await series(page, "curves")).toHaveLength(2);
    await page.check('tr[data-run="0"] input');
    expect(await series(page, "curves")).toHaveLength(3);
    await page.close();
  });

  test("hover reads the values, a drag zooms, a double click shows all", BROWSER, async () => {
    const page = await open(watched(dataOf([run(1), run(2)])));
    const whole = await scale(page);
    const { x, y, width, height } = (await page.locator("#curves .u-over").boundingBox())!;
    await page.mouse.move(x + width / 2, y + height / 2);
    await expect.poll(() => page.locator("#readout").textContent()).toMatch(/^step 30/);
    expect(await page.locator("#readout").textContent()).toContain("4.7000");
    await page.mouse.move(x + 0.3 * width, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + 0.6 * width, y + height / 2, { steps: 4 });
    await page.mouse.up();
    const zoomed = await scale(page);
    expect(zoomed.min).toBeGreaterThan(whole.min);
    expect(zoomed.max).toBeLessThan(whole.max);
    await page.mouse.dblclick(x + width / 2, y + height / 2);
    expect(await scale(page)).toEqual(whole);
    await page.close();
  });

  test("the table sorts by any column, both ways, with what has no value last", BROWSER, async () => {
    const runs = [run(3), run(1), run(2, { seconds: null }), run(10)];
    const page = await open(pageOf(dataOf(runs)));
    const order = async (): Promise<string[]> =>
      await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.getAttribute("data-run") ?? ""));
    expect(await order()).toEqual(["0", "1", "2", "3"]);
    await page.click('th button:text-is("time")');
    const bySeconds = [0, 1, 3].toSorted((a, b) => runs[a].seconds! - runs[b].seconds!).map(String);
    expect(await order()).toEqual([...bySeconds, "2"]);
    await page.click('th button:text-is("time")');
    expect(await order()).toEqual([...bySeconds.toReversed(), "2"]);
    expect(await page.locator('th:has(button:text-is("time"))').getAttribute("aria-sort")).toBe("descending");
    await page.click('th button:text-is("n-layer")');
    expect(await order()).toEqual(["1", "2", "0", "3"]);
    await page.close();
  });

  test("the front is what no run beats in both time and result", BROWSER, async () => {
    const runs = Array.from({ length: 12 }, (_, i) => run(i));
    const page = await open(pageOf(dataOf(runs)));
    const front = JSON.parse((await page.locator("#times .uplot").getAttribute("data-front")) ?? "") as number[];
    expect(front.map((i) => runs[i].name)).toEqual(paretoFront(runs).map(({ name }) => name));
    await page.close();
  });

  test("a token says how sure the model was", BROWSER, async () => {
    const page = await open(pageOf(dataOf([run(1)])));
    const marks = page.locator("#completions mark");
    expect(
      await marks.evaluateAll((all) => all.map((one) => [one.textContent, one.className, one.getAttribute("title")])),
    ).toEqual([
      ["i", "p4", "95.0 %"],
      ["ce", "p0", "5.0 %"],
    ]);
    await page.close();
  });

  test("texts are texts, whatever they look like", BROWSER, async () => {
    const evil = '</script><img src=x onerror="document.title=\'owned\'"><!-- "\u0007\u202e';
    const runs = [
      run(1, {
        name: evil,
        samples: [{ text: evil, mark: "near", near: evil }],
        settings: { [evil]: evil },
        completions: [{ prompt: evil, tokens: [{ text: evil, probability: 1 }] }],
      }),
      run(2, {
        state: "failed",
        failure: evil,
        bitsPerByte: null,
        loss: curve(0, Number),
        heldOut: curve(0, Number),
        heldOutBits: curve(0, Number),
        samples: [],
        completions: [],
      }),
    ];
    const page = await open(
      pageOf({ ...dataOf(runs), title: evil, importance: [{ option: evil, share: 1, values: [] }] }),
    );
    expect(await page.title()).not.toBe("owned");
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("#samples li").textContent()).toContain("</script><img src=x onerror=");
    expect(await page.locator("td.failure").textContent()).toContain("[202e]");
    expect(await page.locator("h1").textContent()).not.toMatch(/[\u0007\u202e]/);
    await page.close();
  });

  test("light and dark are the system's, until the button says otherwise", BROWSER, async () => {
    const html = pageOf(dataOf([run(1)]));
    const background = (page: Page): Promise<string> =>
      page.evaluate("getComputedStyle(document.body).backgroundColor");
    const [light, dark] = [await open(html), await open(html, { colorScheme: "dark" })];
    const [white, black] = [await background(light), await background(dark)];
    expect(white).not.toBe(black);
    await light.click("#theme");
    expect(await background(light)).toBe(black);
    await Promise.all([light.close(), dark.close()]);
  });

  test.each([
    [0, "none"],
    [1, "one"],
    [64, "many"],
  ])("%d runs, and nothing is wider than the page", BROWSER, async (count) => {
    const page = await open(pageOf(dataOf(Array.from({ length: count }, (_, i) => run(i)))), {
      viewport: { width: 360, height: 700 },
    });
    expect(await page.locator("tbody tr").count()).toBe(count);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await page.close();
  });

  test("microgpt report writes such a page of real runs", async () => {
    const { run: one, directory } = trained();
    const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "other", ...TINY];
    expect(microgpt([...args, "--n-layer", "2"]).exitCode).toBe(0);
    const out = join(directory, "report.html");
    expect(microgpt(["report", one, join(directory, "other"), "--out", out])).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    const page = await open(readFileSync(out, "utf8"));
    expect(await page.locator("tbody tr").count()).toBe(2);
    expect(await page.locator("#samples li").count()).toBe(20);
    expect(await page.locator("#completions mark").count()).toBeGreaterThan(0);
    expect(await page.locator("#curves canvas").count()).toBe(1);
    await page.close();
  });
});
