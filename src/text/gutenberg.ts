/**
 * Cuts Project Gutenberg's header and licence out of a text, also where several books are in one file. The forms of the
 * markers are data, in `gutenberg-markers.ts`; this file decides what lies between them.
 *
 *   header … START │ the book │ END … licence │ text of somebody else │ header … START │ the next book │ …
 *   ────── cut ─────           ────── cut ────                         ────── cut ─────
 *
 * A cut leaves an empty line. A marker begins a line: a text that quotes one in mid-line, or only mentions Project Gutenberg, loses nothing. It
 * streams: what is held back is a header at most (`HEADER_LINES`, `MOST_CHARACTERS`), or the lines that may still belong
 * to a licence (`LICENCE_GAP`).
 */

import { headOf, isMention, isTitle, LineReader, markerAt, mayBeMarker } from "./gutenberg-markers.ts";
import type { Marker } from "./gutenberg-markers.ts";

/** What was cut out of a text. */
export interface GutenbergCut {
  /** Books whose header or licence was cut. */
  books: number;
  /** Characters (code points) cut, each line's end counted as one. */
  characters: number;
}

/** A word of the licence, which has one every few lines. */
const SIGN =
  /gutenberg|li[cz]en[cszç]|licentie|lisens|e-?book|e-?text|e-?boek|copyright|trademark|donat|public domain|small print|fine print|boilerplate|footer|updated editions/i;
/** The licence's last paragraph, in its forms. */
const LAST_PARAGRAPH = /email newsletter to\b|to hear about new eBooks|\*{2,4} ?END: FULL LICENSE/i;
/** Where that paragraph ends; somebody's own text may follow without an empty line. */
const LAST_LINE = /(?:eBooks\.|\*)\s*$/i;
/** After that paragraph, only these go on with the licence. */
const STILL = /gutenberg|etext|ebook|FULL LICENSE/i;

/** A START counts within a text's first lines, or after a line that mentions the project. */
const FIRST_LINES = 40;
/** The longest header: that of the nineties has some 300 lines. */
const HEADER_LINES = 1000;
const MOST_CHARACTERS = 100_000;
/** Lines without a word of the licence that end it. */
const LICENCE_GAP = 40;
/** Lines of a licence's paragraph that need no word of it. */
const PARAGRAPH_LINES = 12;
/** The gap after the licence's last paragraph. */
const LAST_GAP = 3;

const STAR = 0x2a;

/** Drops header and licence of each Project Gutenberg book; other lines pass unchanged. Adds to `cut` what it drops. */
export function* withoutGutenberg(lines: Iterable<string>, cut: GutenbergCut): Generator<string, void, void> {
  const reader = new LineReader(lines);
  const cutter = new Cutter(cut);
  try {
    for (let line = reader.next(); line !== null; line = reader.next()) {
      if (cutter.passes(line)) yield line;
      else yield* cutter.take(line, markerAt(line, reader, cutter.hasBook));
    }
    yield* cutter.finish();
  } finally {
    reader.close();
  }
}

/** Where the lines are: at a text's start, in text, in what may be a header, or in a licence. */
type Mode = "first lines" | "text" | "header" | "licence";

/** Decides for each line whether it is text or cut; holds back those that are not decided yet. */
class Cutter {
  /** Whether a book has begun: from then on, markers count without a header before them. */
  hasBook = false;
  readonly #cut: GutenbergCut;
  #mode: Mode = "first lines";
  /** A book has begun and not ended. */
  #isOpen = false;
  #held: string[] = [];
  #characters = 0;
  /** In a header: whether its first line is a title. */
  #hasTitle = false;
  /** In a licence: lines that a paragraph with a word of it may still have. */
  #paragraphLines = 0;
  /** In a licence: lines without a word of it that end it. */
  #gap = LICENCE_GAP;

  constructor(cut: GutenbergCut) {
    this.#cut = cut;
  }

  /** Whether a line is text for sure: nearly all lines of nearly all texts are. */
  passes(line: string): boolean {
    if (this.#mode !== "text" || line.includes("utenberg") || line.includes("UTENBERG")) return false;
    const first = line.charCodeAt(0);
    if (!this.hasBook && first > STAR && first < 0x7f) return true; // most lines begin with a letter of ASCII
    return !mayBeMarker(headOf(line), this.hasBook);
  }

  /** Takes a line, or the lines of a marker; returns what is known to be text by now. */
  take(line: string, marker: Marker | null): readonly string[] {
    if (this.#mode === "licence") return this.#takeLicence(line, marker);
    if (marker === null) return this.#takeText(line);
    const { kind, lines } = marker;
    const isHeader = this.#mode !== "text";
    if ((kind === "start" || kind === "small print's end") && (isHeader || this.hasBook)) {
      this.#drop(...this.#release(), ...lines);
      return this.#begin(isHeader);
    }
    if (kind === "end" && this.hasBook) {
      const text = this.#release();
      this.#drop(...lines);
      this.#enter("licence");
      this.#isOpen = false;
      return [...text, this.#gapLine()];
    }
    if (kind !== "small print" || this.#mode === "header") return this.#hold(lines);
    const before = this.#release();
    this.#enter("header");
    return [...before, ...this.#hold(lines)];
  }

  /** At the text's end. */
  finish(): readonly string[] {
    const held = this.#release();
    if (this.#mode !== "licence" || this.#gap === LAST_GAP) return held;
    this.#drop(...held);
    return [];
  }

  #begin(hasHeader: boolean): readonly string[] {
    if (hasHeader || !this.#isOpen) this.#cut.books++;
    this.hasBook = true;
    this.#isOpen = true;
    this.#enter("text");
    return [this.#gapLine()];
  }

  #takeText(line: string): readonly string[] {
    const head = headOf(line);
    const title = isTitle(head);
    const opens = this.#mode === "header" ? title && !this.#hasTitle : isMention(head);
    if (!opens) return this.#mode === "text" ? [line] : this.#hold([line]);
    const before = this.#release();
    this.#enter("header");
    this.#hasTitle = title;
    return [...before, ...this.#hold([line])];
  }

  /** Holds lines back, until there are more than a header has. */
  #hold(lines: readonly string[]): readonly string[] {
    if (this.#mode === "text") return lines;
    this.#held.push(...lines);
    for (const line of lines) this.#characters += line.length;
    const limit = this.#mode === "header" ? HEADER_LINES : FIRST_LINES;
    if (this.#held.length < limit && this.#characters <= MOST_CHARACTERS) return [];
    const isLong = this.#held.length >= HEADER_LINES;
    const held = this.#release();
    this.#enter("text");
    // What mentioned the project was no header; a title after it may still begin one.
    const next = isLong ? held.findIndex((line, i) => i > 0 && isTitle(headOf(line))) : -1;
    if (next < 0) return held;
    this.#enter("header");
    this.#hasTitle = true;
    return [...held.slice(0, next), ...this.#hold(held.slice(next))];
  }

  /** A licence goes on as long as it has a word of its own every few lines, or to its last paragraph. */
  #takeLicence(line: string, marker: Marker | null): readonly string[] {
    if (marker?.kind === "start" || marker?.kind === "small print's end") {
      this.#drop(...this.#release(), ...marker.lines);
      if (marker.kind === "start") return this.#begin(true);
      this.#enter("text"); // in some books of the time, the small print is the licence at the end
      return [];
    }
    const head = headOf(line);
    if (marker === null && isTitle(head)) {
      this.#enter("text"); // and at once to "header", by the title
      return [...this.#release(), ...this.#takeText(line)];
    }
    const isSign = marker !== null || (this.#gap === LAST_GAP ? STILL : SIGN).test(head);
    if (head === "") this.#paragraphLines = 0;
    if (isSign || this.#paragraphLines > 0) {
      this.#paragraphLines = isSign ? PARAGRAPH_LINES : this.#paragraphLines - 1;
      if (LAST_PARAGRAPH.test(head)) this.#gap = LAST_GAP;
      if (this.#gap === LAST_GAP && LAST_LINE.test(head)) this.#paragraphLines = 0;
      this.#drop(...this.#release(), ...(marker?.lines ?? [line]));
      return [];
    }
    this.#held.push(line);
    this.#characters += line.length;
    if (this.#held.length <= this.#gap && this.#characters <= MOST_CHARACTERS) return [];
    this.#enter("text");
    return this.#release();
  }

  #enter(mode: Mode): void {
    this.#mode = mode;
    this.#hasTitle = false;
    this.#paragraphLines = 0;
    this.#gap = LICENCE_GAP;
  }

  /** What was held back. */
  #release(): string[] {
    const held = this.#held;
    this.#held = [];
    this.#characters = 0;
    return held;
  }

  /** An empty line for what was cut, so that it does not join two paragraphs: the end of one of its lines is left. */
  #gapLine(): string {
    this.#cut.characters--;
    return "";
  }

  #drop(...lines: readonly string[]): void {
    for (const line of lines) this.#cut.characters += countCharacters(line) + 1;
  }
}

/** Characters (code points) of a text. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
