import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { loadCost } from "../../src/node/result.ts";
import { loadedBy } from "../setup/loaded.ts";
import { microgpt, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";
import { place, REAL, SKIPPED } from "../setup/native.ts";
import { hookOf, savedSteps, start } from "../setup/trainer.ts";

afterEach(() => {
  vi.unstubAllEnvs(); // of `place`
});

const NATIVE = ["--engine", "native"];
const INSTEAD = "; using WebAssembly instead, which is slower and differs in the last digits";
const NOWHERE = { MICROGPT_CC: "/nonexistent" };
const NO_COMPILER = `microgpt: warning: no native code: MICROGPT_CC: there is no program /nonexistent${INSTEAD}\n`;

/** Trains on the words, in a directory of its own unless one is given. */
function train(
  more: readonly string[],
  env: NodeJS.ProcessEnv = {},
  directory = workspace(),
): Finished & { run: string } {
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TINY, ...more]; // the last --name counts
  return { ...microgpt(args, { env }), run: join(directory, "run") };
}

const configOf = (run: string): Record<string, unknown> =>
  (JSON.parse(fs.readFileSync(join(run, "config.json"), "utf8")) as { options: Record<string, unknown> }).options;

const lossesOf = (run: string): number[] =>
  fs
    .readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .flatMap((line) => (JSON.parse(line) as { loss?: number }).loss ?? []);

/** The newest checkpoint of a run, and its content. */
function newest(run: string): { path: string; bytes: Buffer } {
  const directory = join(run, "checkpoints");
  const path = join(directory, fs.readdirSync(directory).toSorted().at(-1)!);
  return { path, bytes: fs.readFileSync(path) };
}

describe.skipIf(REAL === null)(`--engine native (${SKIPPED})`, () => {
  test("the header and the run's cost name compiler, vectors and threads; ten losses are WebAssembly's, within 1e-4", () => {
    const directory = workspace();
    const native = train([...NATIVE, "--threads", "2"], {}, directory);
    expect(native).toMatchObject({ exitCode: 0, stderr: "" });
    expect(native.stdout).toMatch(
      /^microgpt \S+ {2}native engine, (?:gcc|clang) [\d.]+, (?:128|256|512) bits, 2 threads\n/,
    );
    expect(loadCost(native.run)?.engine).toMatch(/^native, (?:gcc|clang) [\d.]+, \d+ bits, 2 threads$/);
    expect(configOf(native.run)).toMatchObject({ engine: "native" });
    const wasm = { run: join(directory, "wasm") };
    train(["--engine", "wasm", "--name", "wasm"], {}, directory);
    const [actual, expected] = [lossesOf(native.run).slice(0, 10), lossesOf(wasm.run).slice(0, 10)];
    expect(actual).toHaveLength(10);
    for (const [i, loss] of actual.entries()) expect(Math.abs(loss - expected[i])).toBeLessThan(1e-4);
    const { stdout } = microgpt(["compare", native.run, wasm.run]);
    expect(stdout).toMatch(/^run +engine /m);
    expect(stdout).toMatch(/^run +native /m);
    expect(stdout).toMatch(/^wasm +wasm /m);
  });

  test("one thread and two lose the same bits, and a run that has lost its last steps ends, resumed, with the same bytes", () => {
    const [one, two] = [1, 2].map((threads) =>
      train([...NATIVE, "--save-interval", "10", "--dropout", "0.1", "--threads", String(threads)]),
    );
    expect(lossesOf(two.run)).toEqual(lossesOf(one.run));
    const { path, bytes } = newest(two.run);
    fs.rmSync(path);
    expect(microgpt(["resume", two.run])).toMatchObject({ exitCode: 0, stderr: "" });
    expect(newest(two.run).bytes.equals(bytes)).toBe(true);
  });

  test("Ctrl-C during native steps saves at that step; the resumed run has the bytes of one that nobody stopped", async () => {
    const directory = workspace();
    const data = writeWords(directory);
    const args = ["train", "--data", data, "--runs-dir", directory, ...TINY, ...NATIVE, "--threads", "2"];
    const steps = [...args, "--num-steps", "400", "--save-interval", "50"];
    expect(microgpt([...steps, "--name", "whole"])).toMatchObject({ exitCode: 0, stderr: "" });
    const interrupt = hookOf(
      directory,
      'if (event.event === "step" && event.step === 137) process.kill(process.pid, "SIGINT");',
    );
    const stopped = await start([...steps, "--name", "run", "--hook", interrupt]).ended;
    expect(stopped).toMatchObject({ exitCode: 130, stderr: "" });
    const run = join(directory, "run");
    expect(savedSteps(run).at(-1)).toBeGreaterThanOrEqual(137);
    expect(savedSteps(run).at(-1)).toBeLessThan(400);
    expect(microgpt(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
    expect(newest(run).bytes.equals(newest(join(directory, "whole")).bytes)).toBe(true);
  });

  test("compiles once: training, resuming and a sweep's runs share the code, and sampling needs none", () => {
    const { env, calls, compiles, directory: cache } = place();
    const own = { ...env, XDG_CACHE_HOME: cache };
    const directory = workspace();
    const { run, exitCode, stderr } = train([...NATIVE, "--save-interval", "10"], own, directory);
    expect([exitCode, stderr, compiles()]).toEqual([0, "", 1]);
    fs.rmSync(newest(run).path);
    expect(microgpt(["resume", run], { env: own })).toMatchObject({ exitCode: 0, stderr: "" });
    const words = ["--data", join(directory, "words.txt"), "--runs-dir", directory, "--name", "sweep"];
    const sweep = ["sweep", ...words, ...TINY, ...NATIVE, "--grid", "seed=1,2,3", "--jobs", "2"];
    expect(microgpt(sweep, { env: own })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(compiles()).toBe(1);
    const before = calls().length;
    fs.rmSync(cache, { recursive: true });
    expect(microgpt(["sample", run, "--num-samples", "2"], { env: own })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(calls()).toHaveLength(before);
  });

  test("three runs of a sweep on an empty cache compile once", () => {
    const { env, compiles, directory: cache } = place();
    const directory = workspace();
    const words = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "sweep"];
    const sweep = ["sweep", ...words, ...TINY, ...NATIVE, "--grid", "seed=1,2,3", "--jobs", "3"];
    const { exitCode, stderr } = microgpt(sweep, { env: { ...env, XDG_CACHE_HOME: cache } });
    expect([exitCode, stderr, compiles()]).toEqual([0, "", 1]);
  });

  test("a compiler that fails: one line names the file with its output, and WebAssembly trains", () => {
    const { env, directory: cache } = place("echo 'no space in the register file' >&2; exit 1");
    const { exitCode, stderr, stdout, run } = train(NATIVE, { ...env, XDG_CACHE_HOME: cache });
    expect(exitCode).toBe(0);
    const [, log] =
      /^microgpt: warning: no native code: the C compiler .* failed \(exit code 1\); see (.+); using .+\n$/.exec(
        stderr,
      ) ?? [];
    expect(fs.readFileSync(JSON.parse(log) as string, "utf8")).toContain("no space in the register file");
    expect(stderr.endsWith(`${INSTEAD}\n`)).toBe(true);
    expect(stdout).toMatch(/^microgpt \S+ {2}wasm engine\n/);
    expect(configOf(run)).toMatchObject({ engine: "wasm" });
  });

  test("begun native, and resumed where there is no compiler: one warning, and it continues in WebAssembly", () => {
    const { run } = train([...NATIVE, "--save-interval", "10"]);
    const expected = lossesOf(run);
    fs.rmSync(newest(run).path);
    const { exitCode, stderr, stdout } = microgpt(["resume", run], { env: NOWHERE });
    expect([exitCode, stderr]).toEqual([0, NO_COMPILER]);
    expect(stdout).toMatch(/^microgpt \S+ {2}wasm engine\n/);
    expect(configOf(run)).toMatchObject({ engine: "native" }); // where there is a compiler, it will be used again
    for (const [i, loss] of lossesOf(run).entries()) expect(Math.abs(loss - expected[i])).toBeLessThan(1e-4);
  });

  test("its best weights, too, are measured in WebAssembly then, without a second warning", () => {
    const long = "--n-embd 16 --num-steps 100 --learning-rate 0.05 --schedule constant --save-interval 20".split(" ");
    const { run } = train([...NATIVE, ...long]); // it learns the words by heart
    fs.rmSync(newest(run).path);
    const { exitCode, stderr, stdout } = microgpt(["resume", run], { env: NOWHERE });
    expect([exitCode, stderr]).toEqual([0, NO_COMPILER]);
    expect(stdout).toMatch(/^held-out loss [^\n]+, weights of step \d\d:/m); // not of step 100, which the engine has
  });

  test("auto takes it for a long training, says why, and says what is missing", () => {
    const long = ["--num-steps", "200000000", "--dry-run"];
    expect(train(long).stdout).toMatch(
      /^native engine, (?:gcc|clang) .*: a training of this length is faster as native code$/m,
    );
    const without = train(long, NOWHERE);
    expect(without).toMatchObject({ exitCode: 0, stderr: "" });
    expect(without.stdout).toMatch(
      /^wasm engine: no native code, which is faster: MICROGPT_CC: there is no program \/nonexistent$/m,
    );
    expect(train([...long, "--strict-math"]).stdout).toMatch(/^wasm engine$/m);
  });

  test("--dry-run --json names the engine, and its memory is that of the native engine", () => {
    const json = JSON.parse(train([...NATIVE, "--dry-run", "--json"]).stdout) as { engine: string; memory: object };
    expect(json.engine).toMatch(/^native, /);
    expect(json.memory).toMatchObject({ gpu: null, process: { "scratch of 1 thread": expect.any(Number) } });
  });
});

test("without a compiler: one line, and WebAssembly trains; the run stays one of WebAssembly", () => {
  const { exitCode, stderr, stdout, run } = train(NATIVE, NOWHERE);
  expect(exitCode).toBe(0);
  if (REAL !== null) expect(stderr).toBe(NO_COMPILER);
  expect(stderr).toMatch(/^microgpt: warning: no native code: [^\n]+\n$/);
  expect(stdout).toMatch(/^microgpt \S+ {2}wasm engine\n/);
  expect(configOf(run)).toMatchObject({ engine: "wasm", keepC: null });
  expect(microgpt(["resume", run, "--num-steps", "40"])).toMatchObject({ exitCode: 0, stderr: "" });
});

test("without a compiler --dry-run has the memory of WebAssembly, which would train", () => {
  const memoryOf = (engine: string): unknown => {
    const { exitCode, stdout } = train(["--engine", engine, "--n-embd", "64", "--dry-run", "--json"], NOWHERE);
    expect(exitCode).toBe(0);
    return (JSON.parse(stdout.trim().split("\n").at(-1)!) as { memory: unknown }).memory;
  };
  expect(memoryOf("native")).toEqual(memoryOf("wasm"));
});

test.each([
  ["--help", ["--help"]],
  ["a training in WebAssembly", ["--engine", "wasm"]],
])("%s loads nothing that compiles", (_what, more) => {
  const directory = workspace();
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, ...TINY, ...more];
  const modules = loadedBy(args).filter((name) => /\/(?:native\/|native[-\w]*\.js|koffi\.node)/.test(name));
  const light = ["unavailable", "native", "native-needs", "native-compiler"]; // an error, and what looks for a compiler
  expect(modules.map((name) => /([-\w]+)\.\w+$/.exec(name)![1])).toEqual(light);
});

describe("--keep-c", () => {
  test.skipIf(REAL === null)(`is the affair of the command that begins a run (${SKIPPED})`, () => {
    const directory = workspace();
    const kept = join(directory, "c");
    const { run, exitCode } = train([...NATIVE, "--keep-c", kept, "--save-interval", "10"], {}, directory);
    expect([exitCode, configOf(run).keepC]).toEqual([0, null]);
    fs.rmSync(newest(run).path);
    fs.rmSync(kept, { recursive: true });
    fs.writeFileSync(kept, "no directory any more");
    expect(microgpt(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("leaves the C, in which each instruction names its weights; also where there is no compiler; once for all runs", () => {
    const directory = workspace();
    const kept = join(directory, "the C", "of tests");
    const { exitCode } = train([...NATIVE, "--keep-c", kept], NOWHERE, directory);
    expect(exitCode).toBe(0);
    expect(fs.readdirSync(kept)).toEqual([expect.stringMatching(/^microgpt-[0-9a-f]{8}\.c$/)]);
    const [path] = fs.readdirSync(kept).map((name) => join(kept, name));
    const source = fs.readFileSync(path, "utf8");
    for (const name of ["wte", "layer0.attn_wo", "layer0.mlp_fc1", "lm_head"])
      expect(source).toMatch(
        new RegExp(`/\\* linear.*: .*${name.replace(".", "\\.")}.* → .* \\*/|/\\* embed: .*${name}`),
      );
    fs.rmSync(join(directory, "run"), { recursive: true });
    expect(train([...NATIVE, "--keep-c", kept], NOWHERE, directory).exitCode).toBe(0);
    expect(fs.readdirSync(kept)).toHaveLength(1);
  });

  test.each([
    ["below a file", "file/c", /^microgpt: --keep-c: cannot write [^\n]+file\/c: [^\n]+\n$/],
    ["a file", "file", /^microgpt: --keep-c: [^\n]+\/file is not a directory; name one\n$/],
    ["a link to nothing", "link", /^microgpt: --keep-c: [^\n]+\/link is not a directory; name one\n$/],
    ["-", "-", /^microgpt: --keep-c -: it takes a directory, one file per model; name one\n$/],
  ])("%s is refused before the training, and nothing is left", (_what, name, message) => {
    const directory = workspace();
    fs.writeFileSync(join(directory, "file"), "");
    fs.symlinkSync(join(directory, "nothing"), join(directory, "link"));
    const kept = name === "-" ? name : join(directory, name);
    const { exitCode, stderr } = train([...NATIVE, "--keep-c", kept], NOWHERE, directory);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(fs.readdirSync(directory).toSorted()).toEqual(["file", "link", "words.txt"]);
    expect(fs.statSync(join(directory, "file")).size).toBe(0);
  });

  test("with --dry-run nothing is written", () => {
    const directory = workspace();
    const { exitCode } = train([...NATIVE, "--keep-c", join(directory, "c"), "--dry-run"], {}, directory);
    expect(exitCode).toBe(0);
    expect(fs.readdirSync(directory)).toEqual(["words.txt"]);
  });
});
