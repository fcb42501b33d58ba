import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { browserFiles, findChromium, missing, WIDGETS, widgetFiles } from "./setup/chromium.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const chromium = findChromium();

/** Which files of `test/portable/` and of the widgets vitest runs in each project. */
function plan(program: string): Record<string, string[]> {
  const args = [vitest, "list", "test/portable", WIDGETS, "--mode", "full", "--filesOnly", "--json"];
  const { stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, MICROGPT_CHROMIUM: program },
  });
  const listed = JSON.parse(stdout) as readonly { readonly file: string; readonly projectName: string }[];
  const files: Record<string, string[]> = {};
  for (const { file, projectName } of listed) {
    (files[projectName] ??= []).push(
      file.replaceAll("\\", "/").replace(/^.*\/test\/(?:portable|playground\/widgets)\//, ""),
    );
  }
  return files;
}

const all = browserFiles().toSorted();
const widgets = widgetFiles().toSorted();

test("a machine without Chromium runs the files of test/portable/ in Node alone, and says what it left out", () => {
  expect(all.length).toBeGreaterThan(5);
  expect(plan("/nonexistent")).toEqual({ node: all });
  expect(missing()).toContain(`Chromium is missing: ${all.length} browser files not run`);
  expect(missing()).toContain(`and ${widgets.length} of widgets`);
});

// Skipped, this test stands for all that could not run: the summary counts it, its name says why.
test.skipIf(chromium === null)(
  `each of the two browser projects runs every one of them, and a third those of the widgets: ${chromium ?? missing()}`,
  () => {
    expect(plan(chromium!)).toEqual({ node: all, "browser-isolated": all, "browser-plain": all, widgets });
  },
);
