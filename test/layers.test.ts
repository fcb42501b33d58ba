import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/**
 * The layers of `src/`, lowest first: a file imports only from lines above its own. ARCHITECTURE.md explains them.
 */
const LAYERS = [
  ["random.ts", "errors.ts", "schedule.ts"],
  ["microgpt.ts"],
  ["tokenizer.ts", "dataset.ts", "baselines.ts", "safetensors.ts", "engine.ts", "kernels.ts", "text-set.ts"],
  ["corpus.ts", "token-sequences.ts", "adam.ts", "layout.ts"],
  ["tokenizers/characters.ts", "tokenizers/pair-table.ts"],
  ["tokenizers/learn-merges.ts", "tokenizers/whole.ts"],
  ["tokenizers/apply-merges.ts", "tokenizers/char.ts", "tokenizers/word.ts"],
  ["tokenizers/merged.ts"],
  ["tokenizers/bpe.ts"],
  ["tokenizers/byte-bpe.ts"],
  ["tokenizers/train.ts", "tokenizers/json.ts", "tokenizers/hugging-face.ts"],
  ["config.ts"],
  ["option-rules.ts"],
  ["atomic.ts", "sample.ts", "train.ts", "ops.ts", "fusion.ts"],
  ["model.ts"],
  ["program.ts"],
  ["backend.ts"],
  ["backend/reference-kernels.ts", "backend/wasm-assembler.ts"],
  ["backend/reference.ts", "backend/wasm-vector.ts"],
  ["backend/wasm-matmul.ts", "backend/wasm-rows.ts"],
  ["backend/wasm-attention.ts"],
  ["backend/wasm-attention-grad.ts", "backend/wasm-memory.ts", "backend/wasm-weights.ts"],
  ["backend/wasm-compiler.ts"],
  ["backend/wasm-multiply.ts"],
  ["backend/wasm-steps.ts"],
  ["backend/wasm-worker.ts"],
  ["backend/wasm-threads.ts"],
  ["backend/web-threads.ts", "backend/web-worker.ts"],
  ["backend/wasm.ts"],
  ["backend/webgpu-shader.ts", "backend/half.ts"],
  ["backend/webgpu-rows.ts", "backend/webgpu-attention.ts", "backend/webgpu-matrices.ts"],
  ["backend/webgpu-device.ts"],
  ["backend/webgpu-matmul.ts"],
  ["backend/webgpu-weights.ts"],
  ["backend/webgpu-batch.ts", "backend/webgpu-memory.ts"],
  ["backend/webgpu-compiler.ts"],
  ["backend/webgpu-tune.ts"],
  ["backend/webgpu.ts"],
  ["tensor-engine.ts"],
  ["gpu-check.ts"],
  ["experiments/report-data.ts", "experiments/halving.ts", "experiments/slurm-script.ts"],
  ["experiments/sweep-spec.ts"],
  ["experiments/sweep-plan.ts", "experiments/analysis.ts"],
  ["experiments/summary.ts", "report/client.ts", "report/style.ts"],
  ["report/charts.ts"],
  ["report/start.ts"],
  ["report/page.ts"],
  ["checkpoint.ts"],
  ["index.ts"],
  ["node/files.ts", "node/charset.ts"],
  ["node/growing-file.ts"],
  [
    "node/lock.ts",
    "node/text.ts",
    "node/metrics.ts",
    "node/blas.ts",
    "node/fetched.ts",
    "node/webgpu.ts",
    "node/result.ts",
    "node/make-whole.ts",
  ],
  ["node/wasm-thread.ts"],
  ["node/run.ts", "node/index.ts", "node/sweep-directory.ts"],
  ["node/event-log.ts"],
  ["node/logs.ts"],
  ["node/read-run.ts"],
  ["node/comparison.ts", "node/chart-library.ts"],
  ["pages/page-error.ts"],
  ["pages/address.ts", "pages/cache.ts", "pages/extract.ts"],
  ["pages/download.ts"],
  ["pages/robots.ts", "pages/polite.ts"],
  ["pages/pages.ts"],
  ["cli/gpu.ts", "cli/tuning.ts"],
  [
    "cli/version.ts",
    "cli/signals.ts",
    "cli/terminal.ts",
    "cli/interactive.ts",
    "cli/engines.ts",
    "cli/speedometer.ts",
    "cli/flags.ts",
    "cli/hook.ts",
  ],
  ["cli/table.ts"],
  ["cli/cleaning.ts", "cli/downloads.ts", "cli/reading.ts", "cli/sources.ts"],
  ["cli/encoded.ts", "cli/fetch.ts", "cli/tokenize.ts"],
  ["cli/material.ts"],
  ["cli/budget.ts", "cli/memory.ts"],
  ["cli/reporter.ts"],
  ["cli/plain-reporter.ts", "cli/json-reporter.ts"],
  ["cli/reporters.ts"],
  ["cli/sample.ts"],
  ["cli/prompts.ts", "cli/training.ts", "cli/dry-run.ts"],
  ["cli/train.ts", "cli/compare.ts", "cli/report.ts"],
  ["sweep/pool.ts", "sweep/source.ts", "sweep/slurm.ts", "sweep/prepared.ts"],
  ["sweep/texts.ts", "sweep/view.ts", "sweep/slurm-jobs.ts"],
  ["sweep/room.ts", "sweep/slurm-pool.ts"],
  ["sweep/rungs.ts", "sweep/task.ts"],
  ["sweep/sweep.ts"],
  ["sweep/commands.ts"],
  ["cli.ts"],
];

const source = fileURLToPath(new URL("../src", import.meta.url));

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => path.replaceAll("\\", "/"));

const layerOf = (file: string): number => LAYERS.findIndex((layer) => layer.includes(file));

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  const statements = /^(?:import|export|\}) ?[^"=;]*?from "([^"]+)";|^import "([^"]+)";|\bimport\("([^"]+)"\)/gm;
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3]);
}

test("every file of src/ has its layer, and every layer its files", () => {
  expect(files.toSorted()).toEqual(LAYERS.flat().toSorted());
});

test.each(files)("%s imports from lower layers only", (file) => {
  const local = importsOf(file).filter((name) => name.startsWith("."));
  const imported = local.map((name) => relative(source, join(source, dirname(file), name)).replaceAll("\\", "/"));
  expect(imported.filter((name) => layerOf(name) >= layerOf(file))).toEqual([]);
});

test("the layers test sees imports: the command line's own are all found", () => {
  expect(importsOf("cli.ts")).toEqual(expect.arrayContaining(["commander", "./cli/train.ts"]));
  expect(importsOf("index.ts")).toContain("./atomic.ts");
});

test("the library core imports nothing from Node and no package", () => {
  const core = files.filter((file) => !/^(?:node|pages|cli|sweep|report)\//.test(file) && file !== "cli.ts");
  const outside = core.flatMap((file) => importsOf(file).filter((name) => !name.startsWith(".")));
  expect(core.length).toBeGreaterThan(10);
  expect(outside).toEqual([]);
});

test("what runs in a browser, too, imports the core, its fixtures and its neighbours alone", () => {
  const tests = readdirSync(join(source, "../test/engine")).map((name) => `../test/engine/${name}`);
  const setups = ["agreement", "fast-check", "place", "scenes", "tensor-models", "webgpu"];
  const imported = [...tests, ...setups.map((name) => `../test/setup/${name}.ts`)].flatMap(importsOf);
  const allowed = new RegExp(
    `^(?:vitest|fast-check|\\./[\\w-]+\\.ts|\\.\\./setup/(?:${setups.join("|")})\\.ts|\\.\\./fixtures/.+|` +
      "\\.\\./\\.\\./src/(?:backend/|tokenizers/)?[\\w-]+\\.ts)$",
  );
  expect(imported).toContain("../../src/atomic.ts");
  expect(imported.filter((name) => !allowed.test(name) || name.endsWith("/src/cli.ts"))).toEqual([]);
});

/** Rooms that use packages, and which. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "node/charset.ts": ["chardet"],
  "pages/address.ts": ["ipaddr.js"],
  "pages/download.ts": ["undici"],
  "pages/extract.ts": ["@mozilla/readability", "html-to-text", "linkedom"],
  "pages/pages.ts": ["p-queue"],
  "pages/polite.ts": ["p-queue", "p-retry"],
  "pages/robots.ts": ["robots-parser"],
  "report/charts.ts": ["uplot"],
  "cli/interactive.ts": ["@clack/prompts"],
  "cli/sources.ts": ["env-paths", "tinyglobby"],
  "cli/tuning.ts": ["env-paths"],
  "cli/table.ts": ["string-width"],
  "cli/flags.ts": ["commander"],
  "sweep/commands.ts": ["commander"],
  "sweep/source.ts": ["yaml"],
  "sweep/view.ts": ["log-update"],
  "node/event-log.ts": ["pbf"],
  "cli.ts": ["commander"],
};

test("a package is known in one room only, and only beyond the core", () => {
  const isPackage = (name: string): boolean => !name.startsWith(".") && !name.startsWith("node:");
  const found = files.map((file) => [file, [...new Set(importsOf(file).filter(isPackage))].toSorted()] as const);
  expect(Object.fromEntries(found.filter(([, packages]) => packages.length > 0))).toEqual(PACKAGES);
});
