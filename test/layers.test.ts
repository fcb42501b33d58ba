import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** The rooms of `src/`, lowest first: a file imports from its own room and from those before it. See ARCHITECTURE.md. */
const ROOMS = [
  "text",
  "training",
  "tensor",
  "backend",
  "options",
  "library",
  "export",
  "trace",
  "node",
  "pages",
  "run",
  "experiments",
  "report",
  "serve",
  "sweep",
  "cli",
];
/** The rooms that run in a browser: no import from Node, and no package. */
const CORE = ["text", "training", "tensor", "backend", "options", "library", "export", "trace"];
/** Files that belong to no room: what every room may import, and the doors, which import any. */
const GROUND = ["microgpt.ts", "random.ts", "errors.ts"];
const DOORS = ["index.ts", "index-node.ts", "cli.ts"];

const source = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => path.replaceAll("\\", "/"));

const roomOf = (file: string): string => (file.includes("/") ? file.split("/")[0] : file);

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  const statements = /^(?:import|export|\}) ?[^"=;]*?from "([^"]+)";|^import "([^"]+)";|\bimport\("([^"]+)"\)/gm;
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3]);
}

const localImportsOf = (file: string): string[] =>
  importsOf(file)
    .filter((name) => name.startsWith("."))
    .map((name) => relative(source, join(source, dirname(file), name)).replaceAll("\\", "/"));

test("the rooms are the folders of src/", () => {
  const entries = readdirSync(source, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(folders.toSorted()).toEqual(ROOMS.toSorted());
  const alone = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  expect(alone.toSorted()).toEqual([...GROUND, ...DOORS].toSorted());
});

test.each(files.filter((file) => !DOORS.includes(file)))("%s imports from its room and lower ones only", (file) => {
  const level = ROOMS.indexOf(roomOf(file)); // -1: the ground
  const isLower = (imported: string): boolean =>
    GROUND.includes(imported) || (imported.includes("/") && ROOMS.indexOf(roomOf(imported)) <= level);
  expect(localImportsOf(file).filter((imported) => !isLower(imported))).toEqual([]);
});

test("the layers test sees imports: the command line's own are all found", () => {
  expect(importsOf("cli.ts")).toEqual(expect.arrayContaining(["commander", "./cli/train.ts"]));
  expect(importsOf("index.ts")).toContain("./training/atomic.ts");
});

test("the library core imports nothing from Node and no package", () => {
  const core = files.filter((file) => CORE.includes(roomOf(file)) || GROUND.includes(file) || file === "index.ts");
  const outside = core.flatMap((file) => importsOf(file).filter((name) => !name.startsWith(".")));
  expect(core.length).toBeGreaterThan(70);
  expect(outside).toEqual([]);
  const rooms = new Set(core.flatMap(localImportsOf).map(roomOf));
  expect([...rooms].filter((room) => !CORE.includes(room) && !GROUND.includes(room))).toEqual([]);
});

test("what runs in a browser, too, imports the core, its fixtures and its neighbours alone", () => {
  const tests = readdirSync(join(source, "../test/portable")).map((name) => `../test/portable/${name}`);
  const setups = ["agreement", "fast-check", "native-backend", "place", "scenes", "tensor-models", "webgpu"];
  const imported = [...tests, ...setups.map((name) => `../test/setup/${name}.ts`)].flatMap(importsOf);
  const allowed = new RegExp(
    `^(?:vitest|fast-check|\\./[\\w-]+\\.ts|\\.\\./setup/(?:${setups.join("|")})\\.ts|\\.\\./fixtures/.+|` +
      `\\.\\./\\.\\./src/(?:(?:${CORE.join("|")})/(?:\\w+/)?)?[\\w-]+\\.ts)$`,
  );
  expect(imported).toContain("../../src/training/atomic.ts");
  expect(imported.filter((name) => !allowed.test(name) || name.endsWith("/src/cli.ts"))).toEqual([]);
});

/** Files that import packages, and which. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "node/encodings.ts": ["iconv-lite"],
  "node/event-log.ts": ["pbf"],
  "node/gzip.ts": ["minizlib"],
  "node/near-names.ts": ["fastest-levenshtein"],
  "node/run-zip.ts": ["fflate"],
  "node/tables.ts": ["papaparse"],
  "node/user-cache.ts": ["env-paths"],
  "node/guess.ts": ["jschardet"],
  "pages/address.ts": ["ipaddr.js"],
  "pages/article.ts": ["@mozilla/readability", "linkedom"],
  "pages/download.ts": ["undici"],
  "pages/extractor.ts": ["p-queue"],
  "pages/pages.ts": ["p-queue"],
  "pages/plain-text.ts": ["html-to-text"],
  "pages/polite.ts": ["p-queue", "p-retry"],
  "report/charts.ts": ["uplot"],
  "run/folders.ts": ["tinyglobby"],
  "serve/admission.ts": ["p-queue"],
  "serve/completion-request.ts": ["zod"],
  "serve/completions.ts": ["hono", "hono/streaming"],
  "serve/listen.ts": ["@hono/node-server"],
  "serve/serve-app.ts": ["hono", "hono/body-limit", "hono/cors"],
  "sweep/slurm-pool.ts": ["p-retry"],
  "sweep/source.ts": ["yaml"],
  "cli/cluster-flags.ts": ["commander"],
  "cli/experiments.ts": ["commander"],
  "cli/flags.ts": ["commander"],
  "cli/interactive.ts": ["@clack/prompts"],
  "cli/planning.ts": ["commander"],
  "cli/serving.ts": ["commander"],
  "cli/train-job.ts": ["commander"],
  "cli/runs.ts": ["@clack/prompts"],
  "cli/site-app.ts": ["@hono/node-server/serve-static", "hono"],
  "cli/sweep-view.ts": ["log-update"],
  "cli/table.ts": ["string-width"],
  "cli/typed-words.ts": ["commander"],
  "cli.ts": ["commander"],
};

test("every package is imported where this list says, and never by the core", () => {
  const isPackage = (name: string): boolean => !name.startsWith(".") && !name.startsWith("node:");
  const found = files.map((file) => [file, [...new Set(importsOf(file).filter(isPackage))].toSorted()] as const);
  expect(Object.fromEntries(found.filter(([, packages]) => packages.length > 0))).toEqual(PACKAGES);
});
