/** Every file of a run and of a sweep, damaged in every way, through the command line: a result or one sentence. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { microgpt, microgptHere, sharedWorkspace, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent, EXTENT } from "../setup/place.ts";

/** What is done to a file. `random` decides where. */
type Damage = (path: string, random: Random) => void;

const replaceBy =
  (make: (path: string) => void): Damage =>
  (path) => {
    fs.rmSync(path, { recursive: true, force: true });
    make(path);
  };
const write = (content: string): Damage => replaceBy((path) => fs.writeFileSync(path, content));

/** Changes bytes of a regular file; what is none stays. */
const change =
  (edit: (bytes: Buffer, random: Random) => Buffer): Damage =>
  (path, random) => {
    if (fs.statSync(path).isFile()) fs.writeFileSync(path, edit(fs.readFileSync(path), random));
  };
const flip = change((bytes, random) => {
  for (let i = 0; i < 3 && bytes.length > 0; i++) bytes[random.randbelow(bytes.length)] ^= 1 << random.randbelow(8);
  return bytes;
});

const DAMAGES: Readonly<Record<string, Damage>> = {
  "some bits are flipped": flip,
  "others are": flip,
  "its end is missing": change((bytes, random) => bytes.subarray(0, random.randbelow(bytes.length + 1))),
  "it is there twice": change((bytes) => Buffer.concat([bytes, bytes])),
  "it is missing": (path) => fs.rmSync(path, { recursive: true, force: true }),
  "it is empty": write(""),
  "it is another JSON": write('{"format":"microgpt-run","version":1,"step":1e999,"options":[],"measured":[null]}\n'),
  "it is a number": write("5"),
  "it is a line of JSON that is too long": write(`{"step":1,"loss":"${"x".repeat(3_000_000)}"}\n`),
  "it is not text": write("\u0000\ud800\u001b[31m".repeat(100)),
  "it is a directory": replaceBy((path) => fs.mkdirSync(path)),
  "it is a link to itself": replaceBy((path) => fs.symlinkSync(path, path)),
};

const COMMANDS: readonly (readonly string[])[] = [
  ["resume", "RUN"],
  ["sample", "RUN", "--num-samples", "1"],
  ["complete", "RUN", "ba", "--json"],
  ["compare", "RUN"],
  ["report", "RUN", "--out", "PAGE"],
  ["export", "RUN", "--to", "pytorch", "--out", "FOLDER"],
];

/** The commands that are tried on a damaged file. */
const chosen = (random: Random): readonly (readonly string[])[] => {
  const [one, other] = [0, 0].map(() => COMMANDS[random.randbelow(COMMANDS.length)]);
  return byExtent([one], [one, other], COMMANDS);
};

/** Messages alone, and none with a stack. */
function expectSentences(what: string, { exitCode, stderr }: { exitCode: number | null; stderr: string }): void {
  const lines = stderr.split("\n").filter((line) => line !== "");
  const bad = lines.filter((line) => !/^microgpt: \S/.test(line) || line.length > 1500);
  expect({ what, exitCode, bad }).toEqual({ what, exitCode: expect.toBeOneOf([0, 1, 2, 3]), bad: [] });
  if (exitCode !== 0) expect({ what, lines: lines.length }).not.toEqual({ what, lines: 0 });
}

let original = "";
beforeAll(async () => {
  original = sharedWorkspace();
  const place = ["--runs-dir", original, ...TINY, "--num-samples", "2"];
  const words = fs.readFileSync(writeWords(original), "utf8");
  const train = ["train", "--data", "-", "--name", "run", ...place, "--log", "csv,tensorboard"];
  const sweep = ["sweep", "--data", join(original, "words.txt"), "--grid", "n-embd=4,8", "--name", "sweep", ...place];
  for (const [args, input] of [
    [train, words],
    [sweep, ""],
  ] as const) {
    const { exitCode, stderr } = await microgptHere(args, { input });
    if (exitCode !== 0) throw new Error(stderr);
  }
  fs.writeFileSync(join(original, "run", ".lock"), "");
  fs.writeFileSync(join(original, "run", ".lock.takeover"), "");
  fs.writeFileSync(join(original, "sweep", "failures.json"), "{}");
});

/** Paths of all files and folders of a directory, relative to it. */
const entriesOf = (directory: string): string[] =>
  fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted();

/** A copy of the run and the sweep, of which one file is damaged. */
function damaged(damage: Damage, path: string, random: Random): string {
  const directory = workspace();
  fs.cpSync(original, directory, { recursive: true });
  damage(join(directory, path), random);
  return directory;
}

const argumentsIn = (directory: string, subject: string, command: readonly string[]): string[] =>
  command.map(
    (word) =>
      ({ RUN: join(directory, subject), PAGE: join(directory, "page.html"), FOLDER: join(directory, "folder") })[
        word
      ] ?? word,
  );

describe("a run of which one file is damaged:", () => {
  test.each(Object.keys(DAMAGES))("%s", { tags: ["damage"], timeout: 1_800_000 }, async (name) => {
    const random = new Random(Object.keys(DAMAGES).indexOf(name));
    const entries = entriesOf(join(original, "run"));
    expect(entries.length).toBeGreaterThan(15);
    let refused = 0;
    for (const entry of entries) {
      for (let round = 0; round < byExtent(1, 1, 5); round++) {
        for (const command of chosen(random)) {
          const directory = damaged(DAMAGES[name], join("run", entry), random);
          const outcome = await microgptHere(argumentsIn(directory, "run", command));
          expectSentences(`${command[0]}, ${entry}`, outcome);
          if (outcome.exitCode === 2) refused++;
          fs.rmSync(directory, { recursive: true });
        }
      }
    }
    if (name !== "some bits are flipped" && name !== "others are") expect(refused).toBeGreaterThan(0);
  });

  test.skipIf(process.platform === "win32")(
    "it is a FIFO: it is not waited for (skipped where there are none)",
    { tags: ["damage"], timeout: 1_800_000 },
    () => {
      const random = new Random(99);
      const fifo: Damage = replaceBy((path) => execFileSync("mkfifo", [path]));
      for (const entry of entriesOf(join(original, "run"))) {
        if (EXTENT === "quick" && random.random() < 0.8) continue;
        for (const command of chosen(random)) {
          const directory = damaged(fifo, join("run", entry), random);
          expectSentences(`${command[0]}, ${entry}`, microgpt(argumentsIn(directory, "run", command)));
          fs.rmSync(directory, { recursive: true });
        }
      }
    },
  );
});

test.each(Object.keys(DAMAGES))(
  "a sweep of which one file is damaged: %s",
  { tags: ["damage"], timeout: 1_800_000 },
  async (name) => {
    const random = new Random(Object.keys(DAMAGES).indexOf(name));
    const entries = entriesOf(join(original, "sweep")).filter((entry) => !/^(?:runs|logs)\b/.test(entry));
    expect(entries.length).toBeGreaterThan(4);
    for (const entry of EXTENT === "quick" ? entries.slice(0, 1) : entries) {
      for (const command of [
        ["sweep", "--resume", "RUN"],
        ["compare", "RUN"],
        ["report", "RUN", "--out", "PAGE"],
        ["export", "RUN", "--to", "pytorch", "--out", "FOLDER"],
      ]) {
        const directory = damaged(DAMAGES[name], join("sweep", entry), random);
        expectSentences(`${command[0]}, ${entry}`, await microgptHere(argumentsIn(directory, "sweep", command)));
        fs.rmSync(directory, { recursive: true });
      }
    }
  },
);
