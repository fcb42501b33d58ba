import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rowsOf, tableFormat } from "../../src/node/tables.ts";
import type { TableFormat } from "../../src/node/tables.ts";

const read = (format: TableFormat, text: string | readonly string[], field = "text"): string[] => [
  ...rowsOf(format, "file", field, typeof text === "string" ? [text] : text),
];

/** Pieces of a text, cut at these positions. */
function cutAt(text: string, positions: readonly number[]): string[] {
  const all = [0, ...positions.map((one) => one % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return all.slice(1).map((end, i) => text.slice(all[i], end));
}

/** A table as RFC 4180 writes it. */
function written(rows: readonly (readonly string[])[], delimiter: string, lineBreak: string): string {
  const cell = (text: string): string =>
    /["\r\n]/.test(text) || text.includes(delimiter) || text === "" ? `"${text.replaceAll('"', '""')}"` : text;
  return rows.map((row) => row.map(cell).join(delimiter) + lineBreak).join("");
}

const cells = fc.string({ unit: fc.constantFrom("a", "b", " ", ",", "\t", '"', "\n", "é", "😀"), maxLength: 12 });
const positions = fc.array(fc.nat(1000), { maxLength: 8 });

test("a table is known by its name, also if it is compressed", () => {
  const names = ["a.jsonl", "b.NDJSON", "c.csv", "d.tsv.gz", "e.jsonl.GZ", "f.txt", "g.json", "csv", "h.csv.txt"];
  expect(names.map(tableFormat)).toEqual(["jsonl", "jsonl", "csv", "tsv", "jsonl", null, null, null, null]);
});

describe("CSV and TSV", () => {
  test("give back every field of a table as the standard writes it, wherever the chunks end", () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cells, cells, cells), { maxLength: 8 }),
        fc.constantFrom("csv", "tsv"),
        fc.constantFrom("\n", "\r\n"),
        fc.nat(2),
        positions,
        (rows, format, lineBreak, column, cuts) => {
          const header = ["id", "text", "more"];
          const text = written([header, ...rows], format === "csv" ? "," : "\t", lineBreak);
          const expected = rows.map((row) => row[column]);
          expect(read(format, cutAt(text, cuts), header[column])).toEqual(expected);
        },
      ),
    );
  });

  test("by example: quotes, line breaks in a field, quotes in the middle of one, no line break at the end", () => {
    const text = 'id,text\r\n1,"a, ""b""\r\nc"\r\n\r\n2,say "hi" to 5" men\r\n3,\r\n4,"last"';
    expect(read("csv", text)).toEqual(['a, "b"\nc', 'say "hi" to 5" men', "", "last"]);
    expect(read("tsv", "text\tid\na, b\t1\nc\t2")).toEqual(["a, b", "c"]);
    expect(read("csv", [...text])).toEqual(read("csv", text));
  });

  test.each<[string, string, RegExp]>([
    [
      "a column that is not there",
      "id,body\n1,a\n",
      /^file, line 1 has no field "text"; it has "id", "body"; name one with --field$/,
    ],
    [
      "a row that is too short",
      'id,text\n1,"a\nb"\n2\n',
      /^file, line 4 has no field "text": it has 1 of at least 2 columns$/,
    ],
    [
      "a quote that does not end",
      'id,text\n1,a\n2,"b\n3,c\n',
      /^file, line 3: a field in quotes does not end; expected "…"/,
    ],
    ["words behind a quote", 'id,text\n1,"a" b\n2,c\n', /^file, line 2: a field in quotes does not end/],
  ])("%s is one sentence with the line", (_name, text, message) => {
    expect(() => read("csv", text)).toThrow(message);
    expect(() => read("csv", [...text])).toThrow(message);
  });

  test("a table is read as it is asked for, and a quote that never ends is not read to the end", () => {
    let chunks = 0;
    function* endless(): Generator<string, void, void> {
      yield 'text\na\n"b';
      for (;;) {
        chunks++;
        yield "more and more\n".repeat(100_000);
      }
    }
    const rows = rowsOf("csv", "file", "text", endless());
    expect([rows.next().value, chunks]).toEqual(["a", 0]);
    expect(() => rows.next()).toThrow(/^file, line 3: a field in quotes does not end/);
    expect(chunks).toBeLessThan(20);
  });
});

describe("JSON Lines", () => {
  test("give back the field of each row, whatever is in it, wherever the chunks end", () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), positions, (texts, cuts) => {
        const lines = texts.map((text, id) => `${JSON.stringify({ id, text })}\n`).join("");
        expect(read("jsonl", cutAt(lines, cuts))).toEqual(texts);
      }),
    );
  });

  test("blank lines are none", () => expect(read("jsonl", '\n{"text":"a"}\r\n \n{"text":"b"}')).toEqual(["a", "b"]));

  test.each([
    ['{"text":"a"}\n{"text":', "file, line 2 is not JSON; expected an object in each line"],
    ['\n["text"]', "file, line 2 is a list; expected an object in each line"],
    ["3", "file, line 1 is a number; expected an object in each line"],
    ['{"id":1,"body":"a"}', 'file, line 1 has no field "text"; it has "id", "body"; name one with --field'],
    ["{}", 'file, line 1 has no field "text"; it is empty; name one with --field'],
    ['{"text":"a"}\n{"text":7}', 'file, line 2: field "text" is a number; expected a string'],
    ['{"text":null}', 'file, line 1: field "text" is null; expected a string'],
    ['{"text":["a"]}', 'file, line 1: field "text" is a list; expected a string'],
    ['{"__proto__":{"text":"a"}}', 'file, line 1 has no field "text"; it has "__proto__"; name one with --field'],
  ])("%j is one sentence", (text, message) => {
    expect(() => read("jsonl", text)).toThrow(message);
  });
});
