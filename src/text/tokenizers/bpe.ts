/**
 * `bpe`, as the reference has it: a piece is a word between spaces; its base symbols are its characters and an end of
 * word, shown as `</w>`. Which spaces there were is not kept; a character that the training data lacks is skipped.
 */
import { InputError } from "../../errors.ts";
import type { Tokenizer, TokenizerTrainer } from "../tokenizer.ts";
import { countPieces, scanSplit } from "./characters.ts";
import { learnMerges } from "./learn-merges.ts";
import type { LearnOptions, Merge } from "./learn-merges.ts";
import { BpeTokenizer, UNKNOWN } from "./bpe-tokenizer.ts";
import type { BpeScheme } from "./bpe-tokenizer.ts";
import { byCodePoint } from "./vocabulary.ts";

/** How the end of a word is written where tokens are listed. In a token's text it is a space: no word has one. */
export const END_OF_WORD = "</w>";
const END = " ";

/** Base tokens as they are listed → as their texts are. */
export const textsOf = (tokens: readonly string[]): string[] =>
  tokens.map((token) => (token === END_OF_WORD ? END : token));

/** @param tokens the base tokens in order of their ids: characters, and END_OF_WORD. */
function bpeKind(tokens: readonly string[]): BpeScheme {
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
    displayOf: (text) => (text.endsWith(END) ? text.slice(0, -1) + END_OF_WORD : text),
    sizeOf: (codePoint) => (codePoint > 0xff_ff ? 2 : 1),
    end: END,
    json: { tokens },
  };
}

/** @param tokens characters and `</w>`, once. */
export const bpeTokenizer = (tokens: readonly string[], merges: readonly Merge[]): Tokenizer =>
  new BpeTokenizer(bpeKind(tokens), merges);

/** Ids: the characters and `</w>` in the order of Python's `sorted`, then the merges in order. */
export function bpeTrainer(options: LearnOptions): TokenizerTrainer {
  const counts = new Map<string, number>();
  return {
    add(document) {
      countPieces(scanSplit, document, counts);
    },
    finish() {
      const characters = new Set([END_OF_WORD]);
      for (const word of counts.keys()) for (const character of word) characters.add(character);
      const tokens = [...characters].toSorted(byCodePoint);
      checkCapacity(tokens.length, options.maxTokens);
      const kind = bpeKind(tokens);
      const words = [...counts].map(([word, count]) => [kind.symbolsOf(word), count] as const);
      return new BpeTokenizer(kind, learnMerges(words, kind.base, options));
    },
  };
}

/** Throws InputError if the base tokens alone are more than the vocabulary may have. */
export function checkCapacity(base: number, maxTokens: number | null): void {
  if (maxTokens === null || base <= maxTokens) return;
  throw new InputError(
    `--vocab-size ${maxTokens + 1} has no room for the ${base} base tokens of the data and BOS; give at least ${base + 1}`,
  );
}
