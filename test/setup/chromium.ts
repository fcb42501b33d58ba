/** The machine's own Chromium, which the browser half of the tests runs in. No browser is ever downloaded. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/**
 * Chromium's WebGPU on SwiftShader, a GPU in software. It would end a GPU process that does not answer for some seconds, which
 * on a busy machine is one that compiles.
 */
export const SWIFTSHADER_FLAGS: readonly string[] =
  "--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader --disable-gpu-watchdog --disable-gpu-process-crash-limit".split(
    " ",
  );

/** It says its version: Ubuntu's /usr/bin/chromium-browser may be a note on how to install one. */
function answers(path: string): boolean {
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  return status === 0 && /Chrom(?:e|ium) \d+\./.test(stdout);
}

/** The program that MICROGPT_CHROMIUM names, and no other then; else the first that answers; null for none. */
export function findChromium(): string | null {
  const named = process.env.MICROGPT_CHROMIUM;
  const candidates = named === undefined ? PLACES : [named];
  return candidates.find((path) => answers(path)) ?? null;
}

/** Where the tests of single widgets are, which run in a browser only. */
export const WIDGETS = "test/playground/widgets";

/** Test files that run in Node and in each of the browser projects, relative to `test/portable/`. */
export const browserFiles = (): string[] => testFiles("test/portable");

/** Test files of widgets, relative to their folder. */
export const widgetFiles = (): string[] => testFiles(WIDGETS);

function testFiles(folder: string): string[] {
  const names = readdirSync(fileURLToPath(new URL(`../../${folder}`, import.meta.url)), {
    recursive: true,
    encoding: "utf8",
  });
  return names.map((name) => name.replaceAll("\\", "/")).filter((name) => name.endsWith(".test.ts"));
}

/** Why the browser projects are left out. */
export function missing(): string {
  const place = process.env.MICROGPT_CHROMIUM ?? "any of the usual places; set MICROGPT_CHROMIUM=/path/to/chromium";
  const files = `${browserFiles().length} browser files not run, each in two projects, and ${widgetFiles().length} of widgets`;
  return `Chromium is missing: ${files} (not found at ${place})`;
}
