/**
 * Reads a tokenizer that `toJSON` wrote (`hugging-face.ts` writes another format). The file may come from anywhere, so
 * everything is checked before use, and nothing in it is executed or used as a pattern.
 */
import { InputError, isRecord, quote } from "../../errors.ts";
import { TOKENIZER_KINDS } from "../tokenizer.ts";
import type { Tokenizer, TokenizerKind } from "../tokenizer.ts";
import { bpeTokenizer, END_OF_WORD, textsOf } from "./bpe.ts";
import { byteBpeTokenizer, BYTES } from "./byte-bpe.ts";
import { CHAR } from "./char.ts";
import { MAX_TOKEN_LENGTH, TokenTexts } from "./learn-merges.ts";
import type { Merge } from "./learn-merges.ts";
import { ABSENT, PairTable } from "./pair-table.ts";
import { vocabularyTokenizer } from "./vocabulary.ts";
import { REFERENCE_WORD, WORD } from "./word.ts";

/** Limits far above any tokenizer trained here; they bound the time and memory that a hostile file can cost. */
const MAX_TOKENS = 4_000_000;
const MAX_MERGES = 1_000_000;
/** Characters of all merged tokens together: merges that repeatedly double a token would otherwise exhaust memory. */
const MAX_TEXT = 16_000_000;

const FIELDS = new Set(["format", "version", "kind", "tokens", "unk", "merges"]);

/**
 * Makes a tokenizer from parsed JSON that `toJSON` wrote. Throws InputError that names the invalid field.
 * @param reference as in `TokenizerOptions`: how to decode is not in the file, so that its hash stays what it was.
 */
export function tokenizerFromJson(
  json: unknown,
  { reference = false }: { readonly reference?: boolean } = {},
): Tokenizer {
  const fields = isRecord(json) ? json : {};
  const { format, version, kind, tokens, unk = false, merges } = fields;
  if (format !== "microgpt-tokenizer") throw new InputError("tokenizer: not a microgpt tokenizer");
  if (version !== 1) throw new InputError(`tokenizer: version ${quote(textOf(version))} is not 1; update microgpt`);
  const known = TOKENIZER_KINDS.find((one) => one === kind);
  if (known === undefined) {
    throw new InputError(`tokenizer: kind ${quote(textOf(kind))} is unknown; update microgpt`);
  }
  const extra = Object.keys(fields).find((key) => !FIELDS.has(key));
  if (extra !== undefined) throw new InputError(`tokenizer: the field ${quote(extra)} is unknown; update microgpt`);
  if (typeof unk !== "boolean") throw new InputError("tokenizer: `unk` must be true or false");
  if (known === "char" || known === "word") {
    if (merges !== undefined) throw new InputError(`tokenizer: a ${known} tokenizer has no \`merges\``);
    const word = reference ? REFERENCE_WORD : WORD;
    return vocabularyTokenizer(known === "char" ? CHAR : word, readTokens(tokens, known), unk);
  }
  if (unk) throw new InputError(`tokenizer: a ${known} tokenizer has no \`unk\``);
  if (known === "byte-bpe") {
    if (tokens !== undefined) throw new InputError("tokenizer: a byte-bpe tokenizer has no `tokens`");
    return byteBpeTokenizer(readMerges(merges, BYTES));
  }
  if (known === "bpe") {
    const base = readTokens(tokens, known);
    if (!base.includes(END_OF_WORD)) throw new InputError(`tokenizer: \`tokens\` lacks "${END_OF_WORD}"`);
    return bpeTokenizer(base, readMerges(merges, textsOf(base)), reference);
  }
  return known satisfies never;
}

function readTokens(json: unknown, kind: Exclude<TokenizerKind, "byte-bpe">): string[] {
  if (!Array.isArray(json)) throw new InputError("tokenizer: `tokens` must be a list of texts");
  if (json.length > MAX_TOKENS) throw new InputError(`tokenizer: ${json.length} tokens are more than ${MAX_TOKENS}`);
  const expected = kind === "word" ? "one word or mark" : "one character";
  const seen = new Set<string>();
  for (const [id, token] of json.entries() as Iterable<[number, unknown]>) {
    if (typeof token !== "string" || !isToken(token, kind)) {
      throw new InputError(`tokenizer: token ${id} must be ${expected}, got ${quote(textOf(token))}`);
    }
    if (seen.has(token)) throw new InputError(`tokenizer: token ${id} repeats ${quote(token)}`);
    seen.add(token);
  }
  return [...seen];
}

/** Whether the scanner of the kind can cut this token from a text; any other could never be used. */
function isToken(token: string, kind: Exclude<TokenizerKind, "byte-bpe">): boolean {
  if (kind === "bpe" && token === END_OF_WORD) return true;
  if (kind === "word" && token.length > MAX_TOKEN_LENGTH) return false;
  if (kind !== "word" && token.length > 2) return false;
  const scan = kind === "word" ? WORD.scan : CHAR.scan;
  let pieces = 0;
  let covered = 0;
  scan(token, (start, end) => {
    pieces++;
    covered += end - start;
  });
  // bpe: a space represents the end of a word.
  return pieces === 1 && covered === token.length && !(kind === "bpe" && token === " ");
}

/** Each merge may only refer to base tokens and to tokens of earlier merges, so merges can't be circular. */
function readMerges(json: unknown, base: readonly string[]): Merge[] {
  if (!Array.isArray(json)) throw new InputError("tokenizer: `merges` must be a list of pairs of ids");
  if (json.length > MAX_MERGES) throw new InputError(`tokenizer: ${json.length} merges are more than ${MAX_MERGES}`);
  const vocabulary = new TokenTexts(base);
  const { texts } = vocabulary;
  const seen = new PairTable(json.length);
  let total = 0;
  return (json as readonly unknown[]).map((pair, rank): Merge => {
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as readonly unknown[]) : [];
    const isId = (id: unknown): id is number =>
      Number.isSafeInteger(id) && Number(id) >= 0 && Number(id) < texts.length;
    if (!isId(left) || !isId(right)) {
      throw new InputError(`tokenizer: merge ${rank} must be two ids below ${texts.length}`);
    }
    if (seen.get(left, right) !== ABSENT) throw new InputError(`tokenizer: merge ${rank} repeats ${left}, ${right}`);
    seen.set(left, right, rank);
    const length = texts[left].length + texts[right].length;
    total += length;
    if (length > MAX_TOKEN_LENGTH) {
      throw new InputError(
        `tokenizer: merge ${rank} makes a token of ${length} characters; at most ${MAX_TOKEN_LENGTH}`,
      );
    }
    if (total > MAX_TEXT) throw new InputError(`tokenizer: merges 0 to ${rank} make more than ${MAX_TEXT} characters`);
    vocabulary.merge([left, right]);
    return [left, right];
  });
}

/** Text for an error message. Objects are not shown: they may be nested too deep to print. */
const textOf = (json: unknown): string =>
  typeof json === "string" || typeof json === "number" ? String(json) : json === null ? "null" : typeof json;
