/** A text that is learnt by heart, through the command: seen, said, prevented, and one number for its result everywhere. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createTrainer } from "../../src/index-node.ts";
import { readRun } from "../../src/sweep/read-run.ts";
import { microgptHere, workspace } from "../setup/microgpt.ts";

const VERBS = "takes gives sees hears wants keeps finds hides".split(" ");
const NOUNS = "apple stone river horse cloud table glove spoon".split(" ");

/** Sentences whose words are drawn by a fixed rule: nothing to learn but the words themselves. */
function writeSentences(directory: string, separator: string): string {
  const path = join(directory, "text.txt");
  const sentences = Array.from({ length: 60 }, (_, i) => {
    const [a, b, c] = [(i * 7) % 8, (i * i) % 8, (i * 5 + 3) % 8];
    return `the ${NOUNS[a]} ${VERBS[b]} a ${NOUNS[c]}${(i * i * 31) % 97}`;
  });
  writeFileSync(path, sentences.join(separator));
  return path;
}

/** Trains in `directory` and returns what was printed. */
async function train(directory: string, ...more: string[]): Promise<string> {
  return await trainOn(writeSentences(directory, "\n"), directory, ...more);
}

async function trainOn(data: string, directory: string, ...more: string[]): Promise<string> {
  const args = ["train", "--data", data, "--preset", "names", "--runs-dir", directory, "--threads", "1", ...more];
  const { exitCode, stdout, stderr } = await microgptHere(args);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return stdout;
}

const GENESIS = fileURLToPath(new URL("../fixtures/genesis200.txt", import.meta.url));
const SIZE = "--tokenizer bpe --bpe-merges 100 --num-steps 200 --num-samples 2".split(" ");
const SAYING = /^held-out loss has risen since step (\d+): the model is learning the text by heart; .*--weight-decay/gm;

describe("a small text", () => {
  test("is evaluated early, its best weights kept, and learning by heart said once, with a command that helps", async () => {
    const directory = workspace();
    const stdout = await trainOn(GENESIS, directory, ...SIZE, "--name", "run");
    const evaluated = [...stdout.matchAll(/^step +(\d+)\/200 .*held-out/gm)].map(([, step]) => Number(step));
    expect(evaluated).toEqual([1, 2, 5, 10, 20, 50, 100, 200]);
    const said = [...stdout.matchAll(SAYING)].map(([, step]) => Number(step));
    expect(said).toHaveLength(1);
    const [, best] = /^held-out loss .* weights of step (\d+)/m.exec(stdout) ?? [];
    expect([said[0], Number(best) <= 50]).toEqual([Number(best), true]);
    const [, command] =
      /^the best weights are of step \d+ of 200: .*try\n {2}(?:npx )?microgpt (.*)$/m.exec(stdout) ?? [];
    expect(command).toContain(" --stream ");
    const again = await microgptHere([...command.split(" "), "--runs-dir", directory, "--name", "helped"]);
    expect(again.exitCode).toBe(0);
    const bits = (name: string): number => readRun(join(directory, name)).report.bitsPerByte!;
    expect(bits("helped")).toBeLessThan(bits("run"));
  });

  test("in --json it is an event, once; with a typed interval, evaluations are at the interval alone", async () => {
    const directory = workspace();
    const stdout = await train(directory, ...SIZE, "--eval-interval", "40", "--json", "--name", "run");
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; step?: number });
    const stepsOf = (kind: string): unknown[] => events.filter(({ event }) => event === kind).map(({ step }) => step);
    expect(stepsOf("evaluation")).toEqual([40, 80, 120, 160, 200]);
    expect(stepsOf("overfitting")).toHaveLength(1);
    expect(events.find(({ event }) => event === "result")).toMatchObject({
      step: 200,
      remedy: { change: "--weight-decay 3" },
    });
  });

  test("--early-stop ends it; it is finished for resume, compare and its samples, and stays as it is", async () => {
    const directory = workspace();
    const stdout = await train(directory, ...SIZE, "--num-steps", "1000", "--early-stop", "2", "--name", "run");
    expect(stdout).toMatch(
      /^ended early after step 200 of 1000: no better held-out loss since step \d+ \(--early-stop 2\)$/m,
    );
    const run = join(directory, "run");
    const files = ["result.json", "metrics.jsonl", "samples.txt", "model.safetensors"].map((name) => join(run, name));
    const bytes = files.map((path) => readFileSync(path));
    const resumed = await microgptHere(["resume", run]);
    expect(resumed.exitCode).toBe(0);
    expect(resumed.stdout).toContain("ended early after step 200 of 1000");
    expect(files.map((path) => readFileSync(path))).toEqual(bytes);
    expect(readRun(run).report).toMatchObject({ state: "finished", step: 200, numSteps: 1000 });
    // Extended, it has as much patience again.
    const extended = await microgptHere(["resume", run, "--num-steps", "2000"]);
    expect([extended.exitCode, extended.stderr]).toEqual([0, ""]);
    expect(extended.stdout).toContain("ended early after step 400 of 2000");
    expect(readRun(run).report).toMatchObject({ state: "finished", step: 400, numSteps: 2000 });
  });

  test("--early-stop ends the runs of a sweep, which is finished", async () => {
    const directory = workspace();
    const data = writeSentences(directory, "\n");
    const args = ["sweep", "--data", data, "--runs-dir", directory, "--name", "s", ...SIZE, "--num-steps", "1000"];
    const more = ["--early-stop", "2", "--grid", "n-embd=8,16", "--json"];
    const first = await microgptHere([...args, ...more]);
    expect([first.exitCode, first.stderr]).toEqual([0, ""]);
    const runs = (JSON.parse(readFileSync(join(directory, "s", "summary.json"), "utf8")) as { runs: object[] }).runs;
    expect(runs).toMatchObject([1, 2].map(() => ({ state: "finished", step: 200, numSteps: 1000 })));
  });
});

describe.each([
  ["documents that fit the block", ["--block-size", "64"], true],
  ["documents longer than the block", ["--block-size", "8"], false],
  ["windows", ["--block-size", "8", "--stream"], true],
])("bits per byte are one number, with %s", (_, size, isWhole) => {
  test("at the end, in compare, in the report's table and curve, in result.json and in the library", async () => {
    const directory = workspace();
    const flags = ["--num-steps", "60", "--num-samples", "0", "--eval-documents", "3", "--strict-math", ...size];
    const stdout = await train(directory, ...flags, "--name", "run");
    const run = join(directory, "run");
    const { report } = readRun(run);
    const shown = report.bitsPerByte!.toFixed(4);
    expect(/^held-out text (\S+) bits per byte/m.exec(stdout)?.[1]).toBe(shown);
    expect((await microgptHere(["compare", run])).stdout).toContain(shown);
    const { steps, values } = report.heldOutBits;
    expect(values[steps.indexOf(report.bestStep!)]).toBe(report.bitsPerByte);
    // Where the loss covers the beginnings only, nothing else is known.
    expect(steps).toEqual(isWhole ? report.heldOut.steps : [report.bestStep]);
    const text = readFileSync(join(directory, "text.txt"), "utf8");
    const options = {
      numSteps: 60,
      evalDocuments: 3,
      strictMath: true,
      blockSize: Number(size[1]),
      stream: size.length > 2,
    };
    const trainer = await createTrainer([text], options);
    await trainer.run();
    const measured = (await trainer.measure())!;
    trainer.close();
    expect(measured).toEqual({
      step: report.bestStep,
      heldOutLoss: report.heldOutLoss,
      bitsPerByte: report.bitsPerByte,
    });
  });
});

test("a model that codes the whole text worse than chance is said to, whatever its loss on the documents' beginnings", async () => {
  const directory = workspace();
  const data = join(directory, "text.txt");
  // Every paragraph begins alike; the rest, which no step learns from, does not.
  const rest = (i: number): string =>
    Array.from({ length: 6 }, (_, j) => `${(i * 97 + j * 61) % 9973} xyz${j * i}`).join(" ");
  writeFileSync(data, Array.from({ length: 60 }, (_, i) => `Chapter begins ${rest(i)}`).join("\n"));
  const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", "--block-size", "12"];
  const { stdout } = await microgptHere([...args, "--num-steps", "300", "--num-samples", "0"]);
  expect(stdout).toMatch(
    /^held-out loss \S+ over the first 12 tokens of all 6 documents, .*: better than a bigram table/m,
  );
  const [, bits, verdict, chance] =
    /^held-out text (\S+) bits per byte: (no better than chance) \((\S+)\)/m.exec(stdout) ?? [];
  expect([verdict, Number(bits) > Number(chance)]).toEqual(["no better than chance", true]);
  expect((await microgptHere(["compare", join(directory, "run")])).stdout).toContain("worse than chance");
});

describe("compare and report", () => {
  test("rank the runs of each held-out text by themselves, and say so; an earlier result counts by its bytes", async () => {
    const directory = workspace();
    const flags = ["--num-steps", "20", "--num-samples", "0"];
    await train(directory, ...flags, "--name", "a");
    await train(directory, ...flags, "--n-embd", "8", "--name", "b");
    await train(directory, ...flags, "--val-fraction", "0.3", "--name", "c");
    const paths = ["a", "b", "c"].map((name) => join(directory, name));
    const path = join(directory, "b", "result.json");
    const { dataHash: _, baselines: __, ...old } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify(old)); // as version 0.1.0 wrote it at first
    const { stdout } = await microgptHere(["compare", ...paths]);
    expect(stdout).toMatch(/^these runs have different held-out texts: results of one text do not compare/);
    const [, first, second] = stdout.split(/^held-out text \d\n/m);
    expect([/^[abc](?= )/gm, /^[abc](?= )/gm].map((name, i) => [first, second][i].match(name)?.toSorted())).toEqual([
      ["a", "b"],
      ["c"],
    ]);
    expect(stdout).not.toContain("what mattered");
    expect((await microgptHere(["compare", ...paths.slice(0, 2)])).stdout).not.toContain("different held-out texts");
    const out = join(directory, "report.html");
    await microgptHere(["report", ...paths, "--out", out]);
    expect(readFileSync(out, "utf8")).toContain("These runs have different held-out texts.");
    expect(existsSync(out)).toBe(true);
  });

  test("a default that is typed is the same as one that is not, and what is no choice of the model is not named", async () => {
    const directory = workspace();
    // With a size typed, no preset is chosen.
    const flags = ["--num-steps", "20", "--num-samples", "0", "--n-layer", "1"];
    await train(directory, ...flags, "--name", "a");
    await train(directory, ...flags, "--batch-size", "64", "--engine", "wasm", "--bpe-merges", "7", "--name", "b");
    await train(directory, ...flags, "--num-samples", "1", "--eval-interval", "10", "--n-embd", "8", "--name", "c");
    const { stdout } = await microgptHere(["compare", ...["a", "b", "c"].map((name) => join(directory, name))]);
    const [head] = stdout.split("\n");
    expect(head.split(/ {2,}/).slice(0, 4)).toEqual(["run", "n-embd", "eval-interval", "parameters"]);
    expect([...stdout.matchAll(/^ {2}(\S+): \d+ % of the variance/gm)].map(([, name]) => name)).toEqual(["n-embd"]);
  });
});
