/** `microgpt plan --find-learning-rate`, as a user runs it. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { start, until } from "../setup/trainer.ts";

const FIND = ["plan", "--find-learning-rate"];

interface Found {
  readonly event: string;
  readonly learningRates: number[];
  readonly losses: number[];
  readonly suggested: number;
  readonly falling: [number, number];
  readonly bounded: number;
  readonly command: string | null;
}

async function find(cwd: string, args: readonly string[], input: string = ""): Promise<Found> {
  const { exitCode, stdout, stderr } = await microgptHere([...FIND, ...args, "--json"], { cwd, input });
  expect([exitCode, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Found; // one line, or this throws
}

test("prints rates and losses, a curve, a suggestion, and a command that uses it; writes nothing", async () => {
  const directory = workspace();
  writeWords(directory);
  const { exitCode, stdout, stderr } = await microgptHere([...FIND, "words.txt", ...TINY], { cwd: directory });
  expect([exitCode, stderr, readdirSync(directory)]).toEqual([0, "", ["words.txt"]]);
  const [head, ...lines] = stdout.trimEnd().split("\n\n");
  expect(head).toMatch(/^wasm engine(?:, \d threads)?$/);
  const [heading, ...rows] = lines[0].split("\n").map((line) => line.trim().split(/ {2,}/));
  expect(heading).toEqual(["learning rate", "loss"]);
  const rates = rows.map(([rate]) => Number(rate));
  expect(rates).toHaveLength(11);
  expect(rates).toEqual(rates.toSorted((a, b) => a - b));
  expect(rates[0]).toBe(0.00001);
  for (const [, loss] of rows) expect(loss).toMatch(/^\d+\.\d{3}$/);
  expect(lines[1]).toMatch(/^[▁▂▃▄▅▆▇█]{60}$/);
  const said =
    /^the loss fell at learning rates from (\S+) to (\S+) and was bounded up to (\S+);\n(\S+) is suggested for hundreds of steps, a third of it for thousands:\n {2}(?:npx )?microgpt (.*)$/;
  const [, from, to, bounded, suggested, command] = said.exec(lines[2])!;
  expect([Number(from) < Number(to), Number(to) <= Number(bounded)]).toEqual([true, true]);
  expect(command).toContain(`--learning-rate ${suggested}`);
  expect((await microgptHere([...command.split(" "), "--name", "x"], { cwd: directory })).exitCode).toBe(0);
  expect(existsSync(join(directory, "runs", "x"))).toBe(true);
});

describe("--json", () => {
  test("one line, with the losses of all rates", async () => {
    const directory = workspace();
    writeWords(directory);
    const args = ["words.txt", ...TINY, "--threads", "1", "--runs-dir", "elsewhere"];
    const found = await find(directory, args);
    expect(found.event).toBe("learning rates");
    expect(found.losses).toHaveLength(found.learningRates.length);
    expect(found.losses.every((loss) => loss > 0)).toBe(true);
    expect(found.bounded).toBe(found.learningRates.at(-1));
    const lowest = found.learningRates[found.losses.indexOf(Math.min(...found.losses))];
    expect(found.falling[1]).toBe(lowest);
    expect(found.suggested).toBeGreaterThan(0.01);
    expect(found.suggested).toBeLessThan(0.3);
    expect(found.command).toMatch(/microgpt train --data \S*words\.txt .*--num-steps 30 --learning-rate \S+/);
    expect(readdirSync(directory)).toEqual(["words.txt"]);
  });

  test("a budget stays a budget in the command; a text from a pipe has none", async () => {
    const directory = workspace();
    writeWords(directory);
    const more = ["--n-embd", "4", "--n-head", "2"];
    expect((await find(directory, ["words.txt", ...more, "--seconds", "60"])).command).toContain(" --seconds 60 ");
    const kept = ["--engine", "wasm", "--tokens", "5000"];
    expect((await find(directory, ["words.txt", ...more, ...kept])).command).toContain(" --tokens 5000 ");
    const typed = Array.from({ length: 40 }, (_, i) => `ab${"c".repeat(i % 7)}`).join("\n");
    expect((await find(directory, ["-", ...more], typed)).command).toBeNull();
  });

  test.each([["--engine atomic --batch-size 2"], ["--reference"]])("%s finds a rate, too", async (flags) => {
    const directory = workspace();
    writeWords(directory);
    const sizes = "--n-embd 4 --n-head 2 --block-size 8".split(" ");
    const { suggested, command } = await find(directory, ["words.txt", ...sizes, ...flags.split(" ")]);
    expect(suggested).toBeGreaterThan(0.003);
    expect(suggested).toBeLessThan(0.3);
    expect(command).toContain(flags.split(" ")[0]);
  });
});

test.each([
  [`${FIND.join(" ")} nowhere.txt`, /^microgpt: cannot read \S*nowhere\.txt/],
  [`${FIND.join(" ")} words.txt --n-head 3`, /^microgpt: --n-head 3 does not divide --n-embd 16;/],
  [
    `${FIND.join(" ")} words.txt --weight-decay 1000`,
    /^microgpt: --weight-decay 1000 times --learning-rate 0\.01 is more/,
  ],
  [
    // All weights decay to zero.
    `${FIND.join(" ")} words.txt --weight-decay 1000 --learning-rate 0.001`,
    /^microgpt: plan: the loss fell at no learning rate, so none can be suggested; try a larger --batch-size or a longer text$/,
  ],
])("%s: one sentence, exit code 2, and nothing is written", async (command, sentence) => {
  const directory = workspace();
  writeWords(directory);
  const { exitCode, stderr } = await microgptHere(command.split(" "), { cwd: directory });
  expect([exitCode, stderr.trimEnd()]).toEqual([2, expect.stringMatching(sentence)]);
  expect(readdirSync(directory)).toEqual(["words.txt"]);
});

test.skipIf(process.platform === "win32")("Ctrl-C ends it at once, without a suggestion or a run", async () => {
  const directory = workspace();
  const data = writeWords(directory);
  const slow = ["--engine", "atomic", "--batch-size", "128", "--n-embd", "64", "--runs-dir", join(directory, "runs")];
  const running = start([...FIND, data, ...slow]);
  await until("the test has begun", () => running.output().includes("atomic engine"));
  running.kill("SIGINT");
  const { signal, stdout, stderr } = await running.ended;
  expect([signal, stdout, stderr]).toEqual(["SIGINT", "atomic engine\n\n", ""]); // a shell's 130
  expect(readdirSync(directory)).toEqual(["words.txt"]);
});
