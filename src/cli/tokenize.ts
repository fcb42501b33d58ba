/**
 * `microgpt tokenize`: shows how a text becomes tokens, and compares the kinds of tokenizers.
 */
import type { TokenizeOptions } from "../options/train-options.ts";
import { cleanPrompt, Corpus } from "../text/corpus.ts";
import { InputError } from "../errors.ts";
import { writeOutput } from "../node/output.ts";
import type { OutputTarget } from "../node/output.ts";
import { showPath } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { nameUnknown, TOKENIZER_KINDS } from "../text/tokenizer.ts";
import type { Tokenizer, TokenizerKind } from "../text/tokenizer.ts";
import { scanSplit } from "../text/tokenizers/characters.ts";
import { toHuggingFace } from "../text/tokenizers/hugging-face.ts";
import { tokenizerTrainer } from "../text/tokenizers/train.ts";
import { PageLog } from "./downloads.ts";
import { encodingLines } from "./encodings.ts";
import { watchReading } from "../run/reading.ts";
import { ReadingLog } from "./reading-log.ts";
import { gather, locate, sourcesOf } from "../run/sources.ts";
import { paint } from "./terminal.ts";
import { grouped, jsonLine, printable } from "../run/format.ts";

/** What to learn and print. */
export interface TokenizeFlags {
  /** Kinds to learn; empty: all. */
  readonly kinds: readonly TokenizerKind[];
  /** A run whose tokenizer is used; null: learn from the data. */
  readonly run: string | null;
  /** A file for the tokenizer, in Hugging Face's format; null: none. */
  readonly exported: string | null;
  /** Whether to print JSON. */
  readonly json: boolean;
  /** The directory of runs. */
  readonly runsDir: string;
}

/** How many tokens a text takes. */
interface Count {
  tokens: number;
  /** Between spaces. */
  words: number;
  /** In UTF-8. */
  bytes: number;
  unknown: number;
}

/** Prints the tokens of a text, or counts those of the data. @param typed null: the data. */
export async function tokenize(typed: string | null, options: TokenizeOptions, flags: TokenizeFlags): Promise<number> {
  const run = flags.run === null ? null : Run.open(flags.run);
  const isLoaded = run !== null;
  const text = typed === null ? null : cleanPrompt(typed, run?.options ?? { ...options, reference: false });
  const needsData = !isLoaded || text === null;
  const gathered = needsData ? await gather(locate(options), new PageLog(process.stderr), flags.runsDir) : null;
  const sources = gathered === null ? [] : sourcesOf(gathered, options);
  const corpus = gathered === null ? null : new Corpus(sources, { ...options, reference: false });
  const log = new ReadingLog(process.stderr);
  const counted = isLoaded ? 1 : flags.kinds.length || TOKENIZER_KINDS.length;
  watchReading(sources, (isLoaded ? 0 : 1) + (text === null ? counted : 0), (reading) => log.report(reading));
  const tokenizers = isLoaded ? [run.tokenizer] : learnAll(corpus, options, flags.kinds);
  if (flags.exported !== null && exportTokenizer(tokenizers, flags.exported) === "stream") {
    log.end();
    return 0; // a table behind the file would damage it
  }
  const ofText = text === null ? null : tokenizers.map((tokenizer) => countAll([text], tokenizer));
  const ofData = text === null && corpus !== null ? tokenizers.map((one) => countAll(corpus.read(), one)) : null;
  log.end();
  process.stdout.write(encodingLines(sources, flags.json));
  for (const [i, tokenizer] of tokenizers.entries()) {
    if (flags.json) printJson(tokenizer, text, (ofText ?? ofData ?? [])[i]);
    else if (text !== null) printPieces(tokenizer, text);
  }
  if (!flags.json) printTable(tokenizers, ofText ?? ofData ?? []);
  return 0;
}

/** Learns all tokenizers in one pass over the corpus. */
function learnAll(corpus: Corpus | null, options: TokenizeOptions, kinds: readonly TokenizerKind[]): Tokenizer[] {
  const wanted = kinds.length > 0 ? kinds : TOKENIZER_KINDS;
  // Without a choice all kinds are learnt, each with the options that it has.
  const canHaveUnk = (kind: TokenizerKind): boolean => kinds.length > 0 || kind === "char" || kind === "word";
  const trainers = wanted.map((tokenizer) =>
    tokenizerTrainer({ ...options, tokenizer, unk: options.unk && canHaveUnk(tokenizer) }),
  );
  const refuseEmpty = ({ name, mayBeEmpty }: { readonly name: string; readonly mayBeEmpty: boolean }): void => {
    if (!mayBeEmpty) throw new InputError(`${showPath(name)} contains no text; omit it, or give a file with text`);
  };
  for (const document of corpus?.read(refuseEmpty) ?? []) for (const trainer of trainers) trainer.add(document);
  return trainers.map((trainer) => trainer.finish());
}

function exportTokenizer(tokenizers: readonly Tokenizer[], path: string): OutputTarget {
  if (tokenizers.length > 1) throw new InputError("--export writes one tokenizer; choose it with --tokenizer");
  return writeOutput(path, `${JSON.stringify(toHuggingFace(tokenizers[0]), null, 2)}\n`);
}

function countAll(texts: Iterable<string>, tokenizer: Tokenizer): Count {
  const count = { tokens: 0, words: 0, bytes: 0, unknown: 0 };
  for (const text of texts) {
    const { ids, unknown } = tokenizer.encode(text);
    count.tokens += ids.length;
    scanSplit(text, () => count.words++);
    count.bytes += Buffer.byteLength(text);
    for (const times of unknown.values()) count.unknown += times;
  }
  return count;
}

interface Piece {
  /** For display: spaces and invisible characters have signs. */
  readonly text: string;
  readonly id: number | null;
}

function piecesOf(tokenizer: Tokenizer, text: string): Piece[] {
  return tokenizer.spans(text).map(({ start, end, id }) => {
    const piece = text.slice(start, end);
    // A token inside a character has no characters of its own.
    return { text: piece === "" && id !== null ? tokenizer.token(id) : piece, id };
  });
}

const visible = (text: string): string =>
  printable(text.replaceAll("\n", "⏎").replaceAll("\t", "→").replaceAll(" ", "·"));

/** Prints pieces in two alternating colours above their ids; unknown pieces in red. */
function printPieces(tokenizer: Tokenizer, text: string): void {
  process.stdout.write(`${paint("bold", tokenizer.kind)}\n`);
  const width = process.stdout.columns || 80;
  let [top, bottom, used] = ["", "", 0];
  const flush = (): void => {
    if (used > 0) process.stdout.write(`${top.trimEnd()}\n${paint("dim", bottom.trimEnd())}\n`);
    [top, bottom, used] = ["", "", 0];
  };
  for (const [i, { text: piece, id }] of piecesOf(tokenizer, text).entries()) {
    const shown = visible(piece);
    const name = id === null ? (piece.trim() === "" ? "" : "?") : String(id);
    const cellWidth = Math.max(shown.length, name.length) + 1;
    if (used + cellWidth > width) flush();
    const style = name === "?" ? "red" : i % 2 === 0 ? "cyan" : "yellow";
    top += paint(style, shown) + " ".repeat(cellWidth - shown.length);
    bottom += name.padEnd(cellWidth);
    used += cellWidth;
  }
  flush();
  const { unknown } = tokenizer.encode(text);
  if (unknown.size > 0) process.stdout.write(`the text has ${nameUnknown(unknown)}\n`);
  process.stdout.write("\n");
}

const COLUMNS = ["tokenizer", "vocabulary", "tokens", "per word", "per byte", "unknown"];

/** Compares the tokenizers: fewer tokens per word mean a longer context, more tokens in all a larger model. */
function printTable(tokenizers: readonly Tokenizer[], counts: readonly Count[]): void {
  const rows = tokenizers.map(({ kind, vocabSize }, i) => {
    const { tokens, words, bytes, unknown } = counts[i];
    const share = (of: number): string => (of === 0 ? "–" : (tokens / of).toFixed(2));
    return [kind, grouped(vocabSize), grouped(tokens), share(words), share(bytes), grouped(unknown)];
  });
  const widths = COLUMNS.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  process.stdout.write(`${paint("bold", line(COLUMNS))}\n${rows.map((row) => `${line(row)}\n`).join("")}`);
}

function printJson(tokenizer: Tokenizer, text: string | null, count: Count): void {
  const { kind, vocabSize } = tokenizer;
  const pieces = text === null ? {} : { pieces: piecesOf(tokenizer, text) };
  process.stdout.write(jsonLine({ event: "tokenizer", kind, vocabSize, ...count, ...pieces }));
}
