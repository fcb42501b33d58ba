import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";

/** A directory with words.txt, and the folder `more` with half as many other words. */
function texts(): string {
  const directory = workspace();
  const words = readFileSync(writeWords(directory), "utf8").split("\n");
  mkdirSync(join(directory, "more"));
  const others = words.slice(0, 20).map((word) => `${word}x`);
  writeFileSync(join(directory, "more", "few.txt"), others.join("\n"));
  return directory;
}

test("a file, a folder or several in the place of the command are texts to train on; a command's name is the command", async () => {
  const directory = texts();
  writeFileSync(join(directory, "sample"), "not read\n");
  const learnt = async (...args: string[]): Promise<string | undefined> =>
    /data +(.*); /.exec((await microgptHere([...args, ...TINY], { cwd: directory })).stdout)?.[1];
  expect(await learnt("words.txt")).toBe("36 documents to learn, 4 held out");
  expect(await learnt("more")).toBe("18 documents to learn, 2 held out");
  expect(await learnt("words.txt", "more")).toBe("54 documents to learn, 6 held out");
  expect(await learnt("train", "more", "--data", "words.txt")).toBe("54 documents to learn, 6 held out");
  const { stderr } = await microgptHere(["sample"], { cwd: directory });
  expect(stderr).toContain("missing required argument 'RUN'");
  const { stdout } = await microgptHere(["--help"]);
  expect(stdout.replace(/\s+/g, " ")).toContain("a word that is a command's name is the command");
});

test("--data takes several texts in tokenize and sweep, too", async () => {
  const directory = texts();
  const sizeOf = (name: string): number => readFileSync(join(directory, name), "utf8").replaceAll("\n", "").length;
  const both = ["--data", "words.txt", "more", "--json"];
  const counted = await microgptHere(["tokenize", "--tokenizer", "char", ...both], { cwd: directory });
  const last: unknown = JSON.parse(counted.stdout.trim().split("\n").at(-1)!);
  expect(last).toMatchObject({ bytes: sizeOf("words.txt") + sizeOf("more/few.txt") });
  const args = ["sweep", ...both, "--grid", "seed=1,2", "--name", "s", ...TINY];
  expect((await microgptHere(args, { cwd: directory })).exitCode).toBe(0);
  const plan = JSON.parse(readFileSync(join(directory, "runs", "s", "sweep.json"), "utf8")) as {
    options: { data: string[] };
  };
  expect(plan.options.data).toEqual([join(directory, "words.txt"), join(directory, "more")]);
});

test("an option may be shortened to a prefix that no other option has", async () => {
  const directory = texts();
  const args = ["--da", "words.txt", "--n-e=8", "--n-h", "2", "--num-st", "20", "--block", "8", "--name", "--n-e"];
  const { exitCode, stdout } = await microgptHere(args.slice(0, -2), { cwd: directory });
  expect(exitCode).toBe(0);
  expect(stdout).toContain("1 layer, 8 wide, 2 heads, block 8");
  expect(stdout).toContain("step 20/20");
  const { stderr } = await microgptHere(args, { cwd: directory }); // a value is not an option
  expect(stderr).toContain('got "--n-e"');
});

describe("what is meant is said in one sentence, with exit code 2", () => {
  test.each([
    ["train words.txt nowhere.txt", /^cannot read \S*nowhere\.txt/],
    ["--num-s", /^"--num-s" may be --num-steps or --num-samples; write more of it$/],
    ["--steps 10", /^"--steps" is not an option; use --num-steps$/],
    ["words.txt --lr=0.1", /^"--lr" is not an option; use --learning-rate$/],
    ["--epochs 3", /^"--epochs" is not an option; use --num-steps; --dry-run says how many passes over the text/],
    ["--layers 2", /^"--layers" is not an option; use --n-layer$/],
    ["sweep --heads 2", /^"--heads" is not an option; use --n-head$/],
    ["--embd 32", /^"--embd" is not an option; use --n-embd$/],
    ["sample more --lr 1", /^unknown option '--lr'/],
    ["sample more --t 1", /^"--t" may be --temperature, --top-k or --top-p; write more of it$/],
    ["smaple more", /^"smaple" is not a command, and no such file exists; did you mean sample\?$/],
    ["notes", /^"notes" is not a command, and no such file exists; the commands are train, .*; see microgpt --help$/],
    ["tokenize --data words.txt hello", /^--data "hello": no such file; --data takes every .* put the text first: /],
    ["sweep --data words.txt depth", /^--data "depth": no such file; .* put the sweep file or preset first: /],
    ["sweep more", /^more is a folder, not a sweep file; for texts, --data more$/],
  ])("microgpt %s", async (args, message) => {
    const { exitCode, stderr } = await microgptHere(args.split(" "), { cwd: texts() });
    expect(stderr).toMatch(/^microgpt: [^\n]+\n$/);
    expect(stderr.slice("microgpt: ".length, -1)).toMatch(message);
    expect(exitCode).toBe(2);
  });
});
