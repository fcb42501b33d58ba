/**
 * The markers of Project Gutenberg's books: their forms, as data, and how one is recognised at the beginning of a line.
 * What they enclose is `gutenberg.ts`'s business.
 */

/** What a marker says: a book begins or ends, or the "small print" of the nineties does. */
export type MarkerKind = "start" | "end" | "small print" | "small print's end";

/** A language of the markers: words for begin and end, and those between them and "Project Gutenberg". */
interface Language {
  readonly name: string;
  readonly start: string;
  readonly end: string;
  readonly links: string;
}

/** The languages in which books begin or end, as patterns. */
const LANGUAGES: readonly Language[] = [
  { name: "English", start: "START|BEGINNING", end: "END", links: "OF|THE|THIS|A|IS|COPYRIGHTED" },
  { name: "German", start: "ANFANG|BEGINN|START", end: "ENDE", links: "DER|DES|DIESER|DIESES|DIESE|VON|VOM" },
  { name: "French", start: "D[ÉE]BUT", end: "FIN", links: "DE|DU|LA|LE|L|CE|CET|CETTE|D" },
  { name: "Spanish", start: "COMIENZO|INICIO|PRINCIPIO", end: "FIN|FINAL", links: "DE|DEL|LA|EL|ESTE|ESTA" },
  { name: "Italian", start: "INIZIO", end: "FINE", links: "DI|DEL|DELLA|DELL|DELLO|QUESTO|QUESTA|QUEST|IL" },
  { name: "Dutch", start: "BEGIN|START", end: "EINDE|EIND", links: "VAN|DE|HET|DIT|DEZE" },
  { name: "Portuguese", start: "IN[ÍI]CIO|COME[ÇC]O", end: "FIM", links: "DO|DA|DE|DESTE|DESTA|O|A|ESTE" },
  { name: "Finnish", start: "ALKU|ALKAA", end: "LOPPU|LOPPUU", links: "T[ÄA]M[ÄA]N|T[ÄA]M[ÄA]|ON" },
];

const PROJECT = "(?:PROJECT|PROJEKTS?|PROJETO?|PROYECTO|PROGETTO|PROJECTO|PROJEKTI)[\\s-]+GUTENBERG";
/** "Etext", "livre électronique", … between "Fin de ce" and "du Projet Gutenberg". */
const BOOK =
  "E-?TEXT(?:ES?|S|O)?|E-?BOOKS?|E-?BOEK|E-?KIRJA(?:N)?|LIBRO|LIVRE|LIVRO|BUCH(?:ES)?|BOEK|KIRJAN?|TEXTE?|TEXTO|TESTO|" +
  "[ÉE]LE[CK]TR[OÓÔ]NI(?:C|QUE|CO|SCHEN?|SCH)|NUM[ÉE]RIQUE|DIGITALE?";
/** What may stand before a phrase: "[End of …]", "*** Ende …". */
const BRACKETS = "(?:[*_\"'«\\[(#=-]{1,80}\\s?)?";
/** Two to four, mostly. */
const STARS = "(?:\\*\\s*){2,12}";

/** "START OF THIS PROJECT GUTENBERG", "Fin de l'Etext du Projet Gutenberg": the words that a marker consists of. */
const words = (of: "start" | "end", least: number): string =>
  LANGUAGES.map(
    (language) =>
      `(?:${language[of]})(?:[\\s'’]+(?:${language.links}|${BOOK})(?=[\\s'’])){${least},7}[\\s'’]+${PROJECT}`,
  ).join("|");

/** A pattern for a line's head: see `headOf`. */
const form = (pattern: string): RegExp => new RegExp(`^(?:${pattern})`, "iu");

/** A form of marker. */
interface Form {
  readonly kind: MarkerKind;
  readonly form: RegExp;
}

/** Markers in stars. They may go on over several lines, to the stars that close them. */
const FORMS: readonly Form[] = [
  { kind: "small print", form: form("\\*{1,4}\\s?START\\s?\\*{0,4}\\s?(?:OF )?(?:THE )?SMALL PRINT") },
  { kind: "small print", form: form("\\*{2,4}\\s?SMALL PRINT!") },
  { kind: "small print's end", form: form("\\*{1,4}\\s?END\\s?\\*{0,4}\\s?(?:OF )?(?:THE )?SMALL PRINT") },
  { kind: "start", form: form(`${STARS}(?:${words("start", 0)})`) },
  { kind: "end", form: form(`${STARS}(?:${words("end", 0)})`) },
];

/** Phrases that end a book, without stars or in brackets. They count after a START only: without one they are text. */
const ENDINGS: readonly RegExp[] = [
  form(`${BRACKETS}(?:This is )?(?:the )?(?:${words("end", 1)})`),
  form(`${BRACKETS}Ende dieses E-?texte?s`),
  form(
    `${BRACKETS}(?:(?:T[äa]m[äa]n? )?${PROJECT}(?:in)?[\\s-].{0,80}(?:loppuu?|p[äa][äa]ttyy)(?!\\p{L})|Loppu ${PROJECT})`,
  ),
];

const BEGINS_MARKER = form(
  `(?:\\*\\s*){1,12}(?:SMALL PRINT|${LANGUAGES.map(({ start, end }) => `${start}|${end}`).join("|")})(?!\\p{L})`,
);
const BEGINS_ENDING = form(
  `${BRACKETS}(?:(?:This is |the )*(?:${LANGUAGES.map(({ end }) => end).join("|")})\\s|(?:T[äa]m[äa]n? )?${PROJECT})`,
);
const CLOSED = /\*\s*$/;
/** Stars alone, or a line that ends with two: it closes a marker that began before. */
const CLOSES = /^\s*\*{2,4}\s*$|^\s*[^\s*].*\*{2}\s*$|\*END\*\s*$/i;
/** A title may be long. */
const MARKER_LINES = 5;

/** A line of a header, or one of somebody who mentions the project. */
const MENTION = new RegExp(PROJECT, "iu");
/** A header's first line: "The Project Gutenberg eBook of …", "Project Gutenberg's …, by …". */
const TITLE = form(
  "[^\\p{L}]*(?:This is )?(?:the |a )?(?:copyrighted )?Project Gutenberg(?:['’]s\\s|(?:-tm|™)?[\\s,]+(?:e-?book|e-?text|edition)(?!\\p{L}))",
);
/** A line may have megabytes; a marker has not. */
const HEAD_CHARACTERS = 1000;

/** A line's beginning, without its indentation: where a marker is looked for. */
export const headOf = (line: string): string => line.slice(0, HEAD_CHARACTERS).trimStart();

/** Whether a line, by its head, mentions the project. */
export const isMention = (head: string): boolean => MENTION.test(head);

/** Whether a line, by its head, is the first of a header. */
export const isTitle = (head: string): boolean => TITLE.test(head);

/** Whether a marker may begin in a line, by its head. @param hasBook whether phrases count, too. */
export const mayBeMarker = (head: string, hasBook: boolean): boolean =>
  BEGINS_MARKER.test(head) || (hasBook && BEGINS_ENDING.test(head));

/** Lines one at a time, with those ahead. */
export class LineReader {
  readonly #lines: Iterator<string>;
  readonly #ahead: string[] = [];

  /** Reads lines as they are asked for. */
  constructor(lines: Iterable<string>) {
    this.#lines = lines[Symbol.iterator]();
  }

  /** Ends the reading: the source may close its file. */
  close(): void {
    this.#lines.return?.();
  }

  /** The next line; null at the end. */
  next(): string | null {
    return this.#ahead.length > 0 ? this.#ahead.shift()! : this.#read();
  }

  /** The line after the next `index` lines, without taking it; null if there is none. */
  peek(index: number): string | null {
    while (this.#ahead.length <= index) {
      const line = this.#read();
      if (line === null) return null;
      this.#ahead.push(line);
    }
    return this.#ahead[index];
  }

  #read(): string | null {
    const { value, done } = this.#lines.next();
    return done === true ? null : value;
  }
}

/** A marker and its lines. */
export interface Marker {
  /** What it says. */
  readonly kind: MarkerKind;
  /** One line, or those that it is wrapped over. */
  readonly lines: readonly string[];
}

/**
 * The marker that begins in this line; null if none does. Takes from the reader the further lines that belong to it.
 * @param hasBook whether phrases count, too.
 */
export function markerAt(line: string, reader: LineReader, hasBook: boolean): Marker | null {
  const head = headOf(line);
  const starred = BEGINS_MARKER.test(head) ? starredAt(head, reader) : null;
  const found = starred ?? (hasBook && BEGINS_ENDING.test(head) ? phraseAt(head, reader) : null);
  if (found === null) return null;
  const more = Array.from({ length: found.count - 1 }, () => reader.next() ?? "");
  return { kind: found.kind, lines: [line, ...more] };
}

interface Found {
  readonly kind: MarkerKind;
  /** Of lines. */
  readonly count: number;
}

const kindOf = (text: string): MarkerKind | null => FORMS.find((one) => one.form.test(text))?.kind ?? null;

/** A marker in stars, up to the stars that close it or, where none do, as far as it takes to recognise it. */
function starredAt(head: string, reader: LineReader): Found | null {
  let text = head;
  let open: Found | null = null;
  for (let count = 1; ; count++) {
    const kind = kindOf(text);
    const isClosed = count === 1 ? CLOSED.test(text) : CLOSES.test(reader.peek(count - 2) ?? "");
    if (isClosed) return kind === null ? null : { kind, count };
    if (kind !== null) open ??= { kind, count };
    const next = headOf(reader.peek(count - 1) ?? "");
    if (next === "" || (BEGINS_MARKER.test(next) && !CLOSES.test(next)) || count === MARKER_LINES) return open;
    text = `${text.trimEnd()} ${next}`;
  }
}

const isPhrase = (text: string): boolean => ENDINGS.some((one) => one.test(text));

/** A phrase that ends a book, on one line or two. */
function phraseAt(head: string, reader: LineReader): Found | null {
  if (isPhrase(head)) return { kind: "end", count: 1 };
  const next = headOf(reader.peek(0) ?? "");
  if (next === "" || isPhrase(next)) return null;
  return isPhrase(`${head.trimEnd()} ${next}`) ? { kind: "end", count: 2 } : null;
}
