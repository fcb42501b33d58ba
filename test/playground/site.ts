/** The built playground on a local address, as a host with its headers serves it, and a Chromium to open it in. */
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { chromium } from "playwright";
import type { Browser, BrowserContextOptions, Page } from "playwright";
import { preview } from "vite";
import { findChromium } from "../setup/chromium.ts";

const ROOT = fileURLToPath(new URL("../../playground", import.meta.url));

/** A site in a browser. */
export interface Playground {
  /** `http://127.0.0.1:PORT/`. */
  readonly url: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Whether the tests of the browser can run. */
export const hasChromium: boolean = findChromium() !== null;

/** Serves the site, which the tests' set-up has built (build.ts), and opens a browser. @param flags more of Chromium's. */
export async function servePlayground(flags: readonly string[] = []): Promise<Playground> {
  const server = await preview({ root: ROOT, preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error("vite preview has no local address");
  const browser = await chromium.launch({
    executablePath: findChromium()!,
    args: ["--no-sandbox", "--disable-gpu-sandbox", ...flags],
  });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  return { url, browser, close };
}

/** What axe finds in a page, and whether the page is wider than its window; [] for nothing. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    const found = violations.map(({ id, nodes }) => `axe, ${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    const hidden = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return hidden > 0 ? [...found, `wider than the window by ${hidden} px`] : found;
  });
}

/** A page, and what went wrong in it: errors, and requests to anywhere else. */
export interface WatchedPage {
  readonly page: Page;
  readonly faults: string[];
}

/** Opens a page that notes every error of the console, every uncaught one, and every request to another origin. */
export async function watchedPage(
  { browser, url }: Playground,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const page = await (await browser.newContext(options)).newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(?:blob|data):/.test(request.url())) faults.push(`asked ${request.url()}`);
  });
  return { page, faults };
}
