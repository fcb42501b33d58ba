import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from "vitest/config";
import { findChromium, missing } from "./test/setup/chromium.ts";
import type { Place } from "./test/setup/place.ts";

const { MICROGPT_LONG } = process.env;

/** What a test can read in `import.meta.env`, in Node as in the browser. */
const env = (place: Place): Record<string, string> => ({
  MICROGPT_PLACE: place,
  ...(MICROGPT_LONG === undefined ? {} : { MICROGPT_LONG }),
});

const node: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: "node",
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/setup/build.ts"],
    env: env("node"),
  },
};

/** What lets a page share memory with its workers: no other site's page or file may come into its process. */
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Chromium as a quiet guest: no sandbox of its own (containers have none to give), no calls home; WebGPU on SwiftShader. */
const FLAGS =
  "--no-sandbox --disable-gpu-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader";

/** The same files of `test/portable/` as in Node, served by vite from source. */
const browser = (
  place: Place,
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
    env: env(place),
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

const chromium = findChromium();
// test/browser-machine.test.ts counts it, too.
if (chromium === null) console.warn(missing());
const browsers =
  chromium === null ? [] : [browser("browser-isolated", chromium, ISOLATION), browser("browser-plain", chromium, {})];

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [node, ...browsers],
    setupFiles: ["test/setup/fast-check.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Two workers: the tests spawn trainings of their own, and CI has two cores.
    maxWorkers: 2,
  },
});

export default config;
