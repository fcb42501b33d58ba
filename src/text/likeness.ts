/**
 * Whether a model's texts are in the data, near it, or new. Compares what the tokenizer can say, tokens and decoded texts,
 * not the raw lines, which may have spaces that no token stands for.
 *
 *   in the data   the text is a document
 *   near          a short text is one edit away from a document (a character inserted, deleted or replaced),
 *                 or RUN tokens in a row are from one document
 *   new           neither
 *
 * The index is of the few texts, not of the data, which is read once. Memory is proportional to the texts, time to
 * texts plus data, however large the data. Hashes find candidates; each is then compared, so nothing depends on chance.
 *
 *   runs    every RUN tokens of a text are hashed; a rolling hash goes over the data (Karp and Rabin 1987)
 *   edits   the deletion neighbourhood: `cat` → cat, at, ct, ca. Two texts that are one edit apart share an entry
 *           (Mor and Fraenkel 1982)
 */
import type { Tokenizer } from "./tokenizer.ts";

/** How a text relates to the data. */
export interface Likeness {
  /** Whether it is a document of the data. */
  readonly known: boolean;
  /** The document that it is near to, or, where that is long, the part of it that they share; null: it is not near. */
  readonly near: string | null;
}

/** Tokens in a row that make a text near. A character says little: 24 of them are about eight byte-pair tokens. */
export const runLength = ({ kind }: Pick<Tokenizer, "kind">): number => (kind === "char" ? 24 : 8);

/** Longer texts (in characters) are not compared by edits: the runs find those that differ by one edit. */
export const MAX_EDITED = 64;
/** Documents of more characters are quoted in part. */
const MAX_QUOTED = 300;

/**
 * Compares texts with all documents.
 * @param texts the ids of each, without BOS.
 * @param documents the ids of each, without BOS; read once.
 */
export function likenessOf(
  texts: readonly ArrayLike<number>[],
  documents: Iterable<ArrayLike<number>>,
  tokenizer: Tokenizer,
): Likeness[] {
  const candidates = texts.map((ids) => candidateOf(ids, tokenizer));
  const runs = new RunIndex(candidates, runLength(tokenizer));
  const edits = new EditIndex(candidates, tokenizer);
  for (const document of texts.length > 0 ? documents : []) {
    edits.compare(document);
    runs.compare(document);
  }
  return candidates.map(({ known, edited, run }) => ({
    known,
    near: known ? null : (edited ?? (run === null ? null : quoteRun(run, tokenizer))),
  }));
}

/** A text, and what has been found. */
interface Candidate {
  /** As `respelt`. */
  readonly ids: readonly number[];
  /** Its characters: ids for `char`, otherwise code points. */
  readonly symbols: readonly number[];
  known: boolean;
  /** The first document that is one edit away. */
  edited: string | null;
  /** The longest run. */
  run: Run | null;
}

/** Tokens from `start` up to `end` of a document. */
interface Run {
  readonly document: ArrayLike<number>;
  readonly start: number;
  readonly end: number;
}

/** A text's ids as the tokenizer encodes it, without BOS: a model may have spelt it with other tokens. */
export function respelt(drawn: ArrayLike<number>, tokenizer: Tokenizer): readonly number[] {
  const { ids, unknown } = tokenizer.encode(tokenizer.decode(drawn));
  return unknown.size === 0 ? ids : Array.from(drawn).filter((id) => id !== tokenizer.bos);
}

function candidateOf(drawn: ArrayLike<number>, tokenizer: Tokenizer): Candidate {
  const ids = respelt(drawn, tokenizer);
  return { ids, symbols: symbolsOf(ids, tokenizer), known: false, edited: null, run: null };
}

const symbolsOf = (ids: ArrayLike<number>, tokenizer: Tokenizer): number[] =>
  tokenizer.kind === "char"
    ? Array.from(ids)
    : Array.from(tokenizer.decode(ids), (character) => character.codePointAt(0) ?? 0);

/** Base of the polynomial hashes, mod 2³². */
const BASE = 0x01000193;
const mixed = (symbol: number): number => Math.imul(symbol + 1, 0x9e3779b1) ^ (symbol >>> 7);
const appended = (hash: number, symbol: number): number => (Math.imul(hash, BASE) + mixed(symbol)) | 0;

/** Lists by 32-bit hash, with a table of bits in front: most look-ups find nothing. */
class HashLists<Item> {
  readonly #lists = new Map<number, Item[]>();
  readonly #bits = new Uint8Array(2 ** 16);

  add(hash: number, item: Item): void {
    this.#bits[hash & 0xff_ff] = 1;
    const list = this.#lists.get(hash);
    if (list === undefined) this.#lists.set(hash, [item]);
    else list.push(item);
  }

  get(hash: number): readonly Item[] {
    return this.#bits[hash & 0xff_ff] === 0 ? [] : (this.#lists.get(hash) ?? []);
  }
}

/** Finds runs of `length` tokens that a text and a document share. */
class RunIndex {
  readonly #windows = new HashLists<{ readonly candidate: Candidate; readonly start: number }>();
  readonly #length: number;
  /** BASE ** length: the weight of the token that leaves the window. */
  readonly #leaving: number;

  constructor(candidates: readonly Candidate[], length: number) {
    this.#length = length;
    let leaving = 1;
    for (let i = 0; i < length; i++) leaving = Math.imul(leaving, BASE);
    this.#leaving = leaving;
    for (const candidate of candidates) {
      this.#eachWindow(candidate.ids, (hash, start) => this.#windows.add(hash, { candidate, start }));
    }
  }

  compare(document: ArrayLike<number>): void {
    this.#eachWindow(document, (hash, start) => {
      for (const { candidate, start: position } of this.#windows.get(hash)) {
        const { ids } = candidate;
        // A run that began earlier has been found at the window before.
        if (position > 0 && start > 0 && ids[position - 1] === document[start - 1]) continue;
        const length = sharedLength(ids, position, document, start);
        const longest = candidate.run === null ? this.#length - 1 : candidate.run.end - candidate.run.start;
        if (length > longest) candidate.run = { document, start, end: start + length };
      }
    });
  }

  #eachWindow(ids: ArrayLike<number>, visit: (hash: number, start: number) => void): void {
    let hash = 0;
    for (let i = 0; i < ids.length; i++) {
      hash = appended(hash, ids[i]);
      if (i >= this.#length) hash = (hash - Math.imul(mixed(ids[i - this.#length]), this.#leaving)) | 0;
      if (i + 1 >= this.#length) visit(hash, i + 1 - this.#length);
    }
  }
}

/** How many tokens are the same from two positions on. */
function sharedLength(text: ArrayLike<number>, position: number, document: ArrayLike<number>, start: number): number {
  const left = Math.min(text.length - position, document.length - start);
  let length = 0;
  while (length < left && text[position + length] === document[start + length]) length++;
  return length;
}

/** Finds documents that are a text, or one edit away from a short one. */
class EditIndex {
  readonly #wholes = new HashLists<Candidate>();
  readonly #neighbours = new HashLists<Candidate>();
  readonly #tokenizer: Tokenizer;
  /** Documents of more tokens are too long for any short text. */
  readonly #maxTokens: number;

  constructor(candidates: readonly Candidate[], tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    const short = candidates.filter(({ symbols }) => symbols.length > 0 && symbols.length <= MAX_EDITED);
    for (const candidate of candidates) this.#wholes.add(candidate.ids.reduce(appended, 0), candidate);
    for (const candidate of short) {
      for (const hash of new Set(neighbourhood(candidate.symbols))) this.#neighbours.add(hash, candidate);
    }
    const longest = Math.max(0, ...short.map(({ symbols }) => symbols.length));
    this.#maxTokens = longest === 0 ? 0 : 4 * (longest + 1); // a character has up to four tokens
  }

  compare(document: ArrayLike<number>): void {
    let whole = 0;
    for (let i = 0; i < document.length; i++) whole = appended(whole, document[i]);
    for (const candidate of this.#wholes.get(whole)) candidate.known ||= areEqual(candidate.ids, document);
    if (document.length > this.#maxTokens) return;
    const symbols = symbolsOf(document, this.#tokenizer);
    if (symbols.length > MAX_EDITED + 1) return;
    for (const hash of neighbourhood(symbols)) {
      for (const candidate of this.#neighbours.get(hash)) {
        if (candidate.edited !== null || candidate.known) continue;
        const distance = distanceUpToOne(candidate.symbols, symbols);
        if (distance === 0) candidate.known = true;
        if (distance === 1) candidate.edited = this.#tokenizer.decode(document);
      }
    }
  }
}

const areEqual = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

/** Hashes of the symbols, and of the symbols without each one of them. */
function neighbourhood(symbols: readonly number[]): number[] {
  const { length } = symbols;
  const before = [0]; // hash of the first i symbols
  for (const symbol of symbols) before.push(appended(before[before.length - 1], symbol));
  const hashes = [before[length]];
  let [after, power] = [0, 1]; // hash of the symbols after i, and BASE ** their number
  for (let i = length - 1; i >= 0; i--) {
    hashes.push((Math.imul(before[i], power) + after) | 0);
    after = (after + Math.imul(mixed(symbols[i]), power)) | 0;
    power = Math.imul(power, BASE);
  }
  return hashes;
}

/** 0, 1, or 2 for more: texts are one edit apart where a common beginning and a common end cover all but one symbol. */
function distanceUpToOne(a: readonly number[], b: readonly number[]): number {
  const [shorter, longer] = [Math.min(a.length, b.length), Math.max(a.length, b.length)];
  if (longer - shorter > 1) return 2;
  let [start, end] = [0, 0];
  while (start < shorter && a[start] === b[start]) start++;
  if (start === longer) return 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return start + end >= longer - 1 ? 1 : 2;
}

/** The document, or the run where it is long. */
function quoteRun({ document, start, end }: Run, tokenizer: Tokenizer): string {
  const whole = document.length <= 4 * MAX_QUOTED ? tokenizer.decode(document) : null;
  if (whole !== null && whole.length <= MAX_QUOTED) return whole;
  const characters = Array.from(tokenizer.decode(Array.from({ length: end - start }, (_, i) => document[start + i])));
  const part = characters.slice(0, MAX_QUOTED).join("");
  return `${start > 0 ? "…" : ""}${part}${end < document.length || characters.length > MAX_QUOTED ? "…" : ""}`;
}
