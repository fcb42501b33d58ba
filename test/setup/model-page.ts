/** The page of a model in a Chromium: what it shows, and what goes wrong in it. */
import type { Browser, BrowserContextOptions, Page } from "playwright";
import { expect, onTestFinished } from "vitest";

/** What the form is filled with; what is absent stays as it is. */
export interface FormValues {
  readonly prefix?: string;
  readonly temperature?: number;
  readonly "top-k"?: number;
  readonly count?: number;
  readonly seed?: number;
}

/** A page, and what it asked for and complained of: `asked` has the page itself first. */
export interface OpenPage {
  readonly page: Page;
  readonly asked: string[];
  readonly faults: string[];
}

/** Opens an address until the test ends. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const [asked, faults]: string[][] = [[], []];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", ({ message }) => faults.push(message));
  page.on("console", (message) => faults.push(message.text()));
  await page.goto(url);
  return { page, asked, faults };
}

/** What the page says of its state. */
export const statusOf = (page: Page): Promise<string> => page.locator("#status").innerText();

/** Fills the form, without sending it. */
export async function fill(page: Page, values: FormValues): Promise<void> {
  for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, String(value));
}

/** Writes texts; resolves to them. */
export async function write(page: Page, values: FormValues = {}): Promise<string[]> {
  await fill(page, values);
  await page.click("#write");
  await expect.poll(() => statusOf(page)).toMatch(/^Done/);
  return await page.locator("#texts .text").evaluateAll((texts) => texts.map(({ textContent }) => textContent));
}

/** The marks of the texts. */
export const marksOf = (page: Page): Promise<string[]> => page.locator("#texts .mark").allInnerTexts();

/** The rows of the table of next tokens: token and probability. */
export async function nextOf(page: Page): Promise<[token: string, percent: string][]> {
  const rows = await page.locator("#next tr").all();
  return await Promise.all(
    rows.map(async (row): Promise<[string, string]> => {
      return [await row.locator("th").innerText(), await row.locator("td").first().innerText()];
    }),
  );
}
