/**
 * Tables of texts: JSON Lines, CSV and TSV, of which one field is read (`--field`). A row is a text of its own. It streams:
 * a row is in memory at a time, and what has been read of the next.
 */
import { createRequire } from "node:module";
import type * as Papa from "papaparse";
import { InputError, isRecord, quote } from "../errors.ts";
import { linesOf } from "../text/dataset.ts";

/** A format of tables. */
export type TableFormat = "jsonl" | "csv" | "tsv";

const FORMATS: Readonly<Record<string, TableFormat>> = { jsonl: "jsonl", ndjson: "jsonl", csv: "csv", tsv: "tsv" };

/** The format of a table, by its name, also if it is compressed; null: it is not a table. */
export function tableFormat(path: string): TableFormat | null {
  const ending = /\.(\w+)(?:\.gz)?$/i.exec(path)?.[1].toLowerCase() ?? "";
  return Object.hasOwn(FORMATS, ending) ? FORMATS[ending] : null;
}

/** The field of each row. Throws InputError that names the line. @param name of the file, for messages. */
export function rowsOf(
  format: TableFormat,
  name: string,
  field: string,
  chunks: Iterable<string>,
): Generator<string, void, void> {
  return format === "jsonl" ? jsonRows(name, field, chunks) : csvRows(format, name, field, chunks);
}

function* jsonRows(name: string, field: string, chunks: Iterable<string>): Generator<string, void, void> {
  let number = 0;
  for (const line of linesOf(chunks)) {
    number++;
    if (line.trim() === "") continue;
    const where = `${name}, line ${number}`;
    const row = parseRow(line, where);
    if (!Object.hasOwn(row, field)) throw missing(where, field, Object.keys(row));
    const value = row[field];
    if (typeof value !== "string") {
      throw new InputError(`${where}: field ${quote(field)} is ${typeName(value)}; expected a string`);
    }
    yield value;
  }
}

function parseRow(line: string, where: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new InputError(`${where} is not JSON; expected an object in each line`);
  }
  if (!isRecord(json)) throw new InputError(`${where} is ${typeName(json)}; expected an object in each line`);
  return json;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

const MOST_FIELDS = 8;

function missing(where: string, field: string, fields: readonly string[]): InputError {
  const named = fields.slice(0, MOST_FIELDS).map((one) => quote(one));
  const others =
    named.length === 0 ? "it is empty" : `it has ${named.join(", ")}${fields.length > MOST_FIELDS ? ", …" : ""}`;
  return new InputError(`${where} has no field ${quote(field)}; ${others}; name one with --field`);
}

/** A longer row is not one: a quote is missing somewhere. */
const MAX_ROW_CHARACTERS = 2 ** 24;

function* csvRows(
  format: "csv" | "tsv",
  name: string,
  field: string,
  chunks: Iterable<string>,
): Generator<string, void, void> {
  let column: number | null = null;
  for (const { line, cells } of csvCells(format, name, chunks)) {
    if (cells.length === 1 && cells[0].trim() === "") continue;
    const where = `${name}, line ${line}`;
    if (column === null) {
      column = cells.indexOf(field);
      if (column < 0) throw missing(where, field, cells);
    } else {
      if (cells.length <= column) {
        throw new InputError(
          `${where} has no field ${quote(field)}: it has ${cells.length} of at least ${column + 1} columns`,
        );
      }
      yield cells[column];
    }
  }
}

interface CsvRow {
  /** The line in which it begins. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** What the parser returns. */
interface Parsed {
  readonly data: readonly (readonly string[])[];
  readonly errors: readonly { readonly code: string; readonly row: number }[];
  /** Where the first row begins that is not complete. */
  readonly meta: { readonly cursor: number };
}

function* csvCells(format: "csv" | "tsv", name: string, chunks: Iterable<string>): Generator<CsvRow, void, void> {
  // Loaded on demand: few texts are tables.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types are the package's own
  const { Parser } = createRequire(import.meta.url)("papaparse") as typeof Papa;
  let line = 1;
  let rest = "";
  const parse = (text: string, isLast: boolean): Parsed => {
    const parser = new Parser({ delimiter: format === "csv" ? "," : "\t", newline: "\n", quoteChar: '"' });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types say any; these are its documented results
    return parser.parse(text, 0, !isLast) as Parsed;
  };
  function* rows(text: string, isLast: boolean): Generator<CsvRow, void, void> {
    const { data, errors, meta } = parse(text, isLast);
    rest = text.slice(meta.cursor);
    for (const [i, cells] of data.entries()) {
      if (errors.some(({ row }) => row === i)) throw badQuotes(name, line);
      yield { line, cells };
      line += 1 + cells.reduce((sum, cell) => sum + countBreaks(cell), 0);
    }
    if (rest.length > MAX_ROW_CHARACTERS) throw badQuotes(name, line);
  }
  for (const chunk of withLineFeeds(chunks)) yield* rows(rest + chunk, false);
  yield* rows(rest, true);
}

const badQuotes = (name: string, line: number): InputError =>
  new InputError(
    `${name}, line ${line}: a field in quotes does not end; expected "…" around the whole field and "" for a quote in it`,
  );

function countBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/** Line breaks of all kinds become `\n`, as in every text that is learnt. */
function* withLineFeeds(chunks: Iterable<string>): Generator<string, void, void> {
  let endsWithReturn = false;
  for (const chunk of chunks) {
    if (chunk === "") continue;
    const text = endsWithReturn && chunk.startsWith("\n") ? chunk.slice(1) : chunk;
    endsWithReturn = chunk.endsWith("\r");
    yield text.replace(/\r\n?/g, "\n");
  }
}
