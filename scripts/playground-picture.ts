/**
 * Draws docs/playground.gif, the README's moving picture: the built playground in a real browser, while a model trains.
 * Run: npm run build:playground && node scripts/playground-picture.ts
 */
import { writeFileSync } from "node:fs";
import { encode } from "modern-gif";
import type { Page } from "playwright";
import { chromium } from "playwright";
import { PNG } from "pngjs";
import { preview } from "vite";
import { findChromium } from "../test/setup/chromium.ts";

const SIZE = { width: 960, height: 640 };
const FRAME_MS = 125;
/** How long the picture rests at the end of a scene. */
const REST_MS = 1500;
const FILE = "docs/playground.gif";

interface Frame {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly delay: number;
}

/** Takes pictures of the page as it is. */
class Camera {
  readonly frames: Frame[] = [];
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async take(delay: number = FRAME_MS): Promise<void> {
    const { data } = PNG.sync.read(await this.#page.screenshot());
    const pixels = new Uint8Array(data);
    const last = this.frames.at(-1);
    if (last !== undefined && Buffer.compare(last.pixels, pixels) === 0) {
      this.frames[this.frames.length - 1] = { pixels, delay: last.delay + delay };
    } else {
      this.frames.push({ pixels, delay });
    }
  }

  async takeWhile(lasts: () => Promise<boolean>): Promise<void> {
    while (await lasts()) await this.take();
    await this.take(REST_MS);
  }
}

async function trainModel(page: Page, camera: Camera): Promise<void> {
  await page.locator("mg-before-after mg-sample-list li").first().waitFor();
  await camera.take(REST_MS);
  await page.getByRole("textbox", { name: /num-steps/ }).fill("4000"); // long enough to be filmed
  await page.getByRole("button", { name: "Train a new model" }).click();
  const training = page.locator("mg-control-bar");
  await training.waitFor();
  await page.locator("mg-play-page section", { has: training }).evaluate((section) => section.scrollIntoView());
  const play = page.getByRole("button", { name: "Play", exact: true });
  await camera.takeWhile(async () => !(await play.isVisible()));
  const timeLine = page.getByRole("slider", { name: "Time line" });
  await timeLine.scrollIntoViewIfNeeded();
  for (let i = 0; i < 9; i++) {
    await timeLine.press("PageDown");
    await camera.take(2 * FRAME_MS);
  }
  await page.locator("mg-text-attention").evaluate((attention) => attention.scrollIntoView({ block: "end" }));
  for (let i = 0; i < 8; i++) {
    await timeLine.press("PageUp");
    await camera.take(2 * FRAME_MS);
  }
  await camera.take(REST_MS);
}

async function showStep(page: Page, camera: Camera): Promise<void> {
  await page.getByRole("link", { name: "One step" }).click();
  await page.locator("mg-source li[aria-current]").waitFor();
  for (const zoom of ["step", "operation", "matrix", "number"]) {
    await page.getByRole("button", { name: zoom, exact: true }).click();
    await page.locator("mg-step-page .bar").evaluate((bar) => bar.scrollIntoView());
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press("ArrowRight");
      await camera.take(3 * FRAME_MS);
    }
  }
  await camera.take(REST_MS);
}

const server = await preview({ root: "playground", preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
const browser = await chromium.launch({ executablePath: findChromium()!, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: SIZE });
const camera = new Camera(page);
await page.goto(server.resolvedUrls!.local[0]);
await trainModel(page, camera);
await showStep(page, camera);
await browser.close();
await server.close();
const { frames } = camera;
const gif = await encode({
  ...SIZE,
  maxColors: 128,
  frames: frames.map(({ pixels, delay }) => ({ data: pixels, delay })),
});
writeFileSync(FILE, new Uint8Array(gif));
console.log(`${FILE}: ${frames.length} frames, ${Math.round(gif.byteLength / 1024)} kB`);
