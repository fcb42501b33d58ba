/**
 * From chunks of text to clean documents: lines, paragraphs or files. It streams, with at most one document in memory,
 * so a corpus may be larger than memory. Everything that is removed is counted. `dataset.ts` defines documents; this
 * file cleans.
 */
import { groupLines, linesOf, strip } from "./dataset.ts";
import type { DocumentKind } from "./dataset.ts";
import { countCharacters, withoutGutenberg } from "./gutenberg.ts";
import { InputError, quote } from "../errors.ts";

/** A text to train on, which can be read more than once. */
export interface Source {
  /** A path or an address, for error messages. */
  readonly name: string;
  /** Whether it is allowed to be empty, because it is one file of many. */
  readonly mayBeEmpty: boolean;
  /** Whether each chunk is a text of its own, as a row of a table is; absent: they are pieces of one. */
  readonly hasRows?: boolean;
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
  /** Byte order marks inside a text, removed. */
  marks: number;
  /** Lines of invisible characters alone, emptied. */
  invisible: number;
  /** Documents changed by normalization. */
  normalized: number;
  /** Documents shorter than `minLength`. */
  tooShort: number;
  /** Documents longer than `maxLength`. */
  tooLong: number;
  /** Books from which Project Gutenberg's header and licence were removed. */
  gutenberg: number;
  /** Characters of these headers and licences, each line's end counted as one. */
  gutenbergCharacters: number;
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
    if (source.hasRows === true) for (const row of source.chunks()) yield* this.#documentsIn([row]);
    else yield* this.#documentsIn(source.chunks());
  }

  *#documentsIn(chunks: Iterable<string>): Generator<string, void, void> {
    const { documents, reference } = this.#options;
    if (reference) {
      yield* groupLines(linesOf(chunks), documents);
      return;
    }
    const cut = { books: 0, characters: 0 };
    const lines = withoutGutenberg(this.#legible(linesOf(chunks)), cut);
    for (const document of groupLines(lines, documents)) {
      const text = this.#clean(document);
      if (text !== "") yield text;
    }
    this.#counts.gutenberg += cut.books;
    this.#counts.gutenbergCharacters += cut.characters;
  }

  /**
   * Lines without what nobody sees: a byte order mark is there if a file that begins with one was appended to another,
   * and some programs write a zero-width space where a line is to be empty.
   */
  *#legible(lines: Iterable<string>): Generator<string, void, void> {
    for (const line of lines) {
      const text = line.includes(MARK) ? this.#withoutMarks(line) : line;
      // Nearly every line begins with a letter of ASCII: then the pattern need not look.
      const first = text.charCodeAt(0);
      const isInvisible = !(first > 0x20 && first < 0x7f) && INVISIBLE.test(text);
      if (isInvisible) this.#counts.invisible++;
      yield isInvisible ? "" : text;
    }
  }

  #withoutMarks(line: string): string {
    const pieces = line.split(MARK);
    this.#counts.marks += pieces.length - 1;
    return pieces.join("");
  }

  #clean(document: string): string {
    let text = document;
    if (CONTROL.test(text)) text = strip(withoutControls(text, () => this.#counts.controls++));
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

const newCounts = (): CleaningCounts => ({
  controls: 0,
  marks: 0,
  invisible: 0,
  normalized: 0,
  tooShort: 0,
  tooLong: 0,
  gutenberg: 0,
  gutenbergCharacters: 0,
});

/** C0 except tab and line feed, DEL, C1. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const CONTROLS = new RegExp(CONTROL, "g");
/** Byte order mark: of a text's bytes, not of its words. */
const MARK = "\ufeff";
/** A line with at least one character that is not seen, and with none that is. */
const INVISIBLE = /^[\s\p{Cc}]*\p{Default_Ignorable_Code_Point}[\s\p{Cc}\p{Default_Ignorable_Code_Point}]*$/u;
const SPACES = new Set("\u000b\u000c\r\u001c\u001d\u001e\u001f\u0085");

/** Removes control characters; those that are white space become a space. Calls `onEach` for each. */
function withoutControls(text: string, onEach: () => void): string {
  return text.replace(CONTROLS, (control) => {
    onEach();
    return SPACES.has(control) ? " " : "";
  });
}

/**
 * A prompt, cleaned as the documents that a model has learnt, so that it has their characters. White space at its ends
 * stays: a prompt may end in a space.
 * @param controls whether control characters that are not white space are removed; they stay where a message names them.
 * @example
 * cleanPrompt("the\u0301 ", { nfc: true, reference: false }); // "th\u00e9 "
 */
export function cleanPrompt(
  prompt: string,
  { nfc, reference }: Pick<CorpusOptions, "nfc" | "reference">,
  controls: "removed" | "kept" = "removed",
): string {
  if (reference) return prompt;
  const lines = prompt.replaceAll(MARK, "").replace(/\r\n?/g, "\n");
  const clean = (control: string): string => (SPACES.has(control) ? " " : controls === "kept" ? control : "");
  const text = lines.replace(CONTROLS, clean);
  return nfc ? text.normalize("NFC") : text;
}
