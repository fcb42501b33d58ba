/** What a visitor takes from the Play page and brings back: a .zip, a link, a reload. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unzipRun } from "../../playground/storage/run-zip.ts";
import { CLI, workspace } from "../setup/microgpt.ts";
import { hasChromium, servePlayground, watchedPage } from "./site.ts";
import type { Playground } from "./site.ts";

/** In the page: whether the training is in this state. */
const isIn = (state: string): boolean => document.querySelector("mg-shell")?.run.state === state;

const until = (page: Page, state: string): Promise<unknown> => page.waitForFunction(isIn, state, { timeout: 60_000 });

/** The losses that the page has, by step. */
const lossesOn = (page: Page): Promise<number[]> =>
  page.evaluate(() => Array.from(document.querySelector("mg-shell")!.run.curve.losses));

/** Waits until the time line shows what the model writes at a step. */
async function writesAtStep(page: Page, step: number): Promise<void> {
  const timeLine = page.locator("mg-time-line");
  await timeLine.scrollIntoViewIfNeeded();
  await timeLine.getByText(`the model at step ${step}`).waitFor();
  await timeLine.locator("mg-sample-list li").first().waitFor();
}

const LINK = "#/play?preset=names&numSteps=120&nEmbd=8&seed=7";

describe.skipIf(!hasChromium)("what is taken from the Play page", { tags: ["browser"], timeout: 120_000 }, () => {
  let site: Playground;
  beforeAll(async () => {
    site = await servePlayground();
  });
  afterAll(() => site.close());

  test("the same link trains the same model, to the same digits", async () => {
    const all: number[][] = [];
    for (let visit = 0; visit < 2; visit++) {
      const { page, faults } = await watchedPage(site);
      await page.goto(site.url + LINK);
      await until(page, "done");
      all.push(await lossesOn(page));
      expect(faults).toEqual([]);
      await page.context().close();
    }
    expect(all[0]).toHaveLength(120);
    expect(all[1]).toEqual(all[0]);
  });

  test("a wrong link never breaks the page: what was ignored is said", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(`${site.url}#/play?preset=names&numSteps=20&nEmbd=-3&colour=red`);
    await until(page, "done");
    await expect.poll(() => page.getByText(/^The link: /).count()).toBe(2);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("a run that stopped in the page is resumed by the command, to the losses of the page", async () => {
    const { page } = await watchedPage(site, { acceptDownloads: true });
    await page.goto(site.url + LINK);
    await until(page, "done");
    const expected = await lossesOn(page);
    const evaluated = await page.evaluate(() =>
      document.querySelector("mg-shell")!.run.evaluations.map(({ step }) => step),
    );
    expect(evaluated.slice(-2)).toEqual([100, 120]);
    for (let i = 0; i < 3; i++) {
      await page.getByRole("button", { name: "Step back" }).click();
      await page.waitForFunction((step) => document.querySelector("mg-shell")?.run.step === step, 119 - i);
    }
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download the run" }).click();
    const { files, name } = unzipRun(readFileSync(await (await waiting).path()));
    expect(name).toBe("run-117");
    const folder = join(workspace(), "run");
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
    execFileSync(process.execPath, [CLI, "resume", folder], { stdio: "ignore" });
    const metrics = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n");
    const rows = metrics.map((line): { step: number; loss?: number; heldOutLoss?: number } => JSON.parse(line));
    const losses = rows.filter(({ loss }) => loss !== undefined);
    // Those of the page came along.
    expect(losses.map(({ step }) => step)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
    expect(rows.filter(({ heldOutLoss }) => heldOutLoss !== undefined).map(({ step }) => step)).toEqual(evaluated);
    for (const { step, loss } of losses) expect(loss).toBeCloseTo(expected[step - 1], 12);
    await page.context().close();
  });

  test("after a reload the training continues where it was", async () => {
    const { page, faults } = await watchedPage(site);
    await page.goto(site.url + LINK);
    await until(page, "done");
    await page.getByText("Kept in this browser at step 120.").waitFor();
    const before = await lossesOn(page);
    await page.goto(`${site.url}#/play`);
    await page.reload();
    await page.getByText("Your last training here is at step 120 of 120.").waitFor();
    await page.getByRole("button", { name: "Open it" }).click();
    await until(page, "done");
    // So does its curve.
    expect(await lossesOn(page)).toEqual(before);
    await page.getByRole("img", { name: /^Loss\. training: first \S+ at step 1, last \S+ at step 120,/ }).waitFor();
    await writesAtStep(page, 120);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("a finished run and one that stopped on the way, opened from a .zip, write at once", async () => {
    const { page, faults } = await watchedPage(site, { acceptDownloads: true });
    await page.goto(site.url + LINK);
    await until(page, "done");
    const zips: string[] = [];
    for (const step of [120, 119]) {
      const waiting = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download the run" }).click();
      zips.push(await (await waiting).path());
      if (step === 120) await page.getByRole("button", { name: "Step back" }).click();
      await page.waitForFunction(() => document.querySelector("mg-shell")?.run.step === 119);
    }
    for (const [zip, state, says] of [
      [zips[0], "done", "is open and finished, at step 120 of 120"],
      [zips[1], "ready", "is open, at step 119 of 120"],
    ]) {
      await page.goto(`${site.url}#/play`);
      await page.reload();
      await page.getByLabel("Open a run (.zip)").setInputFiles(zip);
      await page.getByText(says).waitFor();
      expect(await page.evaluate(isIn, state)).toBe(true);
      await writesAtStep(page, state === "done" ? 120 : 119);
      expect(await page.getByRole("button", { name: "Play", exact: true }).isEnabled()).toBe(state === "ready");
    }
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
