/** `microgpt plan`, as a user runs it: the choice for each time, and that a training chooses the same. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgptHere, workspace } from "../setup/microgpt.ts";

const VERSES = readFileSync("test/fixtures/genesis200.txt", "utf8");

interface Plan {
  readonly event: string;
  readonly characters: number;
  readonly speed: number;
  readonly enoughSeconds: number | null;
  readonly rows: readonly {
    readonly seconds: number;
    readonly usedSeconds: number;
    readonly passes: number;
    readonly options: Readonly<Record<string, number | string>>;
    readonly expected: { readonly bitsPerByte: number; readonly low: number; readonly high: number };
    readonly memoryBytes: number;
  }[];
}

function place(text: string = VERSES): string {
  const directory = workspace();
  writeFileSync(join(directory, "text.txt"), text);
  return directory;
}

async function planOf(cwd: string, ...args: readonly string[]): Promise<Plan> {
  const { exitCode, stdout, stderr } = await microgptHere(["plan", "text.txt", "--json", ...args], { cwd });
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(existsSync(join(cwd, "runs"))).toBe(false);
  return JSON.parse(stdout) as Plan;
}

test("prints a choice for ten seconds to an hour, and from when on more time does not pay", async () => {
  const cwd = place();
  const { stdout } = await microgptHere(["plan", "text.txt"], { cwd });
  for (const time of ["10 s", "30 s", "1 min", "5 min", "20 min", "1 h"])
    expect(stdout).toMatch(new RegExp(`^ *${time} `, "m"));
  expect(stdout).toMatch(/^25\.8 kB of text; /);
  expect(stdout).toMatch(/^More than \d+ (?:s|min) hardly pays: the text is too short for a larger model\.$/m);
  expect(existsSync(join(cwd, "runs"))).toBe(false);
});

test("as JSON: text, speed, and per time what is chosen, expected and needed", async () => {
  const { event, characters, speed, enoughSeconds, rows } = await planOf(place());
  expect([event, characters]).toEqual(["plan", VERSES.length]);
  expect(speed).toBeGreaterThan(0);
  expect(rows.map(({ seconds }) => seconds)).toEqual([10, 30, 60, 120, 300, 600, 1200, 3600]);
  expect(rows.map(({ seconds }) => seconds)).toContain(enoughSeconds);
  const bits = rows.map(({ expected }) => expected.bitsPerByte);
  expect(bits).toEqual(bits.toSorted((a, b) => b - a));
  for (const { seconds, usedSeconds, memoryBytes, passes } of rows) {
    expect(usedSeconds).toBeLessThanOrEqual(seconds);
    expect(memoryBytes).toBeGreaterThan(50e6);
    expect(passes).toBeGreaterThan(0);
  }
});

test("what is typed is in every row", async () => {
  const { rows } = await planOf(place(), "--n-embd", "40", "--tokenizer", "char");
  for (const { options } of rows) expect(options).toMatchObject({ nEmbd: 40, tokenizer: "char" });
});

test("a text that is too short, or missing, is refused in one sentence", async () => {
  const short = await microgptHere(["plan", "text.txt"], { cwd: place("ada\nbob\n") });
  expect(short.exitCode).toBe(2);
  expect(short.stderr).toMatch(/^microgpt: plan: the text has 8 characters, too few .*\n$/);
  const missing = await microgptHere(["plan", "nowhere.txt"], { cwd: place() });
  expect(missing.exitCode).toBe(2);
  expect(missing.stderr.trim().split("\n")).toHaveLength(1);
});
