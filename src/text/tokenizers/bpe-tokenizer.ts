/**
 * Tokenizers with composed tokens, `bpe` and `byte-bpe`: splits a text into pieces and each piece into base symbols,
 * then merges these as learnt. The two differ in what a piece and a base symbol are. Indivisible tokens are in
 * `vocabulary.ts`.
 */
import { NOTHING_UNKNOWN, unknownId } from "../tokenizer.ts";
import type { Encoding, OpenWord, Prompt, Span, Tokenizer, TokenizerJson } from "../tokenizer.ts";
import { MergeApplier } from "./apply-merges.ts";
import { detached, widthAt } from "./characters.ts";
import type { Scan } from "./characters.ts";
import type { Merge } from "./learn-merges.ts";

/** Among the symbols of a piece: a character without an id. */
export const UNKNOWN = -1;

/** What distinguishes bpe from byte-bpe. */
export interface BpeScheme {
  /** Which of the two. */
  readonly kind: "bpe" | "byte-bpe";
  /** Splits a text into pieces; no merge crosses from one into the next. */
  readonly scan: Scan;
  /** Text of every base token: a character, or a byte as one of U+0000 to U+00FF. */
  readonly base: readonly string[];
  /** A piece → its base ids; UNKNOWN for a character without one. */
  readonly symbolsOf: (piece: string) => number[];
  /** Concatenated token texts → decoded text. */
  readonly textOf: (texts: string) => string;
  /** Text of a token → the token for display. */
  readonly displayOf: (text: string) => string;
  /** Length of a character within a token's text: in UTF-16 units (bpe) or bytes (byte-bpe). */
  readonly sizeOf: (codePoint: number) => number;
  /** Suffix of a token's text that is not in the piece: the end of word (bpe), or none. */
  readonly end: string;
  /** Whether a prompt's last word is left open: a closed one has another last token than its beginning. */
  readonly leavesOpen: boolean;
  /** Fields of `tokenizer.json` besides the merges. */
  readonly json: Pick<TokenizerJson, "tokens">;
}

/** The cache of encoded pieces holds short ones only: words recur, long pieces do not. */
const MAX_CACHED_LENGTH = 64;
const MAX_CACHED_PIECES = 65_536;

/** A tokenizer by byte pair encoding. */
export class BpeTokenizer implements Tokenizer {
  /** As in `Tokenizer`. */
  readonly kind: BpeScheme["kind"];
  /** As in `Tokenizer`. */
  readonly vocabSize: number;
  /** As in `Tokenizer`. */
  readonly bos: number;
  /** As in `Tokenizer`; always null. */
  readonly unk = null;
  readonly #scheme: BpeScheme;
  readonly #merges: readonly Merge[];
  readonly #applier: MergeApplier;
  readonly #cache = new Map<string, readonly number[]>();

  /** Applies `merges`, which must be in the order in which they were learnt. */
  constructor(scheme: BpeScheme, merges: readonly Merge[]) {
    this.kind = scheme.kind;
    this.#scheme = scheme;
    this.#merges = merges;
    this.#applier = new MergeApplier(scheme.base, merges);
    this.bos = this.#applier.texts.length;
    this.vocabSize = this.bos + 1;
  }

  encode(text: string): Encoding {
    const ids: number[] = [];
    let unknown: Map<string, number> | null = null;
    this.#scheme.scan(text, (start, end) => {
      let hasUnknown = false;
      for (const symbol of this.#symbolsOf(text.slice(start, end))) {
        if (symbol === UNKNOWN) hasUnknown = true;
        else ids.push(symbol);
      }
      if (hasUnknown) this.#countUnknown(text, start, end, (unknown ??= new Map<string, number>()));
    });
    return { ids, unknown: unknown ?? NOTHING_UNKNOWN };
  }

  prompt(text: string): Prompt {
    const encoding = this.encode(text);
    const closed = { ...encoding, open: null, text: this.decode(encoding.ids) };
    let [start, end] = [0, 0];
    this.#scheme.scan(text, (pieceStart, pieceEnd) => {
      [start, end] = [pieceStart, pieceEnd];
    });
    const word = text.slice(start, end);
    if (!this.#scheme.leavesOpen || end === 0 || end < text.length || this.#symbolsOf(word).includes(UNKNOWN)) {
      return closed;
    }
    return { ...closed, ids: this.encode(text.slice(0, start)).ids, open: new OpenLetters(this.#applier.texts, word) };
  }

  spans(text: string): Span[] {
    const spans: Span[] = [];
    let covered = 0;
    const gapUntil = (start: number): void => {
      if (start > covered) spans.push({ start: covered, end: start, id: null });
      covered = start;
    };
    this.#scheme.scan(text, (pieceStart, pieceEnd) => {
      gapUntil(pieceStart);
      this.#eachSpan(text, pieceStart, pieceEnd, (symbol, start, end) => {
        spans.push({ start, end, id: symbol === UNKNOWN ? null : symbol });
        covered = end;
      });
    });
    gapUntil(text.length);
    return spans;
  }

  decode(ids: ArrayLike<number>): string {
    let texts = "";
    for (const id of Array.from(ids)) if (id !== this.bos) texts += this.#textOf(id);
    return this.#scheme.textOf(texts);
  }

  token(id: number): string {
    return id === this.bos ? "<bos>" : this.#scheme.displayOf(this.#textOf(id));
  }

  toJSON(): TokenizerJson {
    return {
      format: "microgpt-tokenizer",
      version: 1,
      kind: this.kind,
      ...this.#scheme.json,
      merges: this.#merges,
    };
  }

  #textOf(id: number): string {
    return this.#applier.texts[id] ?? unknownId(id, this.bos);
  }

  /** The ids of a piece, with UNKNOWN for characters that have none. */
  #symbolsOf(piece: string): readonly number[] {
    const cached = this.#cache.get(piece);
    if (cached !== undefined) return cached;
    const symbols = this.#applier.apply(this.#scheme.symbolsOf(piece));
    if (piece.length <= MAX_CACHED_LENGTH) {
      if (this.#cache.size >= MAX_CACHED_PIECES) this.#cache.clear();
      this.#cache.set(detached(piece), symbols);
    }
    return symbols;
  }

  #countUnknown(text: string, pieceStart: number, pieceEnd: number, counts: Map<string, number>): void {
    this.#eachSpan(text, pieceStart, pieceEnd, (symbol, start, end) => {
      const piece = text.slice(start, end);
      if (symbol === UNKNOWN) counts.set(piece, (counts.get(piece) ?? 0) + 1);
    });
  }

  /**
   * Calls `visit` with every symbol of a piece and the range of characters that end in it. `pending` is the length of
   * token text not yet matched by characters: more than 0 after a token that ends inside a character.
   */
  #eachSpan(
    text: string,
    pieceStart: number,
    pieceEnd: number,
    visit: (symbol: number, start: number, end: number) => void,
  ): void {
    const { sizeOf, end } = this.#scheme;
    let at = pieceStart;
    let pending = 0;
    for (const symbol of this.#symbolsOf(text.slice(pieceStart, pieceEnd))) {
      const from = at;
      const size = (): number => sizeOf(text.codePointAt(at) ?? 0);
      if (symbol === UNKNOWN) pending = size();
      else pending += this.#textOf(symbol).length - (end !== "" && this.#textOf(symbol).endsWith(end) ? end.length : 0);
      for (; at < pieceEnd && size() <= pending; at += widthAt(text, at)) pending -= size();
      visit(symbol, from, at);
    }
  }
}

/** The letters of an open word that no token has spelt yet. */
class OpenLetters implements OpenWord {
  readonly #texts: readonly string[];
  readonly #letters: string;

  constructor(texts: readonly string[], letters: string) {
    this.#texts = texts;
    this.#letters = letters;
  }

  allows(token: number): boolean {
    const text = this.#texts[token];
    return text !== undefined && (text.startsWith(this.#letters) || this.#letters.startsWith(text));
  }

  after(token: number): OpenWord | null {
    const { length } = this.#texts[token];
    return length < this.#letters.length ? new OpenLetters(this.#texts, this.#letters.slice(length)) : null;
  }
}
