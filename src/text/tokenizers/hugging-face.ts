/**
 * A tokenizer in the format of Hugging Face's `tokenizer.json`, which their libraries (Rust, Python, JavaScript) read.
 *
 * What the format can't say: that unknown words are skipped (`word` without `--unk`; at one their reader fails). Where a text has the very characters `<bos>` or `<unk>`,
 * their reader takes them for the special token.
 */
import type { Tokenizer } from "../tokenizer.ts";
import { END_OF_WORD, textsOf } from "./bpe.ts";
import { BYTES } from "./byte-bpe.ts";
import { TokenTexts } from "./learn-merges.ts";
import { UNK } from "./vocabulary.ts";
import { CLOSING, OPENING } from "./word.ts";

/** As `JSON.stringify` takes it. */
export type HuggingFaceJson = Readonly<Record<string, unknown>>;

/** The classes of characters spelt out: what `\s` is differs from one library to the next. */
const WHITE_SPACE = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const PYTHON_SPACE = `\\u001c-\\u001f${WHITE_SPACE}`;

/** Our scanners as patterns for their `Split`. */
const GPT2 =
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${WHITE_SPACE}\\p{L}\\p{N}]+` +
  `|[${WHITE_SPACE}]+(?![^${WHITE_SPACE}])|[${WHITE_SPACE}]+`;
const WORD = `[\\p{L}\\p{N}_]+|[^\\p{L}\\p{N}_${PYTHON_SPACE}]`;

const split = (regex: string, behavior: string, invert: boolean): object => ({
  type: "Split",
  pattern: { Regex: unescape(regex) },
  behavior,
  invert,
});

const replace = (regex: string, content: string): object => ({
  type: "Replace",
  pattern: { Regex: unescape(regex) },
  content,
});

/** Characters as the inside of `[…]`. */
const inClass = (characters: Iterable<string>): string =>
  [...characters].map((character) => (/[\]\\^[&~-]/.test(character) ? `\\${character}` : character)).join("");

/** Their engines differ in how they write a character by its number, too: the characters themselves stand in the file. */
const unescape = (regex: string): string =>
  regex.replace(/\\u([0-9a-f]{4})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

/** A tokenizer as the content of Hugging Face's `tokenizer.json`. */
export function toHuggingFace(tokenizer: Tokenizer): HuggingFaceJson {
  const { bos, unk } = tokenizer;
  const special = (id: number): object => ({
    id,
    content: tokenizer.token(id),
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [...(unk === null ? [] : [special(unk)]), special(bos)],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "Fuse" },
    ...parts(tokenizer),
  };
}

function parts(tokenizer: Tokenizer): object {
  const base = tokenizer.toJSON().tokens ?? [];
  switch (tokenizer.kind) {
    case "char":
      return { pre_tokenizer: split("", "Isolated", false), model: bpeModel(tokenizer, base) };
    case "word":
      return {
        pre_tokenizer: split(WORD, "Removed", true),
        decoder: {
          type: "Sequence",
          decoders: [
            { type: "WordPiece", prefix: NEVER, cleanup: false },
            { type: "Fuse" },
            replace(` (?=[${inClass(CLOSING)}])|(?<=[${inClass(OPENING)}]) `, ""),
          ],
        },
        model: wordModel(tokenizer),
      };
    case "bpe":
      return {
        // Every word gets one space behind it, the last one too; an unknown character parts a word, and is left out.
        normalizer: {
          type: "Sequence",
          normalizers: [replace(`[${PYTHON_SPACE}]+`, " "), replace("^ | $", ""), replace("(?<=[^ ])$", " ")],
        },
        pre_tokenizer: split(`[${inClass(base.filter((token) => token !== END_OF_WORD))}]+ ?| `, "Removed", true),
        decoder: {
          type: "Sequence",
          decoders: [{ type: "Fuse" }, replace("^ +| +$", "")],
        },
        // The end of a word is a space here, too: their symbols are single characters.
        model: bpeModel(tokenizer, textsOf(base)),
      };
    case "byte-bpe":
      return {
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            split(GPT2, "Isolated", false),
            { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
          ],
        },
        decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
        model: bpeModel(tokenizer, byteNames()),
      };
  }
  return tokenizer.kind satisfies never;
}

/** Continues no word: Unicode says that this is no character. */
const NEVER = "\ufdd0";

/** Greedy pieces of a word, of which only the first, all of it, can be in the vocabulary. */
function wordModel(tokenizer: Tokenizer): object {
  return {
    type: "WordPiece",
    unk_token: UNK,
    continuing_subword_prefix: NEVER,
    max_input_chars_per_word: 1_000_000,
    vocab: vocabularyOf(tokenizer, tokenizer.toJSON().tokens ?? []),
  };
}

/** @param base the names of the tokens that are not made of others, as this format spells them. */
function bpeModel(tokenizer: Tokenizer, base: readonly string[]): object {
  const vocabulary = new TokenTexts(base);
  const merges = tokenizer.toJSON().merges ?? [];
  for (const merge of merges) vocabulary.merge(merge);
  const { texts } = vocabulary;
  return {
    type: "BPE",
    dropout: null,
    unk_token: tokenizer.unk === null ? null : UNK,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: vocabularyOf(tokenizer, texts),
    merges: merges.map(([left, right]) => [texts[left], texts[right]]),
  };
}

/** Name → id; the special tokens come last, as their ids do. */
function vocabularyOf(tokenizer: Tokenizer, names: readonly string[]): object {
  const { bos, unk } = tokenizer;
  const special = [...(unk === null ? [] : [unk]), bos].map((id) => [tokenizer.token(id), id] as const);
  return Object.fromEntries([...names.map((name, id) => [name, id] as const), ...special]);
}

/**
 * A byte's name: itself, if it is a visible character of Latin-1; else the next character from U+0100 on
 * (`bytes_to_unicode` of GPT-2's encoder.py).
 */
function byteNames(): string[] {
  let next = 0x1_00;
  return BYTES.map((byte) => (/[!-~¡-¬®-ÿ]/.test(byte) ? byte : String.fromCharCode(next++)));
}
