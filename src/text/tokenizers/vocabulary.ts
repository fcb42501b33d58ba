/**
 * Tokenizers with indivisible tokens, `char` and `word`: a piece of the text is either in the vocabulary or unknown.
 * The two differ only in how they split a text and how they join tokens. Tokens composed of others are in
 * `bpe-tokenizer.ts`.
 */
import { InputError } from "../../errors.ts";
import { NOTHING_UNKNOWN, unknownId } from "../tokenizer.ts";
import type { Span, Tokenizer, TokenizerTrainer } from "../tokenizer.ts";
import { countPieces } from "./characters.ts";
import type { Scan } from "./characters.ts";

/** What distinguishes characters from words. */
export interface VocabularyScheme {
  /** Which of the two. */
  readonly kind: "char" | "word";
  /** Splits a text into pieces. */
  readonly scan: Scan;
  /** Tokens → text. */
  readonly join: (tokens: readonly string[]) => string;
}

/** The token for unknown pieces, and its text when ids are decoded. */
export const UNK = "<unk>";

/** Makes a tokenizer from `tokens`, in the order of their ids. `withUnk`: `<unk>` gets the next id. */
export function vocabularyTokenizer(
  { kind, scan, join }: VocabularyScheme,
  tokens: readonly string[],
  withUnk: boolean,
): Tokenizer {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const names = withUnk ? [...tokens, UNK] : tokens;
  const unk = withUnk ? tokens.length : null;
  const bos = names.length;
  const tokenizer: Tokenizer = {
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
    prompt(text) {
      const encoding = tokenizer.encode(text);
      return { ...encoding, open: null, text: tokenizer.decode(encoding.ids) };
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
  return tokenizer;
}

/** Which pieces get an id. */
export interface VocabularyOptions {
  /**
   * Maximum number of ids, `<unk>` and BOS included: the most frequent pieces are kept. Implies `unk`. null: no limit.
   */
  readonly vocabSize: number | null;
  /** Whether unknown pieces get a token, `<unk>`. */
  readonly unk: boolean;
}

/** Counts pieces, then assigns ids in code-point order, as Python's `sorted` does. */
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
          `--vocab-size ${vocabSize} is too small for a ${kind.kind}, <unk> and BOS; give at least 3`,
        );
      }
      // The sort is stable: of equally frequent pieces, the one seen first is kept.
      const ranked = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, vocabSize - 2);
      return vocabularyTokenizer(kind, ranked.map(([piece]) => piece).toSorted(byCodePoint), true);
    },
  };
}

/** Compares by code point, as Python's `sorted`. JavaScript compares UTF-16 units, which puts U+FFEE after U+1F600. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0);
  }
  return a.length - b.length;
}
