import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import {
  configDefaults,
  defineConfig,
  type TestProjectInlineConfiguration,
  type ViteUserConfigFnObject,
} from "vitest/config";
import { browserFiles, findChromium, missing, SWIFTSHADER_FLAGS, WIDGETS, widgetFiles } from "./test/setup/chromium.ts";
import type { Extent, Place } from "./test/setup/place.ts";
import { LeftOut, MODES, SLOW } from "./test/setup/slow.ts";
import type { Mode } from "./test/setup/slow.ts";

/** What a test can read in `import.meta.env`, in Node as in the browser. */
const env = (place: Place, extent: Extent): Record<string, string> => ({
  MICROGPT_PLACE: place,
  MICROGPT_EXTENT: extent,
});

/** Tests of programs that only `npm run test:clients` installs. */
const CLIENTS = "test/clients/*.test.ts";

/** Test files with a tag, for the mode that runs nothing else. */
function taggedFiles(): string[] {
  const folder = fileURLToPath(new URL("test", import.meta.url));
  const names = globSync("**/*.test.ts", { cwd: folder, exclude: ["clients"] });
  const tagged = names.filter((name) => /\btags: \[|\bTAGS\b/.test(readFileSync(join(folder, name), "utf8")));
  return tagged.map((name) => `test/${name.replaceAll("\\", "/")}`);
}

function filesOf({ extent, filter, script }: Mode): string[] {
  if (script === MODES.clients.script) return [CLIENTS];
  return extent === "full" && filter !== null ? taggedFiles() : ["test/**/*.test.ts"];
}

const node = (mode: Mode): TestProjectInlineConfiguration => {
  const { extent, filter, script } = mode;
  // A filter of its own: in a browser, every test counts. (vitest obeys it; its type of a project does not know it.)
  const own = filter === null ? {} : { tagsFilter: [filter] };
  return {
    extends: true,
    test: {
      ...own,
      name: "node",
      include: filesOf(mode),
      exclude: [...configDefaults.exclude, `${WIDGETS}/**`, ...(script === MODES.clients.script ? [] : [CLIENTS])],
      globalSetup: ["test/setup/build.ts"],
      // What is built is tested as Node imports it.
      server: { deps: { external: [/\/dist\//] } },
      env: env("node", extent),
    },
  };
};

/** What lets a page share memory with its workers: no other site's page or file may come into its process. */
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Chromium as a quiet guest: no sandbox of its own (containers have none to give), no calls home; WebGPU on SwiftShader. */
const FLAGS = [
  ..."--no-sandbox --disable-gpu-sandbox --disable-quic --no-first-run".split(" "),
  ..."--disable-background-networking --disable-component-update --disable-sync".split(" "),
  ...SWIFTSHADER_FLAGS,
];

/** What a page shows is waited for this long, far longer than it takes. */
const PATIENCE_MS = 20_000;

/** Test files in a browser, served by vite from source. */
interface BrowserProject {
  readonly name: string;
  readonly include: string;
  readonly env: Record<string, string>;
  /** Headers of every answer. */
  readonly headers?: Record<string, string>;
  /** Packages that the tests import, found before the first one: one found later would reload the page in the middle of it. */
  readonly packages: readonly string[];
}

const browser = (
  executablePath: string,
  { name, include, env: variables, headers = {}, packages }: BrowserProject,
): TestProjectInlineConfiguration => ({
  extends: true,
  server: { headers },
  optimizeDeps: { include: ["fast-check", ...packages] },
  test: {
    name,
    include: [include],
    env: variables,
    // After Node's: the reliability tests measure time.
    sequence: { groupOrder: 1 },
    browser: {
      enabled: true,
      provider: playwright({ actionTimeout: PATIENCE_MS, launchOptions: { executablePath, args: FLAGS } }),
      instances: [{ browser: "chromium", name }],
      headless: true,
      ui: false,
      screenshotFailures: false,
    },
  },
});

/** The same files of `test/portable/` as in Node. */
const portable = (place: Place, extent: Extent, headers: Record<string, string>): BrowserProject => ({
  name: place,
  include: "test/portable/**/*.test.ts",
  env: env(place, extent),
  headers,
  packages: [],
});

/** Each element of the playground alone, in a page of its own: they need a document, and Node has none. */
const widgets = (extent: Extent): BrowserProject => ({
  name: "widgets",
  include: `${WIDGETS}/*.test.ts`,
  env: env("browser-plain", extent),
  packages: ["lit", "uplot"],
});

const config: ViteUserConfigFnObject = defineConfig(({ mode: name }) => {
  const mode = process.env.MICROGPT_LONG === undefined ? (MODES[name] ?? MODES.test) : MODES.long;
  const { extent, script } = mode;
  const isForClients = script === MODES.clients.script;
  const chromium = extent === "quick" || isForClients ? null : findChromium();
  const browsers =
    chromium === null
      ? []
      : [portable("browser-isolated", extent, ISOLATION), portable("browser-plain", extent, {}), widgets(extent)].map(
          (project) => browser(chromium, project),
        );
  const files = `${browserFiles().length} files that run in a browser, too, and ${widgetFiles().length} of widgets`;
  const left = extent === "quick" ? [`${script} left the browsers to npm run test:all: ${files}`] : [];
  const unseen = extent !== "quick" && chromium === null && !isForClients ? [missing()] : left;
  return {
    test: {
      projects: [node(mode), ...browsers],
      setupFiles: ["test/setup/fast-check.ts"],
      expect: { poll: { timeout: PATIENCE_MS } },
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
