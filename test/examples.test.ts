import { createServer } from "node:http";
import { readdirSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import type { Page } from "playwright";
import { describe, expect, onTestFinished, test } from "vitest";
import { findChromium } from "./setup/chromium.ts";
import { finished, trained, workspace } from "./setup/microgpt.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs an example as a user does, and gives what it prints. */
async function run(name: string, ...args: string[]): Promise<string> {
  const temporary = workspace();
  const { exitCode, stdout, stderr } = await finished(process.execPath, [join(root, "examples", name), ...args], {
    env: { ...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary },
  });
  expect({ exitCode, stderr, left: readdirSync(temporary) }).toEqual({ exitCode: 0, stderr: "", left: [] });
  return stdout;
}

describe("the examples run, and print what they say", () => {
  test("node.mjs: a model is trained, writes, is measured, and writes the same after it was saved", async () => {
    const lines = (await run("node.mjs")).split("\n");
    expect(lines.slice(0, 3)).toEqual([100, 200, 300].map((step) => expect.stringMatching(`^step ${step}  loss \\d`)));
    const samples = lines.filter((line) => /^a[a-z]*$/.test(line));
    expect(samples).toHaveLength(3);
    expect(lines.some((line) => line.startsWith("loaded again: a"))).toBe(true);
    expect(lines.join(" ")).toMatch(/bitsPerByte: \d/);
  });

  test("tokenizer.mjs: a tokenizer of one's own learns and writes syllables", async () => {
    const output = await run("tokenizer.mjs");
    expect(output).toContain("banana → ba·na·na");
    expect(output).toMatch(/step 200 {2}loss \d\.\d+\n(?:[a-z]*\n){3}$/);
  });

  test("training-loop.mjs: the loss falls, and attention's shares sum to 1", async () => {
    const output = await run("training-loop.mjs");
    const losses = [...output.matchAll(/loss (\d\.\d+) {2}gradient norm (\d+\.\d+)/g)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(4);
    expect(losses[3]).toBeLessThan(losses[0]);
    const shares = /BOS g r a c e: (.*)$/m.exec(output)?.[1].split(" ").map(Number) ?? [];
    expect(shares).toHaveLength(6);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 1);
  });

  test("read-run.mjs: a run of the command", async () => {
    const { run: path } = trained();
    const output = await run("read-run.mjs", path);
    expect(output).toContain("newest checkpoint: step 30 of 30");
    expect(output).toMatch(/best weights: step \d+, held-out loss \d\.\d{4}\n[a-z]*\n$/);
  });
});

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

/** Opens an example in Chromium, from a server that sends the project's files. */
async function open(path: string): Promise<{ page: Page; errors: string[] }> {
  const server = createServer(({ url = "" }, response) => {
    const name = normalize(new URL(url, "http://localhost").pathname);
    try {
      const body = readFileSync(join(root, name));
      response.setHeader("Content-Type", TYPES[extname(name)] ?? "text/plain").end(body);
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0);
  const browser = await chromium.launch({ executablePath: findChromium()!, args: ["--no-sandbox"] });
  onTestFinished(async () => {
    await browser.close();
    server.close();
  });
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/examples/${path}`);
  return { page, errors };
}

describe.skipIf(findChromium() === null)("the pages (skipped without Chromium)", { tags: ["browser"] }, () => {
  test("page.html trains in the page and lists what it wrote", async () => {
    const { page, errors } = await open("page.html");
    await page.getByText("done after").waitFor();
    expect(await page.locator("#names li").count()).toBe(5);
    expect(errors).toEqual([]);
  });

  test("worker.html tells its progress, stops when asked, and shows the samples when done", async () => {
    const { page, errors } = await open("worker.html?steps=1000000000");
    await page.getByText(/^step \d+, loss/).waitFor();
    await page.getByRole("button").click();
    await page.getByText("stopped").waitFor();
    await page.goto(page.url().replace(/\?.*/, ""));
    await page.getByText(/^done; the model has \d+ bytes$/).waitFor();
    expect((await page.locator("#samples").textContent())?.split("\n")).toHaveLength(5);
    expect(errors).toEqual([]);
  });
});
