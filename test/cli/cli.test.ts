import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { microgpt, microgptHere, TINY, trained, trainedAnew, workspace, writeWords } from "../setup/microgpt.ts";

describe("microgpt train", () => {
  test("--dry-run says what memory it would take, part by part, and writes nothing", async () => {
    const directory = workspace();
    const { exitCode, stdout } = await microgptHere([
      "train",
      "--dry-run",
      "--runs-dir",
      join(directory, "runs"),
      "--n-embd",
      "64",
    ]);
    expect(exitCode).toBe(0);
    const bytes = [...stdout.matchAll(/^(.+?) +([\d.]+) MB$/gm)].map(
      ([, what, amount]) => [what, Number(amount)] as const,
    );
    const parts = bytes.slice(0, -1).reduce((sum, [, amount]) => sum + amount, 0);
    expect(bytes.at(-1)![0]).toBe("total, at most");
    expect(bytes.at(-1)![1]).toBeCloseTo(parts, 0);
    // 53,632 weights of 4 bytes, and what padding to whole panels adds.
    expect(new Map(bytes).get("parameters")).toBeCloseTo(0.2, 1);
    // 1,000 steps of 64 names out of 7,563.
    expect(stdout).toMatch(/\n1,000 steps: about [\dhms]+ on this machine; the text is learnt 8\.5 times\n$/);
    expect(existsSync(join(directory, "runs"))).toBe(false);
  });

  test("prints plain lines to a pipe: what it has, how it goes, twenty marked samples", () => {
    const { stdout } = trained();
    expect(stdout).not.toMatch(/[\u001b\r]/); // colours and the living line are for terminals
    expect(stdout).toMatch(/^microgpt \d+\.\d+\.\d+ {2}wasm engine\n/);
    expect(stdout).toMatch(/data {7}36 documents to learn, 4 held out; 15 tokens\n/);
    expect(stdout).toMatch(/model {6}344 parameters: 1 layer, 4 wide, 2 heads, block 8\n/);
    expect(stdout).toMatch(/baselines {2}uniform 2\.7081, unigram \d\.\d{4}, bigram \d\.\d{4}\n/);
    expect(
      stdout.match(/^step +\d+\/30 {2}loss \d\.\d{4} {2}held-out \d\.\d{4} {2}[\d,]+ tokens\/s {2}ETA \d+s$/gm),
    ).toHaveLength(3);
    expect(stdout).toMatch(/^held-out loss \d\.\d{4} over all 4 documents, weights of step \d+: /m);
    expect(stdout.match(/^sample +\d+: \S* +(?:new|in the data)$/gm)).toHaveLength(20);
  });

  test("leaves a run directory with all that the README names", () => {
    const { run, data } = trained();
    const files =
      "checkpoints config.json cost.json hugging-face metrics.jsonl model.safetensors result.json samples.json samples.txt tokenizer.json";
    expect(readdirSync(run).toSorted()).toEqual(files.split(" "));
    const config: unknown = JSON.parse(readFileSync(join(run, "config.json"), "utf8"));
    expect(config).toMatchObject({ format: "microgpt-run", version: 1, options: { data: [data], nEmbd: 4, seed: 42 } });
    const metrics = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n");
    expect(metrics).toHaveLength(33); // 30 steps, 3 evaluations
    expect(readFileSync(join(run, "samples.txt"), "utf8").match(/\n/g)).toHaveLength(20);
    expect(readdirSync(join(run, "checkpoints"))).toContain("step-000030.safetensors");
  });

  test("marks a sample that is in the data, and only such a one", () => {
    const { stdout, data } = trained("--num-steps", "400", "--temperature", "0.2");
    const words = new Set(readFileSync(data, "utf8").split("\n"));
    const marked = [...stdout.matchAll(/^sample +\d+: (\S*) +(new|near|in the data)$/gm)];
    expect(marked).toHaveLength(20);
    for (const [, word, mark] of marked) expect(mark === "in the data").toBe(words.has(word));
    expect(marked.map(([, , mark]) => mark)).toContain("in the data");
  });

  test("--json speaks JSON only, one object a line, an event for every step", () => {
    const { stdout } = trained("--json");
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string });
    const count = (name: string): number => events.filter(({ event }) => event === name).length;
    expect(events[0].event).toBe("begin");
    expect([count("step"), count("evaluation"), count("saved"), count("result"), count("sample")]).toEqual([
      30, 3, 1, 1, 20,
    ]);
  });

  test("names its runs after the data, each with the next number, and never writes over one", async () => {
    const directory = workspace();
    const args = ["train", "--data", writeWords(directory), "--runs-dir", join(directory, "a", "b"), ...TINY];
    expect([(await microgptHere(args)).exitCode, (await microgptHere(args)).exitCode]).toEqual([0, 0]);
    expect(readdirSync(join(directory, "a", "b")).toSorted()).toEqual(["words-1", "words-2"]);
    const again = await microgptHere([...args, "--name", "words-1"]);
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toMatch(/words-1 exists; choose another --name, or: microgpt resume .*words-1\n$/);
  });

  test("the same seed gives the same samples, another seed others", () => {
    const samples = ({ run }: { run: string }): string => readFileSync(join(run, "samples.txt"), "utf8");
    const first = samples(trained("--seed", "7"));
    expect(samples(trainedAnew("--seed", "7"))).toBe(first);
    expect(samples(trained())).not.toBe(first);
  });

  test("--prompt-file completes each line after the training; # lines are comments", async () => {
    const directory = workspace();
    const prompts = join(directory, "prompts.txt");
    writeFileSync(prompts, "# beginnings\nba\n\n  dif\n");
    const data = writeWords(directory);
    const args = ["train", "--data", data, "--runs-dir", directory, "--prompt-file", prompts, "--num-samples", "0"];
    const { stdout, exitCode } = await microgptHere([...args, ...TINY]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\n\nprompt {2}1: {2}ba\ncompletion: ba\S*\n\nprompt {2}2: {2}dif\ncompletion: dif\S*\n$/);
  });

  test("--reference keeps duplicates, holds nothing out, and keeps the last weights", async () => {
    const directory = workspace();
    const data = writeWords(directory);
    writeFileSync(data, `${readFileSync(data, "utf8")}bace\nbace\n`);
    const args = ["train", "--reference", "--data", data, "--runs-dir", directory, "--name", "run", ...TINY];
    const { stdout } = await microgptHere(args);
    expect(stdout).toMatch(/data {7}42 documents to learn; 15 tokens\n/);
    expect(stdout).not.toContain("held-out");
    expect((await microgptHere(["sample", join(directory, "run"), "--num-samples", "1"])).exitCode).toBe(0);
  });

  test("colours and the living line are for terminals: NO_COLOR or not, a pipe gets none", () => {
    const { stdout } = trained();
    expect(stdout).not.toMatch(/[\u001b\r]/);
  });
});

describe("microgpt sample and complete", () => {
  test("sample writes as many texts as asked, the same for the same seed", async () => {
    const { run } = trained();
    const again = async (seed: string): Promise<string> =>
      (await microgptHere(["sample", run, "--num-samples", "7", "--seed", seed])).stdout;
    const twice = [await again("3"), await again("3")];
    expect(twice[0]).toBe(twice[1]);
    expect(twice[0].match(/^sample +\d+: /gm)).toHaveLength(7);
    expect(await again("4")).not.toBe(twice[0]);
  });

  test("a run is found by its path, or by its name in --runs-dir", async () => {
    const { directory, run } = trained();
    const byPath = (await microgptHere(["sample", run])).stdout;
    expect((await microgptHere(["sample", "run", "--runs-dir", directory])).stdout).toBe(byPath);
    expect((await microgptHere(["sample", "./run"], { cwd: directory })).stdout).toBe(byPath);
  });

  test("complete begins with the prefix and obeys --max-tokens and --num-samples", async () => {
    const { run } = trained();
    const args = ["complete", run, "ba", "--num-samples", "4", "--max-tokens", "2"];
    const lines = (await microgptHere(args)).stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^ba[a-z]{0,2}$/);
  });

  test("complete --probs shows for every token how likely it was", async () => {
    const { run } = trained();
    const args = ["complete", run, "b", "--temperature", "0", "--max-tokens", "3", "--probs"];
    const [text, ...rows] = (await microgptHere(args)).stdout.trimEnd().split("\n");
    expect(text).toMatch(/^b[a-z]{1,3}$/);
    expect(rows).toHaveLength(text.length - 1);
    rows.forEach((row, i) => expect(row).toMatch(new RegExp(`^ {2}"${text[i + 1]}" +100\\.0%`)));
    const json: unknown = JSON.parse((await microgptHere([...args, "--json"])).stdout);
    expect(json).toMatchObject({
      text,
      tokens: Array.from(text.slice(1), (letter) => ({ text: letter, probability: 1, likeliest: [{ text: letter }] })),
    });
  });

  test("a prompt longer than the block is no crash: its last tokens count", async () => {
    const { run } = trained();
    const long = "bacedifo".repeat(5);
    const { stdout, exitCode } = await microgptHere(["complete", run, long, "--max-tokens", "20"]);
    expect(exitCode).toBe(0);
    expect(stdout.startsWith(long)).toBe(true);
  });

  test("the samples stay unmarked when the data is gone", async () => {
    const { run, data } = trained();
    writeFileSync(data, "");
    expect((await microgptHere(["sample", run, "--num-samples", "2"])).stdout).toMatch(
      /^\nsample {2}1: \S*\nsample {2}2: \S*\n$/,
    );
  });
});

describe("bad input is one clear sentence and exit code 2", () => {
  const directoryOf = (): { directory: string; data: string } => {
    const directory = workspace();
    writeFileSync(join(directory, "empty.txt"), "");
    writeFileSync(join(directory, "blank.txt"), " \n\t\n\r\n");
    writeFileSync(join(directory, "binary.bin"), Uint8Array.of(104, 105, 0, 1, 2));
    writeFileSync(join(directory, "paper.pdf"), "%PDF-1.7\n");
    writeFileSync(join(directory, "one.txt"), "alone\nalone\n");
    mkdirSync(join(directory, "folder"));
    return { directory, data: writeWords(directory) };
  };

  const CASES: readonly (readonly [string, RegExp])[] = [
    ["--data nowhere.txt", /^cannot read \S*nowhere\.txt: there is no such file \(ENOENT\)$/],
    ["--data empty.txt", /empty\.txt contains no text; omit it, or give a file with text$/],
    ["--data blank.txt", /blank\.txt contains no text/],
    ["--data binary.bin", /binary\.bin is not text: byte 2 is 0, so it is a binary file$/],
    ["--data paper.pdf", /paper\.pdf is not text: it is a PDF; convert it .* pdftotext paper\.pdf text\.txt$/],
    ["--data folder", /^--data \S*folder: no text files found; name a file or another folder$/],
    ["--data no*.txt", /^--data \S*no\*\.txt"?: no text files found; name a file or another folder$/],
    ["--data file:words.txt", /^"file:words\.txt" is not the address of a local file|cannot read/],
    ["--urls words.txt", /^"words\.txt" is not a web address; write https:\/\/words\.txt$/],
    ["--urls ftp://a.example/b", /^"ftp:\/\/a\.example\/b": only http, https and file addresses can be read$/],
    ["--url-file blank.txt", /^--url-file blank\.txt contains no addresses; write one per line$/],
    [
      "--urls http://127.0.0.1:9/ --allow-host a/b",
      /^--allow-host: expected a host name or address alone, got "a\/b"$/,
    ],
    ["--tokenizer bpe --unk", /^--unk is for char and word; bpe makes/],
    [
      "--tokenizer bpe --vocab-size 5",
      /^--vocab-size 5 is too small for the \d+ base tokens of the data and BOS; give/,
    ],
    ["--min-length 100 --data words.txt", /^data: no documents left; give more text, or change --min-length or/],
    [
      "--data one.txt",
      /^data: one distinct document can't be split; give more, or hold nothing out \(--val-fraction 0\)$/,
    ],
    ["--data words.txt nowhere.txt", /^cannot read \S*nowhere\.txt/],
    ["--n-embd 15", /^--n-head 4 does not divide --n-embd 15; each head gets an equal share of the width$/],
    ["--n-embd 0", /^--n-embd: expected a whole number from 1 to 65536, got "0"$/],
    ["--n-layer -1", /^--n-layer: expected a whole number from 1 to 1000, got "-1"$/],
    ["--block-size 2.5", /^--block-size: expected a whole number from 1 to 65536, got "2.5"$/],
    ["--num-steps many", /^--num-steps: expected a whole number from 1 to 1000000000, got "many"$/],
    ["--learning-rate nan", /^--learning-rate: expected a number from 0 to 1000, got "nan"$/],
    ["--val-fraction 1", /^--val-fraction: expected a number from 0 to 0.9, got "1"$/],
    ["--n-embed 8", /^unknown option '--n-embed' \(Did you mean --n-embd\?\)/],
    ["--n-embd", /^option '--n-embd <N>' argument missing/],
    ["--tokenizer bytes", /^--tokenizer: expected one of char, word, bpe, byte-bpe; got "bytes"$/],
    ["--name ../escape", /^--name: expected letters, digits and _, also - and \. after the first, got "\.\.\/escape"$/],
    [
      "--n-embd 4096 --engine atomic",
      /^a model of [\d,]+ parameters is too large for the atomic engine, which takes 2,000,000; choose/,
    ],
    ["--prompt-file nowhere.txt", /^cannot read nowhere\.txt/],
    [
      "--strict-math --engine webgpu",
      /^--strict-math needs the wasm engine, because GPUs differ in their last bits; drop one/,
    ],
    [
      "--strict-math --engine native",
      /^--strict-math needs the wasm engine, because native code differs in its last bits; drop one of the two$/,
    ],
    ["--keep-c c", /^--keep-c needs --engine native, the one that generates C; add it, or drop --keep-c$/],
    ["--precision f16 --engine native", /^--precision f16 needs a GPU; drop it, or --engine native$/],
    ["--no-gpu --engine wasm", /^--no-gpu means --engine atomic; drop it, or --engine wasm$/],
    ["--interactive", /^--interactive needs a terminal; give the options as flags instead$/],
    ["--reference --val-fraction 0.2", /^--reference holds nothing out, as microgpt\.py does; drop --val-fraction$/],
    ["--documents file --data blank.txt", /blank\.txt contains no text; omit it, or give a file with text$/],
    ["--documents paragraph --data empty.txt", /empty\.txt contains no text; omit it/],
    ["--documents chapter", /^--documents: expected one of line, paragraph, file; got "chapter"$/],
    ["--reference --stream", /^--reference trains exactly as microgpt\.py does; drop --stream$/],
    [
      "--reference --batch-size 4",
      /^--reference takes one document per step, as microgpt\.py does; drop --batch-size$/,
    ],
    ["--reference --clip-norm 1", /^--reference trains exactly as microgpt\.py does; drop --clip-norm$/],
    ["--warmup-steps 1000", /^--warmup-steps 1000 must be less than --num-steps 1000$/],
    ["--schedule cos", /^--schedule: expected one of linear, cosine, constant; got "cos"$/],
    ["--accumulate 0", /^--accumulate: expected a whole number from 1 to 128, got "0"$/],
    ["--clip-norm 0", /^--clip-norm: expected a number from 0\.000001 to 1000000000, got "0"$/],
    ["extra", /^cannot read \S*extra/],
  ];

  test("in a process of its own", () => {
    const { exitCode, stderr } = microgpt(["train", "--n-embd", "0"]);
    expect([exitCode, stderr]).toEqual([2, 'microgpt: --n-embd: expected a whole number from 1 to 65536, got "0"\n']);
  });

  test.each(CASES)("microgpt train %s", async (args, message) => {
    const { directory } = directoryOf();
    const { exitCode, stdout, stderr } = await microgptHere(["train", ...args.split(" ")], { cwd: directory });
    expect(stderr).toMatch(/^microgpt: [^\n]+\n$/);
    expect(stderr.slice("microgpt: ".length, -1)).toMatch(message);
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(existsSync(join(directory, "runs"))).toBe(false); // nothing half-written
  });

  test.each([
    [["tran"], /^"tran" is not a command, and no such file exists; did you mean train or plan\?$/],
    [["sample"], /^missing required argument 'RUN'/],
    [["sample", "nowhere"], /nowhere: there is no such run$/],
    [["sample", "words.txt"], /words\.txt is not a run; a run is a directory$/],
    [["resume", "folder"], /folder is not a run: it has no config\.json$/],
    [["complete", "folder"], /^missing required argument 'PREFIX'/],
    [["sample", "folder", "--top-p", "0"], /^--top-p: expected a number from 0\.000001 to 1, got "0"$/],
    [["sample", "folder", "--top-k", "0"], /^--top-k: expected a whole number from 1 to 1000000000, got "0"$/],
    [["sample", "folder", "--temperature", "-1"], /^--temperature: expected a number from 0 to 1000, got "-1"$/],
  ])("microgpt %j", async (args, message) => {
    const { directory } = directoryOf();
    const { exitCode, stderr } = await microgptHere(args, { cwd: directory });
    expect(stderr).toMatch(/^microgpt: [^\n]+\n$/);
    expect(stderr.slice("microgpt: ".length, -1)).toMatch(message);
    expect(exitCode).toBe(2);
  });

  test("a run whose data has changed is not resumed", async () => {
    const { run, data } = trained();
    writeFileSync(data, `${readFileSync(data, "utf8")}new\n`);
    const { exitCode, stderr } = await microgptHere(["resume", run]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/run: the data is not what the run began with; restore it to resume\n$/);
  });

  test.each([
    ["config.json", '"seed": 42', '"seed": 43'],
    ["config.json", '"nEmbd": 4', '"nEmbd": 2'],
    ["tokenizer.json", '"a"', '"z"'],
  ])("a run whose %s was changed (%s → %s) is not resumed", async (name, from, to) => {
    const { run } = trained();
    const text = readFileSync(join(run, name), "utf8");
    expect(text).toContain(from);
    writeFileSync(join(run, name), text.replace(from, to));
    const { exitCode, stderr } = await microgptHere(["resume", run]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(new RegExp(`run: ${name} is not what the run began with; restore it to resume\n$`));
  });

  test("a run that was moved with its data goes on, once config.json says where the data is", async () => {
    const { run, data } = trained();
    renameSync(data, `${data}.moved`);
    const config = join(run, "config.json");
    expect((await microgptHere(["resume", run])).stderr).toMatch(/cannot read \S*words\.txt: there is no such file/);
    writeFileSync(config, readFileSync(config, "utf8").replace(data, `${data}.moved`));
    expect(await microgptHere(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("text that could command a terminal is printed without its controls, and written to files as it is", async () => {
    const directory = workspace();
    const data = join(directory, "evil.txt");
    writeFileSync(data, "\u001b]0;owned\u0007\n".repeat(3) + "\u009b31m\u202eabc\n".repeat(3));
    const args = ["train", "--data", data, "--reference", "--runs-dir", directory, "--name", "run", ...TINY];
    const { stdout } = await microgptHere([...args, "--num-steps", "200", "--temperature", "0.1"]);
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(readFileSync(join(directory, "run", "samples.txt"), "utf8")).toMatch(/[\u001b\u009b]/);
  });
});
