/**
 * `byte-bpe`, as GPT-2 has it: a piece is a word with the space before it; its base symbols are its bytes in UTF-8, so
 * that nothing is ever unknown and `decode(encode(text))` is the text, for every text. (A half of a surrogate pair, which
 * is no character, comes back as U+FFFD.)
 */
import type { Tokenizer, TokenizerTrainer } from "../tokenizer.ts";
import { checkCapacity } from "./bpe.ts";
import { countPieces, scanGpt2 } from "./characters.ts";
import { learnMerges } from "./learn-merges.ts";
import type { LearnOptions, Merge } from "./learn-merges.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import type { BpeScheme } from "./bpe-tokenizer.ts";

const encoder = new TextEncoder();
/** A byte order mark within a text is text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The base tokens: every byte as a character. */
export const BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));

const KIND: BpeScheme = {
  kind: "byte-bpe",
  scan: scanGpt2,
  base: BYTES,
  symbolsOf: (piece) => Array.from(encoder.encode(piece)),
  textOf: (texts) => decoder.decode(bytesOf(texts)),
  displayOf(text) {
    const shown = decoder.decode(bytesOf(text));
    if (!shown.includes("\ufffd")) return shown;
    return text.replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  },
  sizeOf: (codePoint) => (codePoint < 0x80 ? 1 : codePoint < 0x8_00 ? 2 : codePoint < 0x1_00_00 ? 3 : 4),
  end: "",
  json: {},
};

const bytesOf = (texts: string): Uint8Array => Uint8Array.from(texts, (character) => character.charCodeAt(0));

/** The tokenizer of learnt merges. */
export const byteBpeTokenizer = (merges: readonly Merge[]): Tokenizer => new BpeTokenizer(KIND, merges);

/** Ids: the 256 bytes, then the merges in order. */
export function byteBpeTrainer(options: LearnOptions): TokenizerTrainer {
  const counts = new Map<string, number>();
  return {
    add(document) {
      countPieces(scanGpt2, document, counts);
    },
    finish() {
      checkCapacity(BYTES.length, options.maxTokens);
      const words = [...counts].map(([piece, count]) => [KIND.symbolsOf(piece), count] as const);
      return new BpeTokenizer(KIND, learnMerges(words, BYTES, options));
    },
  };
}
