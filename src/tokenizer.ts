/**
 * Tokenizers: text to ids and back. One interface; `char` is its first kind (the atomic core spells the same
 * tokenizer out in six lines; this one is quick, counts what it does not know, and travels as JSON).
 *
 * Ids run from 0; the last one is BOS, the only special token, which starts and ends every document.
 */
import { InputError, isRecord, quote } from "./errors.ts";

export interface Encoding {
  /** Token ids, without BOS. */
  readonly ids: number[];
  /** Pieces of the text that the vocabulary lacks, each once, in order of appearance; they have no id. */
  readonly unknown: string[];
}

export interface Tokenizer {
  readonly kind: "char";
  /** How many ids there are, BOS included. */
  readonly vocabSize: number;
  /** The last id, `vocabSize − 1`. */
  readonly bos: number;
  encode(text: string): Encoding;
  /** The text of the ids; BOS has none. Throws RangeError for an id outside of the vocabulary. */
  decode(ids: readonly number[]): string;
  toJSON(): TokenizerJson;
}

/** `tokenizer.json` of a run. */
export interface TokenizerJson {
  readonly format: "microgpt-tokenizer";
  readonly version: 1;
  readonly kind: "char";
  /** The characters in order of their ids. */
  readonly tokens: readonly string[];
}

/** A character (Unicode code point) is a token: `["ab", "ba!"]` → `!` 0, `a` 1, `b` 2, BOS 3. */
export function charTokenizer(documents: Iterable<string>): Tokenizer {
  const characters = new Set<string>();
  for (const document of documents) for (const character of document) characters.add(character);
  return fromCharacters([...characters].toSorted((a, b) => a.codePointAt(0)! - b.codePointAt(0)!));
}

function fromCharacters(characters: readonly string[]): Tokenizer {
  const idOf = new Map(characters.map((character, id) => [character, id]));
  const bos = characters.length;
  return {
    kind: "char",
    vocabSize: bos + 1,
    bos,
    encode(text) {
      const ids: number[] = [];
      const unknown = new Set<string>();
      for (const character of text) {
        const id = idOf.get(character);
        if (id === undefined) unknown.add(character);
        else ids.push(id);
      }
      return { ids, unknown: [...unknown] };
    },
    decode(ids) {
      return ids.map((id) => (id === bos ? "" : (characters[id] ?? unknownId(id, bos)))).join("");
    },
    toJSON() {
      return { format: "microgpt-tokenizer", version: 1, kind: "char", tokens: characters };
    },
  };
}

function unknownId(id: number, bos: number): never {
  throw new RangeError(`decode: ids are 0 to ${bos}, got ${id}`);
}

/** A document as the model reads it: `[BOS, …ids, BOS]`. Throws InputError if a piece of it is unknown. */
export function documentTokens(tokenizer: Tokenizer, document: string): number[] {
  const { ids, unknown } = tokenizer.encode(document);
  if (unknown.length > 0) {
    throw new InputError(`tokenizer: the document ${quote(document)} has ${nameUnknown(unknown)}`);
  }
  return [tokenizer.bos, ...ids, tokenizer.bos];
}

/** `["é", "ß"]` → `2 characters that the training data does not have: "é", "ß"`. */
export function nameUnknown(unknown: readonly string[]): string {
  const named = unknown.slice(0, 10).map((piece) => quote(piece));
  if (unknown.length > named.length) named.push("…");
  const noun = unknown.length === 1 ? "a character" : `${unknown.length} characters`;
  return `${noun} that the training data does not have: ${named.join(", ")}`;
}

/** Reads what `toJSON` wrote. Throws InputError that names the field at fault. */
export function tokenizerFromJson(json: unknown): Tokenizer {
  const { format, version, kind, tokens } = isRecord(json) ? json : {};
  if (format !== "microgpt-tokenizer") throw new InputError("tokenizer: not a microgpt tokenizer");
  if (version !== 1) throw new InputError(`tokenizer: version ${quote(String(version))} is not 1; update microgpt`);
  if (kind !== "char") throw new InputError(`tokenizer: kind ${quote(String(kind))} is unknown; update microgpt`);
  if (!Array.isArray(tokens)) throw new InputError("tokenizer: `tokens` must be a list of characters");
  const characters: string[] = [];
  const seen = new Set<unknown>();
  for (const [id, token] of tokens.entries() as Iterable<[number, unknown]>) {
    if (typeof token !== "string" || [...token].length !== 1) {
      throw new InputError(`tokenizer: token ${id} must be one character, got ${quote(String(token))}`);
    }
    if (seen.has(token)) throw new InputError(`tokenizer: token ${id} repeats ${quote(token)}`);
    seen.add(token);
    characters.push(token);
  }
  return fromCharacters(characters);
}
