/**
 * Tokenizers whose tokens are not made of others: a piece of the text is in the vocabulary, as a whole, or it is unknown.
 * `char` and `word` differ in how they cut a text, and in how they put it together.
 */
import { InputError } from "../../errors.ts";
import { NOTHING_UNKNOWN, unknownId } from "../tokenizer.ts";
import type { Span, Tokenizer, TokenizerTrainer } from "../tokenizer.ts";
import { countPieces } from "./characters.ts";
import type { Scan } from "./characters.ts";

/** What distinguishes characters from words. */
export interface VocabularyScheme {
  /** The kind. */
  readonly kind: "char" | "word";
  /** Cuts a text into tokens. */
  readonly scan: Scan;
  /** Tokens → their text. */
  readonly join: (tokens: readonly string[]) => string;
}

/** What stands for an unknown piece when ids are decoded. */
export const UNK = "<unk>";

/** @param tokens in order of their ids. @param withUnk whether `<unk>` has the id behind them. */
export function vocabularyTokenizer(
  { kind, scan, join }: VocabularyScheme,
  tokens: readonly string[],
  withUnk: boolean,
): Tokenizer {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const names = withUnk ? [...tokens, UNK] : tokens;
  const unk = withUnk ? tokens.length : null;
  const bos = names.length;
  return {
    kind,
    vocabSize: bos + 1,
    bos,
    unk,
    encode(text) {
      const ids: number[] = [];
      let unknown: Map<string, number> | null = null;
      scan(text, (start, end) => {
        const piece = text.slice(start, end);
        const id = idOf.get(piece);
        if (id === undefined) {
          unknown ??= new Map();
          unknown.set(piece, (unknown.get(piece) ?? 0) + 1);
        }
        const known = id ?? unk;
        if (known !== null) ids.push(known);
      });
      return { ids, unknown: unknown ?? NOTHING_UNKNOWN };
    },
    spans(text) {
      const spans: Span[] = [];
      const gapUntil = (start: number): void => {
        const end = spans.at(-1)?.end ?? 0;
        if (start > end) spans.push({ start: end, end: start, id: null });
      };
      scan(text, (start, end) => {
        gapUntil(start);
        spans.push({ start, end, id: idOf.get(text.slice(start, end)) ?? unk });
      });
      gapUntil(text.length);
      return spans;
    },
    decode(ids) {
      const shown = Array.from(ids).filter((id) => id !== bos);
      return join(shown.map((id) => names[id] ?? unknownId(id, bos)));
    },
    token: (id) => (id === bos ? "<bos>" : (names[id] ?? unknownId(id, bos))),
    toJSON() {
      return { format: "microgpt-tokenizer", version: 1, kind, tokens, ...(withUnk ? { unk: true } : {}) };
    },
  };
}

/** How a vocabulary of whole pieces is chosen. */
export interface VocabularyOptions {
  /** The most ids there may be, `<unk>` and BOS included: the most frequent pieces stay; null: all. Implies `unk`. */
  readonly vocabSize: number | null;
  /** Whether unknown pieces have a token. */
  readonly unk: boolean;
}

/** Counts pieces; ids are given in the order of their code points, as Python sorts. */
export function vocabularyTrainer(kind: VocabularyScheme, { vocabSize, unk }: VocabularyOptions): TokenizerTrainer {
  const counts = new Map<string, number>();
  return {
    add(document) {
      countPieces(kind.scan, document, counts);
    },
    finish() {
      if (vocabSize === null) return vocabularyTokenizer(kind, [...counts.keys()].toSorted(byCodePoint), unk);
      if (vocabSize < 3) {
        throw new InputError(
          `--vocab-size ${vocabSize} has no room for a ${kind.kind}, <unk> and BOS; give at least 3`,
        );
      }
      // Stable: of equally frequent pieces the one that was met first stays.
      const ranked = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, vocabSize - 2);
      return vocabularyTokenizer(kind, ranked.map(([piece]) => piece).toSorted(byCodePoint), true);
    },
  };
}

/** The order of Python's `sorted`; JavaScript's own puts U+FFEE behind U+1F600. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0);
  }
  return a.length - b.length;
}
