// The playground in headless Chromium: bytes and time of the first page on a slowed CPU, trainings of names beside the
// command's, and how smooth the page stays while a million weights train. Needs Chromium and `npm run build:playground`.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright";
import { preview } from "vite";

const root = fileURLToPath(new URL("../playground", import.meta.url));
const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const executablePath = process.env.MICROGPT_CHROMIUM ?? "/usr/bin/chromium";
const REPETITIONS = 5;
const SLOWDOWN = 4;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))];

export async function run() {
  const server = await preview({ root, preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu-sandbox"] });
  const url = server.resolvedUrls.local[0];
  try {
    await firstPage(browser, url);
    await names(browser, url);
    await frames(browser, url);
  } finally {
    await browser.close();
    await server.close();
  }
}

async function newPage(browser, url) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(url);
  await page.getByRole("button", { name: "Train a new model" }).waitFor();
  return page;
}

/** Cold loads: an empty cache each time. */
async function firstPage(browser, url) {
  const [paints, useful, bytes] = [[], [], []];
  for (let i = 0; i < REPETITIONS; i++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    let size = 0;
    page.on("response", (response) => {
      if (!response.url().startsWith(url)) return;
      void response.body().then(
        (body) => (size += gzipSync(body).length),
        () => {},
      );
    });
    const session = await context.newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWDOWN });
    const begin = performance.now();
    await page.goto(url);
    await page.locator("mg-sample-list li").first().waitFor();
    useful.push(performance.now() - begin);
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    await page.waitForTimeout(500);
    bytes.push(size);
    await context.close();
  }
  console.log(
    `first page, CPU ${SLOWDOWN} times slower, cold, over loopback: first contentful paint ${Math.round(median(paints))} ms, samples of the trained model ${Math.round(median(useful))} ms`,
  );
  console.log(`  ${(median(bytes) / 1000).toFixed(1)} kB gzip in all (limit 150)`);
}

/** Types options into the form. */
async function fill(page, options) {
  await page.locator("summary", { hasText: "More options" }).click();
  for (const [name, value] of Object.entries(options)) {
    // The first fields have a word before the name.
    const field = page.getByLabel(new RegExp(`(?:^|\\s)${name}\\s*$`));
    await field.fill(String(value));
    await field.press("Tab");
  }
}

/** Milliseconds from the click on the button to the last step. */
async function trainIn(page, options) {
  await fill(page, options);
  const ended = page.evaluate(async () => {
    const { run: training } = document.querySelector("mg-shell");
    const begin = performance.now();
    await new Promise((resolve) => training.addEventListener("change", () => training.state === "done" && resolve()));
    return performance.now() - begin;
  });
  await page.getByRole("button", { name: "Train a new model" }).click();
  return await ended;
}

/** Milliseconds of the command's process for the same training. */
function command(numSteps) {
  const directory = fs.mkdtempSync(join(tmpdir(), "microgpt-bench-"));
  const begin = performance.now();
  const args = [
    "train",
    "--num-steps",
    String(numSteps),
    "--threads",
    "1",
    "--runs-dir",
    directory,
    "--name",
    "run",
    "--num-samples",
    "0",
  ];
  execFileSync(process.execPath, [cli, ...args], { stdio: "ignore" });
  const ms = performance.now() - begin;
  fs.rmSync(directory, { recursive: true });
  return ms;
}

async function names(browser, url) {
  for (const numSteps of [1000, 4000]) {
    const [page, alone] = [[], []];
    for (let i = 0; i < REPETITIONS; i++) {
      alone.push(command(numSteps));
      const fresh = await newPage(browser, url);
      await fresh.locator("mg-sample-list li").first().waitFor();
      page.push(await trainIn(fresh, { "num-steps": numSteps, threads: 1 }));
      await fresh.context().close();
    }
    const [ours, theirs] = [median(page), median(alone)];
    console.log(
      `names, ${numSteps} steps of 64, one thread: page ${Math.round(ours)} ms, command ${Math.round(theirs)} ms (whole process): ${(ours / theirs).toFixed(2)}`,
    );
  }
}

/** Frames while a million weights train: the time between two animation frames. */
async function frames(browser, url) {
  const page = await newPage(browser, url);
  await fill(page, { "n-embd": 128, "n-layer": 5, "n-head": 4, "num-steps": 100_000, "batch-size": 16 });
  await page.getByRole("button", { name: "Train a new model" }).click();
  await page.waitForFunction(() => document.querySelector("mg-shell").run.step >= 3, null, { timeout: 60_000 });
  const { times, parameters, steps, engine } = await page.evaluate(async () => {
    const { run: training } = document.querySelector("mg-shell");
    const first = training.step;
    const found = [];
    await new Promise((resolve) => {
      let last = performance.now();
      const next = (now) => {
        found.push(now - last);
        last = now;
        if (found.length < 600) requestAnimationFrame(next);
        else resolve();
      };
      requestAnimationFrame(next);
    });
    return {
      times: found.slice(1),
      parameters: training.header.parameters,
      steps: training.step - first,
      engine: training.engine,
    };
  });
  console.log(
    `${parameters.toLocaleString("en")} weights training (${engine}, ${steps} steps meanwhile): frame p50 ${quantile(times, 0.5).toFixed(1)} ms, p95 ${quantile(times, 0.95).toFixed(1)} ms, largest ${Math.max(...times).toFixed(0)} ms`,
  );
  await page.context().close();
}
