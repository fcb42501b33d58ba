/**
 * Tokenizers whose tokens are made of others: a text is cut into pieces, a piece into base symbols, and these are merged
 * as was learnt. `bpe` and `byte-bpe` differ in what a piece and a base symbol are.
 */
import { NOTHING_UNKNOWN, unknownId } from "../tokenizer.ts";
import type { Encoding, Span, Tokenizer, TokenizerJson } from "../tokenizer.ts";
import { MergeApplier } from "./apply-merges.ts";
import { detached, widthAt } from "./characters.ts";
import type { Scan } from "./characters.ts";
import type { Merge } from "./learn-merges.ts";

/** What stands for a character without an id among the symbols of a piece. */
export const UNKNOWN = -1;

/** What distinguishes bpe from byte-bpe. */
export interface BpeScheme {
  /** The kind. */
  readonly kind: "bpe" | "byte-bpe";
  /** Cuts a text into the pieces within which merges happen. */
  readonly scan: Scan;
  /** The text of every base token: characters, or bytes as characters U+0000 to U+00FF. */
  readonly base: readonly string[];
  /** A piece → its base ids, or UNKNOWN. */
  readonly symbolsOf: (piece: string) => number[];
  /** Texts of tokens, end to end → text. */
  readonly textOf: (texts: string) => string;
  /** The text of one token → how a list shows it. */
  readonly displayOf: (text: string) => string;
  /** How much of the text of a token a character takes: UTF-16 units, or bytes. */
  readonly sizeOf: (codePoint: number) => number;
  /** The end of the text of a token that no character of a piece stands for. */
  readonly end: string;
  /** What `tokenizer.json` has besides the merges. */
  readonly json: Pick<TokenizerJson, "tokens">;
}

/** Pieces up to this length are remembered with their ids, so many of them: words come again and again, long pieces don't. */
const MAX_CACHED_LENGTH = 64;
const MAX_CACHED_PIECES = 65_536;

/** A tokenizer by byte pair encoding. */
export class BpeTokenizer implements Tokenizer {
  /** As in `Tokenizer`, like the next three. */
  readonly kind: BpeScheme["kind"];
  /** As in `Tokenizer`. */
  readonly vocabSize: number;
  /** As in `Tokenizer`. */
  readonly bos: number;
  /** As in `Tokenizer`; always null. */
  readonly unk = null;
  readonly #parts: BpeScheme;
  readonly #merges: readonly Merge[];
  readonly #applier: MergeApplier;
  readonly #cache = new Map<string, readonly number[]>();

  /** @param merges in the order in which they were learnt. */
  constructor(parts: BpeScheme, merges: readonly Merge[]) {
    this.kind = parts.kind;
    this.#parts = parts;
    this.#merges = merges;
    this.#applier = new MergeApplier(parts.base, merges);
    this.bos = this.#applier.texts.length;
    this.vocabSize = this.bos + 1;
  }

  encode(text: string): Encoding {
    const ids: number[] = [];
    let unknown: Map<string, number> | null = null;
    this.#parts.scan(text, (start, end) => {
      let hasUnknown = false;
      for (const symbol of this.#symbolsOf(text.slice(start, end))) {
        if (symbol === UNKNOWN) hasUnknown = true;
        else ids.push(symbol);
      }
      if (hasUnknown) this.#countUnknown(text, start, end, (unknown ??= new Map<string, number>()));
    });
    return { ids, unknown: unknown ?? NOTHING_UNKNOWN };
  }

  spans(text: string): Span[] {
    const spans: Span[] = [];
    let covered = 0;
    const gapUntil = (start: number): void => {
      if (start > covered) spans.push({ start: covered, end: start, id: null });
      covered = start;
    };
    this.#parts.scan(text, (pieceStart, pieceEnd) => {
      gapUntil(pieceStart);
      this.#place(text, pieceStart, pieceEnd, (symbol, start, end) => {
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
    return this.#parts.textOf(texts);
  }

  token(id: number): string {
    return id === this.bos ? "<bos>" : this.#parts.displayOf(this.#textOf(id));
  }

  toJSON(): TokenizerJson {
    return {
      format: "microgpt-tokenizer",
      version: 1,
      kind: this.kind,
      ...this.#parts.json,
      merges: this.#merges,
    };
  }

  #textOf(id: number): string {
    return this.#applier.texts[id] ?? unknownId(id, this.bos);
  }

  /** The ids of a piece, and UNKNOWN for what has none. */
  #symbolsOf(piece: string): readonly number[] {
    const cached = this.#cache.get(piece);
    if (cached !== undefined) return cached;
    const symbols = this.#applier.apply(this.#parts.symbolsOf(piece));
    if (piece.length <= MAX_CACHED_LENGTH) {
      if (this.#cache.size >= MAX_CACHED_PIECES) this.#cache.clear();
      this.#cache.set(detached(piece), symbols);
    }
    return symbols;
  }

  #countUnknown(text: string, pieceStart: number, pieceEnd: number, counts: Map<string, number>): void {
    this.#place(text, pieceStart, pieceEnd, (symbol, start, end) => {
      const piece = text.slice(start, end);
      if (symbol === UNKNOWN) counts.set(piece, (counts.get(piece) ?? 0) + 1);
    });
  }

  /** Calls back with every symbol of a piece and the characters that it stands for. */
  #place(
    text: string,
    pieceStart: number,
    pieceEnd: number,
    visit: (symbol: number, start: number, end: number) => void,
  ): void {
    const { sizeOf, end } = this.#parts;
    let at = pieceStart;
    let room = 0;
    for (const symbol of this.#symbolsOf(text.slice(pieceStart, pieceEnd))) {
      const from = at;
      const size = (): number => sizeOf(text.codePointAt(at) ?? 0);
      if (symbol === UNKNOWN) room = size();
      else room += this.#textOf(symbol).length - (end !== "" && this.#textOf(symbol).endsWith(end) ? end.length : 0);
      for (; at < pieceEnd && size() <= room; at += widthAt(text, at)) room -= size();
      visit(symbol, from, at);
    }
  }
}
