import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfigFnObject } from "vitest/config";
import { browserFiles, findChromium, missing } from "./test/setup/chromium.ts";
import type { Extent, Place } from "./test/setup/place.ts";
import { LeftOut, MODES, SLOW } from "./test/setup/slow.ts";
import type { Mode } from "./test/setup/slow.ts";

/** What a test can read in `import.meta.env`, in Node as in the browser. */
const env = (place: Place, extent: Extent): Record<string, string> => ({
  MICROGPT_PLACE: place,
  MICROGPT_EXTENT: extent,
});

/** Test files with a tag, for the mode that runs nothing else. */
function taggedFiles(): string[] {
  const folder = fileURLToPath(new URL("test", import.meta.url));
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts"));
  const tagged = names.filter((name) => /\btags: \[|\bTAGS\b/.test(readFileSync(join(folder, name), "utf8")));
  return tagged.map((name) => `test/${name.replaceAll("\\", "/")}`);
}

const node = ({ extent, filter }: Mode): TestProjectInlineConfiguration => {
  // A filter of its own: in a browser, every test counts. (vitest obeys it; its type of a project does not know it.)
  const own = filter === null ? {} : { tagsFilter: [filter] };
  return {
    extends: true,
    test: {
      ...own,
      name: "node",
      include: extent === "full" && filter !== null ? taggedFiles() : ["test/**/*.test.ts"],
      globalSetup: ["test/setup/build.ts"],
      // What is built is tested as Node imports it.
      server: { deps: { external: [/\/dist\//] } },
      env: env("node", extent),
    },
  };
};

/** What lets a page share memory with its workers: no other site's page or file may come into its process. */
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/**
 * Chromium as a quiet guest: no sandbox of its own (containers have none to give), no calls home; WebGPU on SwiftShader. It
 * would end a GPU process that does not answer for some seconds, which on a busy machine is one that compiles.
 */
const FLAGS =
  "--no-sandbox --disable-gpu-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader --disable-gpu-watchdog --disable-gpu-process-crash-limit";

/** The same files of `test/portable/` as in Node, served by vite from source. */
const browser = (
  place: Place,
  extent: Extent,
  executablePath: string,
  headers: Record<string, string>,
): TestProjectInlineConfiguration => ({
  extends: true,
  server: { headers },
  // Found before the first test: a dependency found later would reload the page in the middle of one.
  optimizeDeps: { include: ["fast-check"] },
  test: {
    name: place,
    include: ["test/portable/**/*.test.ts"],
    env: env(place, extent),
    // After Node's: the reliability tests measure time.
    sequence: { groupOrder: 1 },
    browser: {
      enabled: true,
      provider: playwright({ launchOptions: { executablePath, args: FLAGS.split(" ") } }),
      instances: [{ browser: "chromium", name: place }],
      headless: true,
      ui: false,
      screenshotFailures: false,
    },
  },
});

const config: ViteUserConfigFnObject = defineConfig(({ mode: name }) => {
  const mode = process.env.MICROGPT_LONG === undefined ? (MODES[name] ?? MODES.test) : MODES.long;
  const { extent, script } = mode;
  const chromium = extent === "quick" ? null : findChromium();
  const browsers =
    chromium === null
      ? []
      : [browser("browser-isolated", extent, chromium, ISOLATION), browser("browser-plain", extent, chromium, {})];
  const files = `${browserFiles().length} files that run in a browser, too`;
  const left = extent === "quick" ? [`${script} left the browsers to npm run test:all: ${files}`] : [];
  const unseen = extent !== "quick" && chromium === null ? [missing()] : left;
  return {
    test: {
      projects: [node(mode), ...browsers],
      setupFiles: ["test/setup/fast-check.ts"],
      // No good test comes near them, even on a busy machine.
      testTimeout: 300_000,
      hookTimeout: 120_000,
      tags: Object.entries(SLOW).map(([tag, { why }]) => ({ name: tag, description: why })),
      reporters: ["default", new LeftOut(mode, unseen)],
      // Two workers: the tests spawn trainings of their own, and CI has two cores.
      maxWorkers: 2,
    },
  };
});

export default config;
