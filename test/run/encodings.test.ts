import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgptHere, TINY, workspace } from "../setup/microgpt.ts";

const NAMES = ["Íñigo", "Begoña", "Núñez", "Muñoz", "José", "Andrés", "Inés", "Óscar", "Peña", "Ramón", "Lucía", "Ana"];
const SPANISH = Buffer.from(`${NAMES.join("\n")}\n`, "latin1");
/** "Новости дня" in windows-1251; the ranges of the alphabet are in order there. */
const RUSSIAN = Buffer.from([0xcd, 0xee, 0xe2, 0xee, 0xf1, 0xf2, 0xe8, 0x20, 0xe4, 0xed, 0xff]);

const train = (directory: string, ...more: string[]): string[] => [
  "train",
  ...TINY,
  "--num-steps",
  "2",
  "--num-samples",
  "0",
  "--runs-dir",
  join(directory, "runs"),
  ...more,
];

function write(directory: string, name: string, bytes: Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

const vocabularyOf = (run: string): string => readFileSync(join(run, "tokenizer.json"), "utf8");

test("Spanish names in Latin-1 keep their ñ, and an accent behind 64 KiB is kept, too", async () => {
  const directory = workspace();
  const plain = "the river ran to the sea and the sea was never full\n".repeat(1400);
  const late = write(directory, "late.txt", Buffer.from(`${plain}they met in the café\n`, "latin1"));
  for (const [data, letter] of [
    [write(directory, "es.txt", SPANISH), "ñ"],
    [late, "é"],
  ] as const) {
    const { stdout } = await microgptHere(train(directory, "--data", data, "--name", letter, "--val-fraction", "0"));
    expect(stdout).toMatch(/\ncleaned .*1 text read as windows-1252/);
    expect(vocabularyOf(join(directory, "runs", letter))).toContain(`"${letter}"`);
  }
});

test("a local XML or HTML file is read as it declares", async () => {
  const directory = workspace();
  const around = (before: string, after: string): Buffer =>
    Buffer.concat([Buffer.from(before), RUSSIAN, Buffer.from(after)]);
  const xml = around('<?xml version="1.0" encoding="windows-1251"?><rss><title>', "</title></rss>");
  const html = around('<html><head><meta charset="windows-1251"></head><body><p>', "</p></body></html>");
  for (const data of [write(directory, "news.xml", xml), write(directory, "news.html", html)]) {
    const args = ["tokenize", "--data", data, "--tokenizer", "char", "--export", join(directory, "out.json")];
    const { exitCode, stdout, stderr } = await microgptHere(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(`${data}: read as windows-1251 (as declared)\n`);
    expect(readFileSync(join(directory, "out.json"), "utf8")).toContain('"я"');
  }
});

test("tokenize says how each encoding was found, and what else a guessed one could be", async () => {
  const directory = workspace();
  const spanish = write(directory, "es.txt", SPANISH);
  const wide = write(directory, "wide.txt", Buffer.from("\ufeffcafé\n", "utf16le"));
  const plain = write(directory, "plain.txt", Buffer.from("café\n"));
  const args = ["tokenize", "--tokenizer", "char", ...[spanish, wide, plain].flatMap((data) => ["--data", data])];
  const { stdout } = await microgptHere(args);
  expect(stdout.split("\n").slice(0, 3)).toEqual([
    expect.stringMatching(
      /es\.txt: read as windows-1252 \(guessed; next likeliest: [\w-]+; --encoding NAME overrides\)$/,
    ),
    expect.stringMatching(/wide\.txt: read as utf-16le \(by its byte order mark\)$/),
    "",
  ]);
  const json = (await microgptHere([...args, "--json"])).stdout.split("\n", 1)[0];
  expect(JSON.parse(json)).toMatchObject({
    encodings: [
      { text: spanish, encoding: "windows-1252", by: "guess" },
      { text: wide, encoding: "utf-16le", by: "mark", runnerUp: null },
    ],
  });
  expect((await microgptHere(["tokenize", "--tokenizer", "char", "--data", plain])).stdout).toMatch(/^tokenizer /);
});

test("--encoding names the encoding of all --data texts, and a run keeps it", async () => {
  const directory = workspace();
  const data = write(directory, "names.txt", SPANISH);
  const options = ["--data", data, "--encoding", "CP850", "--name", "dos", "--val-fraction", "0"];
  const { stdout } = await microgptHere(train(directory, ...options));
  expect(stdout).toMatch(/\ncleaned .*1 text read as ibm850/);
  const run = join(directory, "runs", "dos");
  expect(JSON.parse(readFileSync(join(run, "config.json"), "utf8"))).toMatchObject({ options: { encoding: "CP850" } });
  expect(vocabularyOf(run)).toContain('"±"'); // what CP850 has where Latin-1 has ñ
  expect(await microgptHere(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await microgptHere(["tokenize", "--data", data, "--encoding", "klingon"])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(
      /^microgpt: --encoding: "klingon" is not an encoding that can be read; name one such as/,
    ),
  });
});
