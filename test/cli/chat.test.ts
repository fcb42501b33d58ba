import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Run } from "../../src/node/run-directory.ts";
import { AtomicEngine, atomicWeights } from "../../src/training/atomic.ts";
import { decodeModel } from "../../src/training/checkpoint.ts";
import { hasScript, inTerminal } from "../setup/in-terminal.ts";
import { microgptHere, trained, workspace } from "../setup/microgpt.ts";

interface NextToken {
  readonly id: number;
  readonly token: string;
  readonly isEnd: boolean;
  readonly probability: number;
  readonly drawn: number;
}

interface Event {
  readonly event: string;
  readonly prompt: string;
  readonly text: string;
  readonly message: string;
  readonly tokens: readonly NextToken[];
  readonly others: { readonly count: number; readonly probability: number; readonly drawn: number };
}

/** The events of a conversation. */
async function talk(run: string, lines: readonly string[], ...flags: string[]): Promise<Event[]> {
  const input = lines.map((line) => `${line}\n`).join("");
  const { stdout, stderr, exitCode } = await microgptHere(["chat", run, "--json", ...flags], { input });
  expect([stderr, exitCode]).toEqual(["", 0]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Event);
}

/** Probabilities of the next token, by the scalar engine, at a temperature. */
async function expectedAfter(run: string, prompt: string, temperature: number): Promise<number[]> {
  const { config, weights } = await decodeModel(readFileSync(join(run, "model.safetensors")));
  const { tokenizer } = Run.open(run);
  const reader = new AtomicEngine(config, atomicWeights(config, weights)).reader();
  let logits: number[] = [];
  for (const id of [tokenizer.bos, ...tokenizer.encode(prompt).ids]) logits = await reader.read(id);
  const powers = logits.map((logit) => Math.exp(logit / temperature));
  return powers.map((power) => power / powers.reduce((sum, one) => sum + one, 0));
}

describe("a conversation in a pipe", () => {
  test("each line is continued, without another evaluation; the seed decides, and is set anew by /seed", async () => {
    const { run } = trained();
    const result = readFileSync(join(run, "result.json"));
    const events = await talk(run, ["ba", "", "  ce", "/seed 42", "ba", "//x", "/quit", "never"]);
    const completions = events.filter(({ event }) => event === "completion");
    expect(completions.map(({ prompt }) => prompt)).toEqual(["ba", "ce", "ba", "/x"]);
    expect(completions[2].text).toBe(completions[0].text); // 42 is the default
    const { stdout } = await microgptHere(["complete", run, "ba"]);
    expect(stdout).toBe(`${completions[0].text}\n`);
    expect(readFileSync(join(run, "result.json")).equals(result)).toBe(true);
  });

  test("/temperature 0 and /top-k 1 take the likeliest token, /length ends a text, off undoes it", async () => {
    const { run } = trained();
    const greedy = await microgptHere(["complete", run, "b", "--temperature", "0"]);
    const events = await talk(run, [
      "/temperature 0",
      "b",
      "/temperature 5",
      "/top-k 1",
      "b",
      "/length 1",
      "b",
      "/top-k off",
      "/length off",
      "/length",
    ]);
    const texts = events.filter(({ event }) => event === "completion").map(({ text }) => text);
    expect(`${texts[0]}\n`).toBe(greedy.stdout);
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).toBe(texts[0].slice(0, 2));
    expect(events.filter(({ event }) => event === "note").map(({ message }) => message)).toEqual([
      "temperature 0",
      "temperature 5",
      "top-k 1",
      "length 1",
      "top-k off",
      "length off",
      "length off",
    ]);
  });

  test.each([
    ["/temperature hot", '/temperature: expected a number from 0 to 1000, got "hot"'],
    ["/temperature off", '/temperature: expected a number from 0 to 1000, got "off"'],
    ["/top-k 0", '/top-k: expected a whole number from 1 to 1000000000, got "0"'],
    [
      "/tmeperature 1",
      '"/tmeperature" is not a command; /help lists them, and a prompt that begins with / is written with //',
    ],
    [
      "/\u001b[31m",
      '"/\\u001b[31m" is not a command; /help lists them, and a prompt that begins with / is written with //',
    ],
  ])("%j is answered in a sentence, and the conversation continues", async (line, message) => {
    const { run } = trained();
    const events = await talk(run, [line, "ba"]);
    expect(events[0]).toEqual({ event: "note", message });
    expect(events[1]).toMatchObject({ event: "completion", prompt: "ba" });
  });

  test("/why gives the engine's probabilities, which sum to 1, and what is drawn at the temperature", async () => {
    const { run } = trained();
    const events = await talk(run, ["ba", "/why", "/temperature 2", "/why ce", "/top-k 3", "/why ce"]);
    const asked = events.filter(({ event }) => event === "next tokens");
    for (const [i, [prompt, temperature]] of (
      [
        ["ba", 0.5],
        ["ce", 2],
      ] as const
    ).entries()) {
      const { tokens, others, prompt: told } = asked[i];
      expect(told).toBe(prompt);
      const [plain, drawn] = [await expectedAfter(run, prompt, 1), await expectedAfter(run, prompt, temperature)];
      const ranking = [...plain.keys()].toSorted((a, b) => plain[b] - plain[a]);
      expect(tokens.map(({ id }) => id)).toEqual(ranking.slice(0, 10));
      for (const token of tokens) {
        expect(token.probability).toBeCloseTo(plain[token.id], 5);
        expect(token.drawn).toBeCloseTo(drawn[token.id], 5);
        expect(token.isEnd).toBe(token.id === plain.length - 1);
      }
      const sum = (key: "probability" | "drawn"): number => tokens.reduce((all, one) => all + one[key], others[key]);
      expect([sum("probability"), sum("drawn")]).toEqual([expect.closeTo(1, 12), expect.closeTo(1, 12)]);
      expect(others.count).toBe(plain.length - 10);
    }
    expect(asked[2].tokens.map(({ drawn }) => drawn > 0)).toEqual(asked[2].tokens.map((_, rank) => rank < 3));
  });

  test("the same commands are there after a training, but not in a file of prompts", async () => {
    const { run, directory } = trained();
    const prompts = join(directory, "prompts.txt");
    writeFileSync(prompts, "/quit\nba\n");
    expect((await microgptHere(["resume", run, "--prompt-file", prompts])).stdout).toMatch(
      /\nprompt {2}1: {2}\/quit\nunknown: {4}"\/", [^]*\nprompt {2}2: {2}ba\n/,
    );
    const { stdout } = await microgptHere(["resume", run], { input: "/temperature 0\nba\n/why\n" });
    expect(stdout).toMatch(
      /\ntemperature 0\n\nprompt {2}1: {2}ba\ncompletion: ba\S*\nnext {2,}probability {2}as drawn\n/,
    );
  });

  test("a run without weights, and a name that no run has, are refused", async () => {
    const { directory } = trained();
    const { exitCode, stderr } = await microgptHere(["chat", "rnu", "--runs-dir", directory]);
    expect([exitCode, stderr]).toEqual([2, "microgpt: rnu: there is no such run; did you mean run?\n"]);
  });
});

test("complete RUN - reads the prompt from standard input, line breaks included", async () => {
  const { run } = trained();
  const typed = await microgptHere(["complete", run, "ba"]);
  expect(await microgptHere(["complete", run, "-"], { input: "ba\n" })).toEqual(typed);
  const two = await microgptHere(["complete", run, "-"], { input: "ba\nce\n" });
  expect(two.stderr).toMatch(/the prompt "ba\\nce" has a token not in the vocabulary: "\\n"; left out/);
});

describe.skipIf(!hasScript)("a conversation at a terminal (skipped where util-linux's `script` is missing)", () => {
  const QUIET = { NO_COLOR: "1" };
  /** With the cursor behind it: where a line is drawn anew, its prompt comes again, but with the line. */
  const PROMPT = "> \u001b[3G";

  test("the arrow keys walk in the line and through earlier ones", async () => {
    const { run } = trained();
    const { screen, exitCode } = await inTerminal(
      ["chat", run, "--temperature", "0"],
      [
        [PROMPT, "bc\u001b[Da\r"], // left
        [PROMPT, "\u001b[A\r"], // up
        [PROMPT, "/temperature\r"],
        [PROMPT, "\u001b[A\u001b[A\r"],
        [PROMPT, "\u0004"],
      ],
      QUIET,
    );
    expect(exitCode).toBe(0);
    const answers = [...screen.matchAll(/\r\n(bac\S*)\r\n/g)].map(([, answer]) => answer);
    expect(answers).toHaveLength(3);
    expect(new Set(answers).size).toBe(1);
    expect(screen).toContain("temperature 0\r\n");
  });

  test("Ctrl-C while the model writes ends it after that text, without a further prompt", async () => {
    const { run } = trained("--documents", "file", "--stream"); // its text has one end, so the model writes on
    const { screen, exitCode } = await inTerminal(
      ["chat", run, "--temperature", "0"],
      [
        [PROMPT, "/length 20000\r"],
        [PROMPT, "ba\r"],
        ["ba\r", "\u0003"],
      ],
      QUIET,
    );
    expect(exitCode).toBe(0);
    expect(screen).not.toMatch(/Error| at /);
    expect(screen.split("> ")).toHaveLength(3);
  });

  test("/why is a table whose percentages are the engine's, and add up to 100", async () => {
    const { run } = trained();
    const { screen } = await inTerminal(
      ["chat", run],
      [
        [PROMPT, "/why ba\r"],
        ["others", "q\r"],
      ],
      QUIET,
    );
    const rows = [...screen.matchAll(/^(?:"(.+)"|(end)|\d+ others) +([\d.]+)% +([\d.]+)%\r$/gm)];
    const { tokenizer } = Run.open(run);
    const [plain, drawn] = [await expectedAfter(run, "ba", 1), await expectedAfter(run, "ba", 0.5)];
    expect(rows).toHaveLength(11);
    for (const [, letter, end, probability, asDrawn] of rows.slice(0, 10)) {
      const id = end === undefined ? tokenizer.encode(letter).ids[0] : tokenizer.bos;
      expect(Number(probability)).toBeCloseTo(100 * plain[id], 0);
      expect(Math.abs(Number(asDrawn) - 100 * drawn[id])).toBeLessThan(0.06);
    }
    const sums = [3, 4].map((column) => rows.reduce((sum, row) => sum + Number(row[column]), 0));
    for (const sum of sums) expect(Math.abs(sum - 100)).toBeLessThan(0.6); // each is rounded to 0.1
  });

  test("pasted lines are prompts of their own where documents are lines, and one prompt elsewhere", async () => {
    const paste = "\u001b[200~ba\nce\u001b[201~\r";
    const { run } = trained();
    const two = await inTerminal(
      ["chat", run, "--temperature", "0"],
      [
        [PROMPT, paste],
        ["\nce", "q\r"],
      ],
      QUIET,
    );
    expect(two.screen).toMatch(/\r\nba\S+\r\n[^]*\u001b\[3Gce\S+\r\n/);
    expect(two.screen.startsWith("\r\nType the beginning")).toBe(true);
    // What asks the terminal to mark pastes is undone.
    expect([two.screen.includes("\u001b[?2004h"), two.screen.trimEnd().endsWith("\u001b[?2004l")]).toEqual([
      true,
      true,
    ]);
    const { run: other } = trained("--documents", "file");
    const { screen, exitCode } = await inTerminal(
      ["chat", other, "--temperature", "0"],
      [
        [PROMPT, paste],
        [PROMPT, "/why\r"],
        ["others", "q\r"],
      ],
      QUIET,
    );
    expect(exitCode).toBe(0);
    const { stdout } = await microgptHere(["complete", other, "ba\nce", "--temperature", "0"]);
    expect(screen.replaceAll("\r", "")).toContain(stdout);
  });
});

describe.skipIf(!hasScript)("samples of several lines (skipped where util-linux's `script` is missing)", () => {
  test("have real line breaks at a terminal, and no other control character; in a pipe each is one line", async () => {
    const directory = workspace();
    const data = join(directory, "poem.txt");
    writeFileSync(data, "rose red\n  violet blue\n\nsugar sweet\n");
    const model = "--documents file --block-size 40 --val-fraction 0 --num-steps 150 --num-samples 1".split(" ");
    const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", ...model];
    expect((await microgptHere(args)).exitCode).toBe(0);
    const sample = ["sample", join(directory, "run"), "--num-samples", "1", "--temperature", "0"];
    const poem = "rose red\n  violet blue\n\nsugar sweet";
    const { screen } = await inTerminal(sample, [], { NO_COLOR: "1" });
    expect(screen.replaceAll("\r\n", "\n")).toBe(`\nsample  1:  in the data\n${poem}\n`);
    const { stdout } = await microgptHere(sample);
    expect(stdout).toBe(`\nsample  1: ${poem.replaceAll("\n", "⏎")}  in the data\n`);
  });
});
