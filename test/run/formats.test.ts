import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { TextSource } from "../../src/node/text.ts";
import { Corpus } from "../../src/text/corpus.ts";
import { microgptHere, TINY, workspace } from "../setup/microgpt.ts";

const OPTIONS = { documents: "line", nfc: false, minLength: null, maxLength: null, reference: false } as const;

/** The documents of a file. */
function documentsOf(
  name: string,
  content: string | Uint8Array,
  field: string | null,
  kind: "line" | "file" = "line",
): string[] {
  const path = join(workspace(), name);
  writeFileSync(path, content);
  return [
    ...new Corpus([TextSource.file(path, { field: field, encoding: null })], { ...OPTIONS, documents: kind }).read(),
  ];
}

const JSONL = '{"id":1,"text":"one\\ntwo"}\n{"id":2,"text":"three"}\n';
const CSV = '\ufeffid,text\r\n1,"one\r\ntwo"\r\n2,three\r\n';
const TSV = 'text\tid\n"one\ntwo"\t1\nthree\t2\n';

describe("a table", () => {
  test.each([
    ["a.jsonl", JSONL],
    ["a.ndjson", JSONL],
    ["a.csv", CSV],
    ["a.tsv", TSV],
  ])("is read by a named field: %s, also compressed", (name, content) => {
    for (const [path, bytes] of [
      [name, content],
      [`${name}.gz`, gzipSync(content)],
    ] as const) {
      expect(documentsOf(path, bytes, "text")).toEqual(["one", "two", "three"]);
      // A row is a text of its own.
      expect(documentsOf(path, bytes, "text", "file")).toEqual(["one\ntwo", "three"]);
    }
    expect(documentsOf(name, content, null)).toEqual(documentsOf("a.txt", content, null));
  });

  test("in UTF-16, as Excel writes it", () => {
    expect(documentsOf("a.tsv", Buffer.from(`\ufeff${TSV.replace("three", "dreißig")}`, "utf16le"), "text")).toEqual([
      "one",
      "two",
      "dreißig",
    ]);
  });

  test("whose rows are books of Project Gutenberg: each is cut", () => {
    const book = (name: string): string =>
      `*** START OF THE PROJECT GUTENBERG EBOOK ***\n${name}\n*** END OF THE PROJECT GUTENBERG EBOOK ***\nlicence`;
    const lines = ["a", "b"].map((name) => JSON.stringify({ text: book(name) })).join("\n");
    expect(documentsOf("a.jsonl", lines, "text")).toEqual(["a", "b"]);
  });
});

describe("the command", () => {
  const train = async (cwd: string, ...more: string[]): Promise<Record<string, unknown>[]> => {
    const args = ["train", ...TINY, "--num-steps", "4", "--num-samples", "0", "--val-fraction", "0", "--json", ...more];
    const { exitCode, stdout, stderr } = await microgptHere(args, { cwd });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  test("learns a folder of tables and texts, and resumes", async () => {
    const directory = workspace();
    mkdirSync(join(directory, "d"));
    writeFileSync(join(directory, "d", "a.jsonl.gz"), gzipSync(JSONL));
    writeFileSync(join(directory, "d", "b.csv"), CSV.replaceAll("o", "u"));
    writeFileSync(join(directory, "d", "c.txt.gz"), gzipSync("four\nfive\n"));
    writeFileSync(
      join(directory, "d", "d.html.gz"),
      gzipSync("<title>x</title><p>six, a text of a page that is long enough</p>"),
    );
    const events = await train(directory, "--data", "d", "--field", "text", "--name", "t");
    // The page is one; "three" is there twice.
    expect(events.find(({ event }) => event === "begin")).toMatchObject({ documents: 8, duplicates: 1 });
    expect(events.filter(({ event }) => event === "warning")).toEqual([]);
    expect(await microgptHere(["resume", "runs/t"], { cwd: directory })).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await microgptHere(["sample", "runs/t", "--num-samples", "1"], { cwd: directory })).stdout).toMatch(
      / (?:new|in the data)\n$/,
    );
  });

  test("reads a table as text without --field, and says so", async () => {
    const directory = workspace();
    writeFileSync(join(directory, "a.csv"), "ada\nbea\n");
    const events = await train(directory, "--data", "a.csv");
    expect(events.find(({ event }) => event === "begin")).toMatchObject({ documents: 2 });
    expect(events.filter(({ event }) => event === "warning").map(({ message }) => message)).toEqual([
      `${join(directory, "a.csv")} is read line by line, as it stands; --field NAME reads one field of each row`,
    ]);
  });

  test.each([
    [
      "--field where nothing has rows",
      "a.txt",
      "ada\n",
      /^microgpt: --field "text": no file of --data has rows; expected a name/,
    ],
    [
      "a field that is missing",
      "a.jsonl",
      '{"body":"a"}\n',
      /^microgpt: \S+a\.jsonl, line 1 has no field "text"; it has "body"/,
    ],
    [
      "a row that is not JSON",
      "a.jsonl",
      '{"text":"a"}\nb\n',
      /^microgpt: \S+a\.jsonl, line 2 is not JSON; expected an object/,
    ],
    ["a table without texts", "a.csv", "text\n\n", /^microgpt: \S+a\.csv contains no text; omit it/],
  ])("%s is one sentence: exit 2, and no run", async (_name, name, content, message) => {
    const directory = workspace();
    writeFileSync(join(directory, name), content);
    const { exitCode, stderr } = await microgptHere(["train", "--data", name, "--field", "text"], { cwd: directory });
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("--reference has no tables", async () => {
    const { exitCode, stderr } = await microgptHere(["train", "--reference", "--field", "text"]);
    expect([exitCode, stderr]).toEqual([2, "microgpt: --reference trains exactly as microgpt.py does; drop --field\n"]);
  });
});

describe("gzip", () => {
  const text = Array.from({ length: 300_000 }, (_, i) => `line ${i}`).join("\n");

  test("is read as a stream, whatever the file's name, and by its members", () => {
    const [one, two] = [text.slice(0, 1e6), text.slice(1e6)];
    const members = Buffer.concat([gzipSync(one), gzipSync(two)]);
    for (const name of ["a.txt.gz", "a.txt"]) {
      const path = join(workspace(), name);
      writeFileSync(path, members);
      const source = TextSource.file(path);
      let [read, longest] = [0, 0];
      source.onChunk = (bytes) => (read += bytes);
      const chunks: string[] = [];
      for (const chunk of source.chunks()) {
        chunks.push(chunk);
        longest = Math.max(longest, chunk.length);
      }
      expect(chunks.join("") === text).toBe(true);
      expect([read, source.size]).toEqual([members.length, members.length]);
      expect(longest).toBeLessThan(18e6);
    }
  });

  test("that unpacks to a thousand times its size takes no more memory than that of a chunk", () => {
    const path = join(workspace(), "bomb.txt.gz");
    writeFileSync(path, gzipSync(Buffer.alloc(60e6, "spam\n")));
    let [chunks, total] = [0, 0];
    for (const chunk of TextSource.file(path).chunks()) {
      chunks++;
      total += chunk.length;
      expect(chunk.length).toBeLessThan(18e6);
    }
    expect([total, chunks > 3]).toEqual([60e6, true]);
  });

  const whole = gzipSync(text);
  const flipped = Uint8Array.from(whole, (byte, i) => (i === whole.length - 6 ? byte ^ 1 : byte)); // in its CRC
  test.each([
    ["cut off", whole.subarray(0, 200_000), "unexpected end of file"],
    ["of a wrong checksum", flipped, "incorrect data check"],
    ["damaged", Buffer.concat([whole.subarray(0, 1000), Buffer.alloc(1000, 0xff), whole.subarray(2000)]), ".+"],
  ])("that is %s is one sentence", async (_name, bytes, reason) => {
    const directory = workspace();
    writeFileSync(join(directory, "a.txt.gz"), bytes);
    const { exitCode, stderr } = await microgptHere(["tokenize", "--data", "a.txt.gz"], { cwd: directory });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      new RegExp(`^microgpt: \\S+a\\.txt\\.gz is damaged: it is not whole gzip \\(${reason}\\); get it again\\n$`),
    );
  });

  test("of what is no text is refused for what it is", () => {
    const refused =
      (content: Uint8Array | string): (() => unknown) =>
      () =>
        documentsOf("a.gz", gzipSync(content), null);
    expect(refused("%PDF-1.7\n")).toThrow(/a\.gz is not text: it is a PDF; convert it to text first/);
    expect(refused(gzipSync("text"))).toThrow(/a\.gz is not text: it is gzip; unpack it/);
    expect(refused(Buffer.alloc(500))).toThrow(/a\.gz is not text: byte 0 is 0/);
    expect(refused(`${"x".repeat(257)}ustar\0`)).toThrow(
      /a\.gz is not text: it is a tar archive; unpack it, for example with tar -xf a\.gz/,
    );
    expect(documentsOf("a.gz", gzipSync(""), null)).toEqual([]);
  });
});

describe("what is no text is refused in one sentence that names a converter", () => {
  const zip = (...names: string[]): string => names.map((name) => `PK\u0003\u0004${"\0".repeat(26)}${name}`).join("");
  test.each([
    ["a.pdf", "%PDF-1.4", "a PDF; convert it to text first, for example with pdftotext a.pdf text.txt"],
    [
      "a.epub",
      zip("mimetypeapplication/epub+zip"),
      "an EPUB; convert it to text first, for example with pandoc -f epub -t plain a.epub -o text.txt",
    ],
    [
      "b.epub",
      zip("META-INF/container.xml"),
      "an EPUB; convert it to text first, for example with pandoc -f epub -t plain b.epub -o text.txt",
    ],
    [
      "a.docx",
      zip("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
      "a DOCX document; convert it to text first, for example with pandoc -f docx -t plain a.docx -o text.txt",
    ],
    [
      "b.docx",
      zip("docProps/app.xml"),
      "a DOCX document; convert it to text first, for example with pandoc -f docx -t plain b.docx -o text.txt",
    ],
    [
      "a.odt",
      zip("mimetypeapplication/vnd.oasis.opendocument.text"),
      "an ODT document; convert it to text first, for example with pandoc -f odt -t plain a.odt -o text.txt",
    ],
    [
      "a.xlsx",
      zip("[Content_Types].xml", "xl/workbook.xml"),
      "an Office document; convert it to text first, for example with soffice --convert-to txt:Text a.xlsx (LibreOffice)",
    ],
    ["a.zip", zip("a.txt"), "a zip archive; unpack it, for example with unzip a.zip"],
    [
      "a.doc",
      "\u00d0\u00cf\u0011\u00e0",
      "an old Office document; convert it to text first, for example with soffice --convert-to txt:Text a.doc (LibreOffice)",
    ],
    ["a.rtf", "{\\rtf1", "RTF; convert it to text first, for example with pandoc -f rtf -t plain a.rtf -o text.txt"],
    [
      "a.mobi",
      `${"x".repeat(60)}BOOKMOBI`,
      "a Kindle or Palm book; convert it to text first, for example with ebook-convert a.mobi text.txt (calibre)",
    ],
    ["a.txt.xz", "\u00fd7zXZ\0", "xz; unpack it, for example with unxz a.txt.xz"],
    ["a.txt.bz2", "BZh91AY&SY", "bzip2; unpack it, for example with bunzip2 a.txt.bz2"],
    ["a.txt.zst", "\u0028\u00b5\u002f\u00fd", "zstd; unpack it, for example with unzstd a.txt.zst"],
  ])("%s", (name, start, advice) => {
    const path = join(workspace(), name);
    writeFileSync(path, Buffer.from(start, "latin1"));
    expect(() => TextSource.file(path)).toThrow(`${path} is not text: it is ${advice}`);
  });

  test("Markdown, and a text that speaks of formats, stay as they are", () => {
    const text = "# Title\n\nIt begins with %PDF-1.4, or PK.\n";
    expect(documentsOf("a.md", text, null)).toEqual(["# Title", "It begins with %PDF-1.4, or PK."]);
  });
});
