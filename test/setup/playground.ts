/** The built playground on a local address, as a host with its headers serves it, and a Chromium to open it in. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import type { Browser, BrowserContextOptions, Page } from "playwright";
import { preview } from "vite";
import { findChromium } from "./chromium.ts";

const ROOT = fileURLToPath(new URL("../../playground", import.meta.url));
const VITE = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));

/** A site in a browser. */
export interface Playground {
  /** `http://127.0.0.1:PORT/`. */
  readonly url: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Whether the tests of the browser can run. */
export const hasChromium: boolean = findChromium() !== null;

/** Builds the site and opens a browser. */
export async function openPlayground(): Promise<Playground> {
  // In a process of its own: under vitest, NODE_ENV would choose the development build of Lit.
  const env = { ...process.env, NODE_ENV: "production" };
  execFileSync(process.execPath, [VITE, "build", ROOT, "--logLevel", "error"], { env, stdio: "inherit" });
  if (!existsSync(`${ROOT}/../dist/playground/index.html`)) throw new Error("vite built no dist/playground/index.html");
  const server = await preview({ root: ROOT, preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error("vite preview has no local address");
  const browser = await chromium.launch({
    executablePath: findChromium()!,
    args: ["--no-sandbox", "--disable-gpu-sandbox"],
  });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  return { url, browser, close };
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
