/**
 * `byte-bpe`, as in GPT-2: a piece is a word with the space before it, and its base symbols are its UTF-8 bytes. So
 * nothing is unknown, and `decode(encode(text))` is the text, unlike `bpe`. (A lone surrogate decodes to U+FFFD.)
 */
import type { Tokenizer, TokenizerTrainer } from "../tokenizer.ts";
import { checkCapacity } from "./bpe.ts";
import { countPieces, scanGpt2 } from "./characters.ts";
import { learnMerges } from "./learn-merges.ts";
import type { LearnOptions, Merge } from "./learn-merges.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import type { BpeScheme } from "./bpe-tokenizer.ts";

const encoder = new TextEncoder();
/** Keeps U+FEFF: within a text it is a character, not a byte order mark. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The base tokens: byte b as the character U+00b. */
export const BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));

const SCHEME: BpeScheme = {
  kind: "byte-bpe",
  scan: scanGpt2,
  base: BYTES,
  symbolsOf: (piece) => Array.from(encoder.encode(piece)),
  textOf: (texts) => decoder.decode(bytesOf(texts)),
  displayOf: showBytes,
  sizeOf: (codePoint) => (codePoint < 0x80 ? 1 : codePoint < 0x8_00 ? 2 : codePoint < 0x1_00_00 ? 3 : 4),
  end: "",
  leavesOpen: false,
  json: {},
};

/** A token's bytes for display: `\xe2` for those of an incomplete character. */
export function showBytes(text: string): string {
  const shown = decoder.decode(bytesOf(text));
  if (!shown.includes("\ufffd")) return shown;
  return text.replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

const bytesOf = (texts: string): Uint8Array => Uint8Array.from(texts, (character) => character.charCodeAt(0));

/** Makes a tokenizer from learnt merges. */
export const byteBpeTokenizer = (merges: readonly Merge[]): Tokenizer => new BpeTokenizer(SCHEME, merges);

/** Learns a byte-bpe tokenizer. Ids: the 256 bytes, then the merges in order. */
export function byteBpeTrainer(options: LearnOptions): TokenizerTrainer {
  const counts = new Map<string, number>();
  return {
    add(document, isHeldOut = false) {
      if (!isHeldOut) countPieces(scanGpt2, document, counts);
    },
    finish() {
      checkCapacity(BYTES.length, options.maxTokens);
      const words = [...counts].map(([piece, count]) => [SCHEME.symbolsOf(piece), count] as const);
      return new BpeTokenizer(SCHEME, learnMerges(words, BYTES, options));
    },
  };
}
