/**
 * `bpe`, as in the reference: a piece is a word between white space; its base symbols are its characters and an
 * end-of-word symbol, shown as `</w>`. Lossy, unlike `byte-bpe`: white space becomes one space, unknown characters are
 * skipped.
 */
import { InputError } from "../../errors.ts";
import type { Tokenizer, TokenizerTrainer } from "../tokenizer.ts";
import { countPieces, scanSplit } from "./characters.ts";
import { learnMerges } from "./learn-merges.ts";
import type { LearnOptions, Merge } from "./learn-merges.ts";
import { BpeTokenizer, UNKNOWN } from "./bpe-tokenizer.ts";
import type { BpeScheme } from "./bpe-tokenizer.ts";
import { byCodePoint } from "./vocabulary.ts";

/** The end-of-word symbol where tokens are listed. In a token's text it is a space, which no word contains. */
export const END_OF_WORD = "</w>";
const END = " ";

/** A token's text for display: the end of a word as `</w>`. */
export const showEnd = (text: string): string => (text.endsWith(END) ? text.slice(0, -1) + END_OF_WORD : text);

/** Base tokens as listed → their texts: `</w>` becomes a space. */
export const textsOf = (tokens: readonly string[]): string[] =>
  tokens.map((token) => (token === END_OF_WORD ? END : token));

/** The scheme for base `tokens`, in the order of their ids: characters, and END_OF_WORD once. */
function bpeScheme(tokens: readonly string[], reference: boolean): BpeScheme {
  const base = textsOf(tokens);
  const idOf = new Map(base.map((token, id) => [token, id]));
  const end = idOf.get(END) ?? UNKNOWN;
  return {
    kind: "bpe",
    scan: scanSplit,
    base,
    symbolsOf(word) {
      const symbols: number[] = [];
      for (const character of word) symbols.push(idOf.get(character) ?? UNKNOWN);
      symbols.push(end);
      return symbols;
    },
    textOf: (texts) => texts.replace(/^ +/, "").replace(/(?<! ) +$/, ""),
    displayOf: showEnd,
    sizeOf: (codePoint) => (codePoint > 0xff_ff ? 2 : 1),
    end: END,
    leavesOpen: !reference,
    json: { tokens },
  };
}

/**
 * Makes a tokenizer from base `tokens` (characters, and `</w>` once, in the order of their ids) and learnt merges.
 * @param reference whether a prompt's last word is closed, as in the reference.
 */
export const bpeTokenizer = (
  tokens: readonly string[],
  merges: readonly Merge[],
  reference: boolean = false,
): Tokenizer => new BpeTokenizer(bpeScheme(tokens, reference), merges);

/**
 * Learns a bpe tokenizer. Ids: the characters and `</w>` in the order of Python's `sorted`, then the merges in order.
 * @param reference as in `bpeTokenizer`.
 */
export function bpeTrainer(options: LearnOptions, reference: boolean = false): TokenizerTrainer {
  const counts = new Map<string, number>();
  const characters = new Set([END_OF_WORD]);
  return {
    add(document, isHeldOut = false) {
      if (!isHeldOut) return countPieces(scanSplit, document, counts);
      scanSplit(document, (start, end) => {
        for (const character of document.slice(start, end)) characters.add(character);
      });
    },
    finish() {
      for (const word of counts.keys()) for (const character of word) characters.add(character);
      const tokens = [...characters].toSorted(byCodePoint);
      checkCapacity(tokens.length, options.maxTokens);
      const scheme = bpeScheme(tokens, reference);
      const words = [...counts].map(([word, count]) => [scheme.symbolsOf(word), count] as const);
      return new BpeTokenizer(scheme, learnMerges(words, scheme.base, options));
    },
  };
}

/** Throws InputError if the base tokens alone exceed the vocabulary size. */
export function checkCapacity(base: number, maxTokens: number | null): void {
  if (maxTokens === null || base <= maxTokens) return;
  throw new InputError(
    `--vocab-size ${maxTokens + 1} is too small for the ${base} base tokens of the data and BOS;` +
      ` give at least ${base + 1}`,
  );
}
