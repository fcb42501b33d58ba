import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { AtomicEngine } from "../../src/training/atomic.ts";
import { generateTokens } from "../../src/training/sample.ts";
import { CLI, microgptHere, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";
import { questionsOf } from "../setup/questions.ts";

test("a prompt's unknown characters are named and left out, and the rest is completed", async () => {
  const { run } = trained();
  const { exitCode, stdout, stderr } = await microgptHere(["complete", run, "Zbëa\u001b[31m"]);
  expect(exitCode).toBe(0);
  expect(stderr).toBe(
    'microgpt: warning: the prompt "Zbëa\\u001b[31m" has 6 tokens not in the vocabulary:' +
      ' "Z", "ë", "\\u001b", "[", "3", "1"; left out\n',
  );
  expect(stdout).toMatch(/^ba[a-z]*\n$/);
  const directory = workspace();
  const prompts = join(directory, "prompts.txt");
  writeFileSync(prompts, "ba\n# a comment\nZoë\n");
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, ...TINY, "--prompt-file", prompts];
  const finished = await microgptHere(args);
  expect(finished.stderr).toMatch(
    /^microgpt: warning: \S*prompts\.txt: the prompt "Zoë" has 2 tokens .* "Z", "ë"; left out\n$/,
  );
  expect(finished.stdout).toMatch(
    /\n\nprompt {2}1: {2}ba\ncompletion: ba[a-z]*\n\nprompt {2}2: {2}Zoë\nunknown: {4}"Z", "ë"\ncompletion: o[a-z]*\n$/,
  );
});

const SMALL = [...TINY, "--num-samples", "0"];
const eventsOf = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("prompts that are piped in are answered after a training and after a resumed one, to the end or to quit", async () => {
  const directory = workspace();
  const args = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...SMALL];
  const { stdout, exitCode } = await microgptHere(args, { input: "ba\n\n  Zo\nquit\nce\n" });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    /\n\nprompt {2}1: {2}ba\ncompletion: ba[a-z]*\n\nprompt {2}2: {2}Zo\nunknown: {4}"Z"\ncompletion: o[a-z]*\n$/,
  );
  const again = await microgptHere(["resume", join(directory, "run"), "--json"], { input: "ce" });
  const answers = eventsOf(again.stdout).filter(({ event }) => event === "completion");
  expect(answers).toEqual([
    {
      event: "completion",
      prompt: "ce",
      completion: expect.any(String) as string,
      text: expect.stringMatching(/^ce/) as string,
      unknown: {},
    },
  ]);
});

test("--prompt-file comes before what is piped in; with --json each answer is an event", async () => {
  const directory = workspace();
  const prompts = join(directory, "prompts.txt");
  writeFileSync(prompts, "ba\nZZoë\n");
  const args = ["--data", writeWords(directory), "--runs-dir", directory, ...SMALL, "--prompt-file", prompts, "--json"];
  const { stdout } = await microgptHere(args, { input: "ce\n" });
  const answers = eventsOf(stdout).filter(({ event }) => event === "completion");
  expect(answers.map(({ prompt, unknown }) => [prompt, unknown])).toEqual([
    ["ba", {}],
    ["ZZoë", { Z: 2, ë: 1 }],
  ]);
  for (const { text, completion } of answers) expect(String(text).endsWith(String(completion))).toBe(true);
});

test("text that is piped in as data is no prompt", async () => {
  const directory = workspace();
  const { stdout, exitCode } = await microgptHere(["--data", writeWords(directory), "--runs-dir", directory, ...SMALL]);
  expect([exitCode, stdout.includes("prompt")]).toEqual([0, false]);
});

test("a program that leaves standard input open, and writes nothing, is not waited for", async () => {
  const directory = workspace();
  const args = [CLI, "--data", writeWords(directory), "--runs-dir", directory, ...SMALL];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "ignore"] });
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
});

describe("--interactive with answers that are piped in", () => {
  const answersOf = (answers: Readonly<Record<string, string>>, more: string): string =>
    [...questionsOf({ bpe: false }).map((question) => answers[question] ?? ""), more].join("\n");

  test("takes a line per question, and then prompts", async () => {
    const directory = workspace();
    const args = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "run", "--interactive"];
    const answers = {
      preset: "names",
      more: "yes",
      "n-embd": "4",
      "n-head": "2",
      "num-steps": "7",
      "num-samples": "0",
    };
    const { stdout, stderr, exitCode } = await microgptHere(args, { input: answersOf(answers, "ba\n") });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^n-embd: embedding width \[16\] 4$/m);
    expect(stdout).toMatch(/\n\nprompt {2}1: {2}ba\ncompletion: ba[a-z]*\n$/);
    const { options } = JSON.parse(readFileSync(join(directory, "run", "config.json"), "utf8")) as {
      options: Record<string, unknown>;
    };
    expect([options.nEmbd, options.nHead, options.numSteps, options.blockSize]).toEqual([4, 2, 7, 16]);
  });

  test("asks for the text and its preset first, and for nothing more unless it is wanted", async () => {
    const directory = workspace();
    writeWords(directory);
    const args = ["--interactive", "--num-steps", "2", "--num-samples", "0", "--name", "run"];
    const { stdout, stderr, exitCode } = await microgptHere(args, { cwd: directory, input: "words.txt\nchat\n\nba\n" });
    expect(exitCode).toBe(0);
    expect(stderr.split("\n").map((line) => line.split(":")[0])).toEqual(["text", "preset", "more", ""]);
    expect(stdout).toMatch(/\nprompt {2}1: {2}ba\n/);
    const config = readFileSync(join(directory, "runs", "run", "config.json"), "utf8");
    expect(config).toMatch(/"tokenizer": "byte-bpe"/);
    const wrong = await microgptHere(["--interactive"], { cwd: directory, input: "nowhere.txt\n" });
    expect(wrong.stderr).toMatch(
      /\nmicrogpt: text: "nowhere\.txt" does not exist; expected a file, folder, pattern or/,
    );
    expect(wrong.exitCode).toBe(2);
  });

  test("a wrong answer ends it with exit code 2, and so does standard input that is the data, too", async () => {
    const directory = workspace();
    const input = answersOf({ preset: "names", more: "yes", "n-embd": "wide" }, "");
    const wrong = await microgptHere(["--data", writeWords(directory), "--runs-dir", directory, "--interactive"], {
      input,
    });
    expect([wrong.exitCode, wrong.stderr.split("\n").at(-2)]).toEqual([
      2,
      expect.stringMatching(/^microgpt: --n-embd: .*wide/) as string,
    ]);
    const both = await microgptHere(["--data", "-", "--interactive"], { input });
    expect(both.stderr).toMatch(/^microgpt: --interactive and --data - both read standard input; /);
  });
});

describe("merges are told while they are learnt", () => {
  const options = ["--tokenizer", "bpe", "--bpe-merges", "10"];

  test("in a pipe, one in each fifth; with --json as events; the last tokens are what was learnt", async () => {
    const directory = workspace();
    const args = ["--data", writeWords(directory), "--runs-dir", directory, ...SMALL, ...options];
    const plain = (await microgptHere([...args, "--name", "run"])).stdout
      .split("\n")
      .filter((line) => line.startsWith("merge "));
    expect(plain.map((line) => /^merge (\d+)\/10 {2}'(.+)' \+ '(.+)' → '(.+)'$/.exec(line)?.[1])).toEqual([
      "2",
      "4",
      "6",
      "8",
      "10",
    ]);
    const events = eventsOf((await microgptHere([...args, "--json"])).stdout).filter(({ event }) => event === "merge");
    expect(events.map(({ count, total }) => [count, total])).toEqual([2, 4, 6, 8, 10].map((count) => [count, 10]));
    for (const [i, { left, right, token, count }] of events.entries()) {
      expect(token).toBe(String(left).replace("</w>", "") + String(right));
      expect(plain[i]).toBe(`merge ${String(count)}/10  '${String(left)}' + '${String(right)}' → '${String(token)}'`);
    }
  });
});

describe("a prompt that ends within a word", () => {
  const WORDS = ["banana bread", "bandana band", "golden gate", "goal gold"];
  const learn = (reference: boolean): Tokenizer =>
    trainTokenizer(WORDS, { tokenizer: "bpe", bpeMerges: 30, vocabSize: null, unk: false, reference });

  test("bpe: every beginning of a document is completed to that document by a model that has it by heart", async () => {
    const directory = workspace();
    const data = join(directory, "words.txt");
    writeFileSync(data, "banana bread\nzebra crossing\n");
    const args =
      "--tokenizer bpe --bpe-merges 40 --val-fraction 0 --num-steps 150 --num-samples 0 --block-size 8".split(" ");
    await microgptHere(["--data", data, "--runs-dir", directory, "--name", "run", ...args]);
    for (const document of ["banana bread", "zebra crossing"]) {
      for (let length = 1; length <= document.length; length++) {
        const beginning = document.slice(0, length);
        const { stdout } = await microgptHere(["complete", join(directory, "run"), beginning, "--temperature", "0"]);
        expect([beginning, stdout]).toEqual([beginning, `${document}\n`]);
      }
    }
  });

  test("whatever is drawn, the text begins with the prompt; and any text that begins so can be drawn", async () => {
    const tokenizer = learn(false);
    const config = { vocabSize: tokenizer.vocabSize, nEmbd: 4, nHead: 1, nLayer: 1, blockSize: 8 };
    const engine = new AtomicEngine(config, initWeights(config, new Random(1)));
    for (const word of WORDS.flatMap((words) => words.split(" "))) {
      for (let length = 1; length <= word.length; length++) {
        const { ids, open, text } = tokenizer.prompt(`gold ${word.slice(0, length)}`);
        const random = new Random(length);
        const plain = { temperature: 1, topK: null, topP: null };
        const more = await generateTokens(engine, ids, 3, random, plain, open);
        expect(tokenizer.decode([...ids, ...more]).startsWith(text)).toBe(true);
        let rest = open;
        for (const id of tokenizer.encode(word).ids) {
          expect(rest?.allows(id) ?? true).toBe(true);
          rest = rest?.after(id) ?? null;
        }
        expect(rest).toBeNull();
      }
    }
  });

  test("a space, an unknown letter, or --reference closes the word, and so does every other tokenizer", () => {
    const tokenizer = learn(false);
    expect(tokenizer.prompt("gold ba").open).not.toBeNull();
    for (const closed of ["", "gold ", "gold baX"]) {
      expect(tokenizer.prompt(closed)).toMatchObject({ open: null, ids: tokenizer.encode(closed).ids });
    }
    expect(learn(true).prompt("gold ba")).toMatchObject({ open: null, ids: tokenizer.encode("gold ba").ids });
    for (const kind of ["char", "word", "byte-bpe"] as const) {
      const other = trainTokenizer(WORDS, { tokenizer: kind, bpeMerges: 5, vocabSize: null, unk: false });
      expect(other.prompt("gold")).toEqual({ ...other.encode("gold"), open: null, text: "gold" });
    }
  });
});
