import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { microgpt, microgptAsync, microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent, EXTENT } from "../setup/place.ts";
import { serveSite } from "../setup/site.ts";

/** A page as there are many: the text is a tenth of it. */
const PAGE = `<!doctype html><html><head><title>On rivers</title><style>p { color: red }</style></head><body>
<nav><a href="/">Home</a> <a href="/login">Log in</a></nav>
<article><h1>On rivers</h1>
<p>Rivers rise in hills, grow by what other rivers give them, and come, after many a bend and fall, to the sea.</p>
<p>Of the water that they carry, the sun takes a part back, so that the hills have rain, and the rivers do not end.</p>
</article><aside>Buy our newsletter</aside><footer>Imprint</footer><script>track()</script></body></html>`;

const VERSES = Array.from({ length: 30 }, (_, i) => `verse ${i % 28} of ${(i * 7) % 28}`).join("\n");

const events = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const beginning = (stdout: string): Record<string, unknown> =>
  events(stdout).find(({ event }) => event === "begin") ?? {};

const train = (directory: string, ...more: string[]): string[] => [
  "train",
  "--runs-dir",
  join(directory, "runs"),
  ...TINY,
  "--num-steps",
  "3",
  "--num-samples",
  "0",
  "--json",
  ...more,
];

describe("--data", () => {
  test("names files, folders, patterns and file: addresses; what is no text in a folder is told and left out", async () => {
    const directory = workspace();
    mkdirSync(join(directory, "corpus", "deep"), { recursive: true });
    writeFileSync(join(directory, "corpus", "b.txt"), "bb one\nbb two\n");
    writeFileSync(join(directory, "corpus", "a.md"), "aa one\n");
    writeFileSync(join(directory, "corpus", "deep", "c.txt"), "cc one\n");
    writeFileSync(join(directory, "corpus", "empty.txt"), "");
    writeFileSync(join(directory, "corpus", "picture.png"), Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13));
    writeFileSync(join(directory, "corpus", ".hidden"), "hidden\n");
    const documents = async (...data: string[]): Promise<[number, string]> => {
      const args = train(directory, "--val-fraction", "0", "--data", ...data);
      const { exitCode, stdout, stderr } = await microgptHere(args, { cwd: directory });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      const warnings = events(stdout).filter(({ event }) => event === "warning");
      return [Number(beginning(stdout).documents), warnings.map(({ message }) => String(message)).join()];
    };
    const left = /^left out: \S*picture\.png is not text: byte 4 is 0, so it is a binary file$/;
    expect(await documents("corpus/b.txt")).toEqual([2, ""]);
    expect(await documents("corpus/*.txt")).toEqual([2, ""]);
    expect(await documents("corpus/**/*.{txt,md}")).toEqual([4, ""]);
    expect(await documents("corpus")).toEqual([4, expect.stringMatching(left)]);
    expect(await documents(pathToFileURL(join(directory, "corpus", "a.md")).href, "corpus/deep")).toEqual([2, ""]);
  });

  test("a saved page is read as a page", async () => {
    const directory = workspace();
    writeFileSync(join(directory, "rivers.html"), PAGE);
    const { stdout } = await microgptHere(["tokenize", "--data", "rivers.html", "--tokenizer", "word", "--json"], {
      cwd: directory,
    });
    // Two paragraphs; a heading that only repeats the title is none of the article.
    expect(events(stdout)[0]).toMatchObject({ words: 46 });
  });

  test("- is what is piped in; the run keeps it, and goes on without it", async () => {
    const directory = workspace();
    const args = train(directory, "--data", "-", "--name", "piped", "--num-steps", "8", "--save-interval", "4");
    const { exitCode, stdout, stderr } = await microgptAsync(args, { input: VERSES });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(beginning(stdout)).toMatchObject({ documents: 25, heldOut: 3, duplicates: 2 });
    const run = join(directory, "runs", "piped");
    expect(readFileSync(join(run, "pages", "0001.txt"), "utf8")).toBe(VERSES);
    const model = readFileSync(join(run, "model.safetensors"));
    rmSync(join(run, "checkpoints", "step-000008.safetensors"));
    expect(await microgptHere(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
    expect(readFileSync(join(run, "model.safetensors"))).toEqual(model);
  });
});

describe("--urls and --url-file", () => {
  test("pages become documents; one that fails is a warning, and the run keeps the others to go on with", async () => {
    const directory = workspace();
    const site = await serveSite({
      "/rivers.html": PAGE,
      "/verses.txt": VERSES,
      "/robots.txt": "User-agent: *\nDisallow: /no",
    });
    writeFileSync(join(directory, "pages.txt"), `# what to read\n\n${site.url}/verses.txt\n${site.url}/no/entry.txt\n`);
    const more = ["--url-file", join(directory, "pages.txt"), "--cache-dir", join(directory, "cache"), "--name", "web"];
    const args = train(directory, "--urls", `${site.url}/rivers.html`, `${site.url}/gone.txt`, ...more);
    const { exitCode, stdout, stderr } = await microgptHere(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const told = events(stdout).filter(({ event }) => event === "fetched" || event === "not fetched");
    expect(told.map(({ event, url, reason }) => [event, String(url).slice(site.url.length), reason])).toEqual(
      expect.arrayContaining([
        ["fetched", "/rivers.html", undefined],
        ["fetched", "/verses.txt", undefined],
        ["not fetched", "/gone.txt", "its server answers with status 404"],
        ["not fetched", "/no/entry.txt", expect.stringMatching(/^its robots\.txt disallows it; --ignore-robots/)],
      ]),
    );
    expect(told).toHaveLength(4);
    expect(beginning(stdout)).toMatchObject({ documents: 27, heldOut: 3, duplicates: 2 });
    expect(site.asked.filter((path) => path === "/robots.txt")).toHaveLength(1);
    const run = join(directory, "runs", "web");
    const names = JSON.parse(readFileSync(join(run, "pages", "pages.json"), "utf8")) as { name: string }[];
    expect(names.map(({ name }) => name)).toEqual([`${site.url}/rivers.html`, `${site.url}/verses.txt`]);
    // Neither the site nor the list of addresses is needed to go on, or for samples that know what is new.
    rmSync(join(directory, "pages.txt"));
    rmSync(join(directory, "cache"), { recursive: true });
    rmSync(join(run, "checkpoints", "step-000003.safetensors"), { force: true });
    const before = site.asked.length;
    expect(await microgptHere(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await microgptHere(["sample", run, "--num-samples", "1"])).stdout).toMatch(/ (?:new|in the data)\n$/);
    expect(site.asked).toHaveLength(before);
  });

  test("a page comes from the cache the second time, and with --no-cache from its server again", async () => {
    const directory = workspace();
    const site = await serveSite({ "/verses.txt": VERSES });
    const fetchIt = async (...more: string[]): Promise<string> => {
      const args = ["fetch", `${site.url}/verses.txt`, "--cache-dir", join(directory, "cache"), ...more];
      const { exitCode, stdout, stderr } = await microgptHere(args);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${[...new Set(VERSES.split("\n"))].join("\n")}\n` });
      return stderr;
    };
    expect(await fetchIt()).toMatch(
      /^fetched {4}http:\S+\/verses\.txt {2}0\.\d KB\n28 documents, 2 duplicates dropped\n$/,
    );
    expect(await fetchIt()).toMatch(/KB, from the cache\n/);
    expect(site.asked.filter((path) => path === "/verses.txt")).toHaveLength(1);
    await fetchIt("--no-cache");
    expect(site.asked.filter((path) => path === "/verses.txt")).toHaveLength(2);
    const files = readdirSync(join(directory, "cache"), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files.every(({ name }) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
  });

  test.each(["/proc/none", "/dev/null", "FILE"])("a cache that can't be at %s is one clear sentence", async (place) => {
    const directory = workspace();
    const cache = place === "FILE" ? writeWords(directory) : place;
    const { exitCode, stderr } = await microgptHere(["fetch", "http://127.0.0.1:9/", "--cache-dir", cache]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^microgpt: cannot write \S+pages: [^\n]+ \(E\w+\)\n$/);
  });

  test("a password that was typed with an address is in no file", async () => {
    const directory = workspace();
    const site = await serveSite({ "/verses.txt": VERSES });
    const address = site.url.replace("http://", "http://reader:s3cret@");
    const args = train(
      directory,
      "--urls",
      `${address}/verses.txt`,
      "--cache-dir",
      join(directory, "cache"),
      "--name",
      "r",
    );
    const { exitCode, stdout, stderr } = await microgptHere(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).not.toContain("s3cret");
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1"));
    expect(texts.length).toBeGreaterThan(8);
    expect(texts.filter((text) => text.includes("s3cret"))).toEqual([]);
    expect(texts.some((text) => text.includes(`${site.url}/verses.txt`))).toBe(true);
  });

  test("if no page can be read, nothing is trained: exit 2, and no run", async () => {
    const directory = workspace();
    const site = await serveSite({});
    const { exitCode, stderr } = await microgptHere(
      train(directory, "--urls", `${site.url}/a`, `${site.url}/b`, "--data", writeWords(directory), "--no-cache"),
    );
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^microgpt: none of 2 pages could be read; http:\S+\/a: its server answers with status 404\n$/,
    );
    expect(existsSync(join(directory, "runs"))).toBe(false);
  });

  test("fetch writes clean text to a file, whole or not at all", async () => {
    const directory = workspace();
    const site = await serveSite({ "/rivers.html": PAGE });
    const out = join(directory, "rivers.txt");
    const args = [
      "fetch",
      `${site.url}/rivers.html`,
      "--documents",
      "paragraph",
      "--cache-dir",
      directory,
      "--out",
      out,
    ];
    expect(await microgptHere(args)).toMatchObject({ exitCode: 0, stdout: "" });
    const paragraphs = readFileSync(out, "utf8").trim().split("\n\n");
    expect(paragraphs.map((text) => [text.slice(0, 21), text.slice(-26)])).toEqual([
      ["Rivers rise in hills,", "many a bend and fall, to the sea.".slice(-26)],
      ["Of the water that the", "and the rivers do not end."],
    ]);
    const nowhere = await microgptHere([...args.slice(0, -1), join(directory, "none", "x.txt")]);
    expect(nowhere.exitCode).toBe(1);
    expect(nowhere.stderr).toMatch(/microgpt: cannot write \S+x\.txt: there is no such file \(ENOENT\)\n$/);
  });
});

test("what is cleaned is counted and told; --reference cleans nothing", async () => {
  const directory = workspace();
  const data = join(directory, "dirty.txt");
  const lines = [
    "cafe\u0301",
    "bell\u0007bell",
    "x",
    "a line that is too long by far",
    "good one",
    "good two",
    "good two",
  ];
  writeFileSync(data, Buffer.concat([Buffer.from(`${lines.join("\n")}\n`), Buffer.from([0x62, 0xff, 0x62, 0x0a])]));
  // The bad byte lies behind what the encoding is guessed from.
  writeFileSync(data, Buffer.concat([Buffer.from("filling line\n".repeat(6000)), readFileSync(data)]));
  const more = ["--data", data, "--nfc", "--min-length", "2", "--max-length", "20", "--val-fraction", "0"];
  const { stdout } = await microgptHere(train(directory, ...more));
  expect(beginning(stdout)).toMatchObject({
    documents: 6, // filling, café, bellbell, good one, good two, b?b
    duplicates: 6000,
    cleaning: { controls: 1, normalized: 1, tooShort: 1, tooLong: 1, replaced: 1, gutenberg: 0, encodings: {} },
  });
  const plain = (await microgptHere(train(directory, ...more).filter((word) => word !== "--json"))).stdout;
  expect(plain).toMatch(
    /\ncleaned {4}1 invalid character replaced by \ufffd, 1 control character removed, 1 document normalized, 1 document too short, 1 document too long\n/,
  );
  const reference = (await microgptHere(train(directory, "--data", data, "--reference"))).stdout;
  expect(beginning(reference)).toMatchObject({ documents: 6008, cleaning: { controls: 0, normalized: 0 } });
  const kept = (await microgptHere(train(directory, "--data", data, "--keep-duplicates", "--val-fraction", "0")))
    .stdout;
  expect(beginning(kept)).toMatchObject({ documents: 6008, duplicates: 0 });
});

test("a text in another encoding is read as what it is, and told", async () => {
  const directory = workspace();
  const data = join(directory, "utf16.txt");
  writeFileSync(data, `\ufeff${VERSES}`, "utf16le");
  const { stdout } = await microgptHere(train(directory, "--data", data));
  expect(beginning(stdout)).toMatchObject({ documents: 25, heldOut: 3, cleaning: { encodings: { "utf-16le": 1 } } });
});

test("the encoding is told of a text that is read no further than to its footer", async () => {
  const directory = workspace();
  const data = join(directory, "book.txt");
  const lines = [
    "*** START OF THE PROJECT GUTENBERG EBOOK CAFES ***",
    "un café",
    "deux cafés",
    "trois cafés à la crème",
  ];
  lines.push("*** END OF THE PROJECT GUTENBERG EBOOK CAFES ***", "the licence");
  writeFileSync(data, Buffer.from(lines.join("\n"), "latin1"));
  const { stdout } = await microgptHere(train(directory, "--data", data, "--val-fraction", "0"));
  expect(beginning(stdout)).toMatchObject({
    documents: 3,
    cleaning: { gutenberg: 1, encodings: { "windows-1252": 1 } },
  });
});

test(
  "a corpus larger than the heap is learnt from: it is read as a stream, and held as small numbers",
  { tags: ["large"] },
  () => {
    const directory = workspace();
    const data = join(directory, "large.txt");
    // Lines all differ, words hardly.
    const line = (i: number): string =>
      `part ${i % 100} of chapter ${Math.floor(i / 100) % 100} of book ${Math.floor(i / 10_000)} has some words${i % 5000 === 0 ? ` unprecedented${i}` : ""} of its own, such as these\n`;
    const [lines, heap] = byExtent([250_000, 16], [1_000_000, 64]);
    const part = Array.from({ length: lines }, (_, i) => line(i)).join("");
    expect(part.length).toBeGreaterThan(heap * 1.1e6);
    writeFileSync(data, part);
    const options = { env: { NODE_OPTIONS: `--max-old-space-size=${heap}` } };
    const counted = microgpt(["tokenize", "--data", data, "--tokenizer", "char", "--json"], options);
    expect(events(counted.stdout)[0]).toMatchObject({ tokens: part.length - lines, unknown: 0 });
    if (EXTENT === "quick") return;
    const learnt = microgpt(train(directory, "--data", data, "--tokenizer", "bpe", "--bpe-merges", "100"), options);
    expect({ exitCode: learnt.exitCode, stderr: learnt.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(beginning(learnt.stdout)).toMatchObject({ documents: 900_000, heldOut: 100_000 });
  },
);

test("a run that began with a folder says so when the folder has changed", async () => {
  const directory = workspace();
  mkdirSync(join(directory, "corpus"));
  renameSync(writeWords(directory), join(directory, "corpus", "words.txt"));
  expect((await microgptHere(train(directory, "--data", "corpus", "--name", "f"), { cwd: directory })).exitCode).toBe(
    0,
  );
  writeFileSync(join(directory, "corpus", "more.txt"), "more\n");
  const { exitCode, stderr } = await microgptHere(["resume", "f", "--runs-dir", "runs"], { cwd: directory });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/: the data is not what the run began with; restore it to resume\n$/);
});
