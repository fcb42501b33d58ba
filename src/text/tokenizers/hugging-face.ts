/**
 * Writes a tokenizer in the format of Hugging Face's `tokenizer.json`, which their libraries (Rust, Python, JavaScript)
 * read. Does not read it: `json.ts` reads our own format.
 *
 * Three differences remain. The format cannot express that unknown words are skipped (`word` without `--unk`): their
 * reader fails on one. It cannot count quotes, so their decoder of `word` writes the reference's spacing: `" Yes, "`,
 * `$ 5. 50`. And if a text contains the name of a special token, `<bos>` or `<unk>`, their reader takes it for that
 * token.
 */
import type { Tokenizer } from "../tokenizer.ts";
import { END_OF_WORD, textsOf } from "./bpe.ts";
import { BYTES } from "./byte-bpe.ts";
import { TokenTexts } from "./learn-merges.ts";
import { UNK } from "./vocabulary.ts";
import { CLOSING, OPENING } from "./word.ts";

/** A plain object for `JSON.stringify`. */
export type HuggingFaceJson = Readonly<Record<string, unknown>>;

/** Character classes spelt out, because `\s` differs between the libraries. */
const WHITE_SPACE = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const PYTHON_SPACE = `\\u001c-\\u001f${WHITE_SPACE}`;

/** The scanners of `characters.ts` as patterns for their `Split`. */
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

/** Characters, escaped for use inside `[…]`. */
const inClass = (characters: Iterable<string>): string =>
  [...characters].map((character) => (/[\]\\^[&~-]/.test(character) ? `\\${character}` : character)).join("");

/** Replaces `\uXXXX` by the character itself, because the libraries' regular expressions have different escapes. */
const unescape = (regex: string): string =>
  regex.replace(/\\u([0-9a-f]{4})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

/** The content of Hugging Face's `tokenizer.json` for a tokenizer. */
export function toHuggingFace(tokenizer: Tokenizer): HuggingFaceJson {
  const { bos, unk } = tokenizer;
  const nameOf = specialNames(tokenizer);
  const special = (id: number): object => ({
    id,
    content: nameOf(id),
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
    ...stagesOf(tokenizer),
  };
}

/** The name that the file gives BOS. */
export const bosName = (tokenizer: Tokenizer): string => specialNames(tokenizer)(tokenizer.bos);

/** The stages of their pipeline that depend on the kind. */
function stagesOf(tokenizer: Tokenizer): object {
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
        // One space after every word, the last one included. An unknown character splits its word and is dropped.
        normalizer: {
          type: "Sequence",
          normalizers: [replace(`[${PYTHON_SPACE}]+`, " "), replace("^ | $", ""), replace("(?<=[^ ])$", " ")],
        },
        pre_tokenizer: split(`[${inClass(base.filter((token) => token !== END_OF_WORD))}]+ ?| `, "Removed", true),
        decoder: {
          type: "Sequence",
          decoders: [{ type: "Fuse" }, replace("^ +| +$", "")],
        },
        // The end of a word is a space in this format, too, because their symbols are single characters.
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

/** A Unicode noncharacter, which no text contains: no token continues a word. */
const NEVER = "\ufdd0";

/** WordPiece whose continuation pieces never match: a word is one token or unknown. */
function wordModel(tokenizer: Tokenizer): object {
  return {
    type: "WordPiece",
    unk_token: UNK,
    continuing_subword_prefix: NEVER,
    max_input_chars_per_word: 1_000_000,
    vocab: vocabularyOf(tokenizer, tokenizer.toJSON().tokens ?? []),
  };
}

/** `base`: names of the base tokens in this format. */
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

/** Name → id, in the order of the ids; the special tokens come last. */
function vocabularyOf(tokenizer: Tokenizer, names: readonly string[]): object {
  const { bos, unk } = tokenizer;
  const nameOf = specialNames(tokenizer);
  const special = [...(unk === null ? [] : [unk]), bos].map((id) => [nameOf(id), id] as const);
  return Object.fromEntries([...names.map((name, id) => [name, id] as const), ...special]);
}

/**
 * Names of the special tokens. Merges may have learnt a token that is spelt `<bos>`; the format's vocabulary is keyed by
 * name, so BOS is then `<|bos|>`, or the first of `<|bos1|>`, `<|bos2|>`, … that no token is spelt as.
 */
function specialNames(tokenizer: Tokenizer): (id: number) => string {
  const { bos } = tokenizer;
  const taken = new Set(Array.from({ length: tokenizer.unk ?? bos }, (_, id) => tokenizer.token(id)));
  let name = tokenizer.token(bos);
  for (let i = 0; taken.has(name); i++) name = `<|bos${i === 0 ? "" : i}|>`;
  return (id) => (id === bos ? name : tokenizer.token(id));
}

/**
 * A name for each byte: its Latin-1 character if that is visible, otherwise the next unused character from U+0100 on
 * (`bytes_to_unicode` in GPT-2's encoder.py).
 */
export function byteNames(): string[] {
  let next = 0x1_00;
  return BYTES.map((byte) => (/[!-~¡-¬®-ÿ]/.test(byte) ? byte : String.fromCharCode(next++)));
}
