/**
 * From chunks of text to clean documents: lines, paragraphs or files. It streams, with at most one document in memory,
 * so a corpus may be larger than memory. Everything that is removed is counted. `dataset.ts` defines documents; this
 * file cleans.
 */
import { groupLines, linesOf, strip } from "./dataset.ts";
import type { DocumentKind } from "./dataset.ts";
import { InputError, quote } from "../errors.ts";

/** A text to train on, which can be read more than once. */
export interface Source {
  /** A path or an address, for error messages. */
  readonly name: string;
  /** Whether it is allowed to be empty, because it is one file of many. */
  readonly mayBeEmpty: boolean;
  /** Reads the text from its start, in chunks of any length. */
  chunks(): Iterable<string>;
  /** The encoding of its bytes, known after a complete read; absent: UTF-8, or text in memory. */
  readonly encoding?: string;
  /** Number of invalid byte sequences, each replaced by U+FFFD; known after a complete read. */
  readonly replaced?: number;
}

/** Makes a source of a text in memory. */
export const textSource = (name: string, text: string): Source => ({ name, mayBeEmpty: true, chunks: () => [text] });

/** How text becomes documents. */
export interface CorpusOptions {
  /** What counts as one document. */
  readonly documents: DocumentKind;
  /** Whether text is normalized to Unicode NFC. */
  readonly nfc: boolean;
  /** Documents with fewer characters (code points) are dropped; null: no limit. */
  readonly minLength: number | null;
  /** Documents with more characters (code points) are dropped; null: no limit. */
  readonly maxLength: number | null;
  /** Whether cleaning is off, as in the reference. */
  readonly reference: boolean;
}

/** Counts of what cleaning changed or dropped. */
export interface CleaningCounts {
  /** Control characters removed, or replaced by a space if they are white space. */
  controls: number;
  /** Documents changed by normalization. */
  normalized: number;
  /** Documents shorter than `minLength`. */
  tooShort: number;
  /** Documents longer than `maxLength`. */
  tooLong: number;
  /** Texts from which Project Gutenberg's header and licence were removed. */
  gutenberg: number;
}

/** Counts of what cleaning and decoding changed or dropped. */
export interface Cleaning extends CleaningCounts {
  /** Byte sequences invalid in their text's encoding, each replaced by U+FFFD. */
  readonly replaced: number;
  /** Encodings other than UTF-8, with the number of texts in each. */
  readonly encodings: ReadonlyMap<string, number>;
}

/** What the last pass over a corpus of these sources changed or dropped. Call it after a complete pass. */
export function cleaningOf(corpus: Corpus, sources: readonly Source[]): Cleaning {
  const encodings = new Map<string, number>();
  for (const { encoding = "utf-8" } of sources) {
    if (encoding !== "utf-8") encodings.set(encoding, (encodings.get(encoding) ?? 0) + 1);
  }
  return { ...corpus.counts, replaced: sources.reduce((sum, { replaced = 0 }) => sum + replaced, 0), encodings };
}

/** The documents of all sources, in order. */
export class Corpus {
  readonly #sources: readonly Source[];
  readonly #options: CorpusOptions;
  #counts: CleaningCounts = newCounts();

  /** Reads the sources in the order given. */
  constructor(sources: readonly Source[], options: CorpusOptions) {
    this.#sources = sources;
    this.#options = options;
  }

  /** Counts of the last pass. */
  get counts(): Readonly<CleaningCounts> {
    return this.#counts;
  }

  /**
   * One pass over all sources. Calls `onEmpty` with each source that has no document. Throws InputError if a document
   * is longer than a JavaScript string can be.
   */
  *read(onEmpty: (source: Source) => void = () => {}): Generator<string, void, void> {
    this.#counts = newCounts();
    for (const source of this.#sources) {
      let isEmpty = true;
      try {
        for (const document of this.#documentsOf(source)) {
          isEmpty = false;
          if (this.#hasLength(document)) yield document;
        }
      } catch (error) {
        // A joined string exceeded the engine's maximum length.
        if (!(error instanceof RangeError)) throw error;
        const kind = this.#options.documents;
        throw new InputError(`${quote(source.name, 300)} has a ${kind} of more than 500 million characters; split it`);
      }
      if (isEmpty) onEmpty(source);
    }
  }

  *#documentsOf(source: Source): Generator<string, void, void> {
    const { documents, reference } = this.#options;
    if (reference) {
      yield* groupLines(linesOf(source.chunks()), documents);
      return;
    }
    const lines = withoutGutenberg(linesOf(source.chunks()), () => this.#counts.gutenberg++);
    for (const document of groupLines(lines, documents)) {
      const text = this.#clean(document);
      if (text !== "") yield text;
    }
  }

  #clean(document: string): string {
    let text = document;
    if (CONTROL.test(text)) {
      const replaced = text.replace(CONTROLS, (control) => {
        this.#counts.controls++;
        return SPACES.has(control) ? " " : "";
      });
      text = strip(replaced);
    }
    if (!this.#options.nfc) return text;
    const normalized = text.normalize("NFC");
    if (normalized !== text) this.#counts.normalized++;
    return normalized;
  }

  #hasLength(text: string): boolean {
    const { minLength, maxLength } = this.#options;
    if (minLength === null && maxLength === null) return true;
    const length = countCharacters(text);
    if (length < (minLength ?? 0)) this.#counts.tooShort++;
    else if (length > (maxLength ?? Infinity)) this.#counts.tooLong++;
    else return true;
    return false;
  }
}

const newCounts = (): CleaningCounts => ({ controls: 0, normalized: 0, tooShort: 0, tooLong: 0, gutenberg: 0 });

/** C0 except tab and line feed, DEL, C1. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const CONTROLS = new RegExp(CONTROL, "g");
const SPACES = new Set("\u000b\u000c\r\u001c\u001d\u001e\u001f\u0085");

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Lines that end Project Gutenberg's header and start its footer. */
const HEADER_END = /^\*{3} ?START OF (?:THE|THIS) PROJECT GUTENBERG|^\*END\*? ?THE SMALL PRINT|\*END THE SMALL PRINT/i;
const FOOTER_START = /^\*{3} ?END OF (?:THE|THIS) PROJECT GUTENBERG|^End of (?:the |this )?Project Gutenberg/i;
/**
 * A header names Project Gutenberg within its first 40 lines, and is at most 1000 lines and 100,000 characters long.
 */
const FIRST_LINES = 40;
const HEADER_LINES = 1000;
const HEADER_CHARACTERS = 100_000;

/** Drops header and footer of a Project Gutenberg book; other texts pass unchanged. Calls `found` once for a book. */
export function* withoutGutenberg(lines: Iterable<string>, found: () => void): Generator<string, void, void> {
  let held: string[] | null = [];
  let characters = 0;
  let mentionsGutenberg = false;
  let isBook = false;
  for (const line of lines) {
    if (isBook && FOOTER_START.test(line)) return;
    if (held === null) {
      yield line;
      continue;
    }
    if (HEADER_END.test(line)) {
      found();
      isBook = true;
      held = null;
      continue;
    }
    held.push(line);
    characters += line.length;
    mentionsGutenberg ||= /Project Gutenberg/i.test(line.slice(0, 1000));
    const limit = mentionsGutenberg ? HEADER_LINES : FIRST_LINES;
    if (held.length >= limit || characters > HEADER_CHARACTERS) {
      yield* held;
      held = null;
    }
  }
  if (held !== null) yield* held;
}
