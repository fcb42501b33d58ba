/** Learns the four tokenizers with the library, and encodes a text at any number of merges. Runs in the worker. */
import { tokenizerFromJson, trainTokenizer } from "../../../src/index.ts";
import type { MergeEvent, Tokenizer, TokenizerJson, TokenizerKind } from "../../../src/index.ts";
import { TOKENIZER_KINDS } from "../../../src/text/tokenizer.ts";
import { showEnd, textsOf } from "../../../src/text/tokenizers/bpe.ts";
import { BYTES, showBytes } from "../../../src/text/tokenizers/byte-bpe.ts";
import { TokenTexts } from "../../../src/text/tokenizers/learn-merges.ts";
import type { KindEncoding, Learnt, LearntMerge, MergingKind, ShownToken, TokenCount } from "./tokens-protocol.ts";

/** The page shows about this many characters of a text as tokens. */
const SHOWN_CHARACTERS = 700;
/** Rows of the table of frequent tokens. */
const FREQUENT = 100;

/** The four tokenizers, learnt from one text. */
export interface LearntTokenizers {
  readonly text: string;
  readonly json: Readonly<Record<TokenizerKind, TokenizerJson>>;
  readonly merges: Learnt;
}

/** Learns all tokenizers from a text, which is one document. Throws InputError as `trainTokenizer`. */
export function learnAll(text: string, maxMerges: number, unk: boolean): LearntTokenizers {
  const merges: Record<MergingKind, LearntMerge[]> = { bpe: [], "byte-bpe": [] };
  const learn = (tokenizer: TokenizerKind): TokenizerJson => {
    const merging = isMerging(tokenizer) ? tokenizer : null;
    const onMerge = (event: MergeEvent): void => {
      if (merging !== null) merges[merging].push(mergeOf(event, SHOW[merging]));
    };
    const options = { tokenizer, bpeMerges: maxMerges, vocabSize: null, unk: unk && merging === null, onMerge };
    return trainTokenizer([text], options).toJSON();
  };
  const json = { char: learn("char"), word: learn("word"), bpe: learn("bpe"), "byte-bpe": learn("byte-bpe") };
  return { text, json, merges };
}

const isMerging = (kind: TokenizerKind): kind is MergingKind => kind === "bpe" || kind === "byte-bpe";

/** The text of a token → the token as its tokenizer displays it. */
const SHOW: Readonly<Record<MergingKind, (text: string) => string>> = { bpe: showEnd, "byte-bpe": showBytes };

const mergeOf = ({ left, right, frequency }: MergeEvent, show: (text: string) => string): LearntMerge => ({
  left: show(left),
  right: show(right),
  made: show(left + right),
  frequency,
});

/** Encodes a text with each tokenizer. @param merges how many of the learnt merges to apply. */
export function encodeAll(learnt: LearntTokenizers, merges: number, text: string): KindEncoding[] {
  return TOKENIZER_KINDS.map((kind) => encodeOne(learnt.json[kind], merges, text));
}

function encodeOne(json: TokenizerJson, wanted: number, text: string): KindEncoding {
  const merges = json.merges?.slice(0, wanted);
  const tokenizer = tokenizerFromJson(merges === undefined ? json : { ...json, merges });
  const { ids, unknown } = tokenizer.encode(text);
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const rowOf = rowMaker(tokenizer, counts);
  const beginning = beginningOf(text);
  return {
    kind: tokenizer.kind,
    merges: merges?.length ?? 0,
    vocabSize: tokenizer.vocabSize,
    bytes: new TextEncoder().encode(text).length,
    tokens: ids.length,
    distinct: counts.size,
    unknown: [...unknown].toSorted(([, a], [, b]) => b - a),
    shown: shownOf(tokenizer, beginning, rowOf),
    isCut: beginning.length < text.length,
    newest: newestOf(tokenizer),
    frequent: [...counts]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, FREQUENT)
      .map(([id]) => rowOf(id)),
  };
}

/** About SHOWN_CHARACTERS, up to the end of a word, so that the last token is that of the whole text. */
function beginningOf(text: string): string {
  if (text.length <= SHOWN_CHARACTERS) return text;
  const end = text.slice(0, SHOWN_CHARACTERS).search(/\s\S*$/);
  return text.slice(0, end > 0 ? end : SHOWN_CHARACTERS);
}

function shownOf(tokenizer: Tokenizer, text: string, rowOf: (id: number) => TokenCount): ShownToken[] {
  return tokenizer.spans(text).map(({ start, end, id }) => {
    const piece = text.slice(start, end);
    return {
      text: piece,
      token: id === null ? null : rowOf(id),
      isUnknown: id === null ? /\S/.test(piece) : id === tokenizer.unk,
    };
  });
}

/** Makes the row of an id once. */
function rowMaker(tokenizer: Tokenizer, counts: ReadonlyMap<number, number>): (id: number) => TokenCount {
  const rows = new Map<number, TokenCount>();
  const bytesOf = bytesMaker(tokenizer);
  return (id) => {
    const known = rows.get(id);
    if (known !== undefined) return known;
    const row = { id, display: tokenizer.token(id), bytes: bytesOf(id), count: counts.get(id) ?? 0 };
    rows.set(id, row);
    return row;
  };
}

/** The bytes of a token: of its text in UTF-8, or, with byte-bpe, the bytes that it is made of. */
function bytesMaker(tokenizer: Tokenizer): (id: number) => string {
  if (tokenizer.kind !== "byte-bpe") {
    return (id) => (id === tokenizer.unk ? "" : hex(new TextEncoder().encode(tokenizer.token(id).replace("</w>", ""))));
  }
  const { texts } = textsWith(BYTES, tokenizer).vocabulary;
  return (id) => hex(Uint8Array.from(texts[id], (byte) => byte.charCodeAt(0)));
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** The texts of all tokens, and the id of the last merge's. */
function textsWith(base: readonly string[], tokenizer: Tokenizer): { vocabulary: TokenTexts; newest: number | null } {
  const vocabulary = new TokenTexts(base);
  let newest: number | null = null;
  for (const merge of tokenizer.toJSON().merges ?? []) newest = vocabulary.merge(merge);
  return { vocabulary, newest };
}

function newestOf(tokenizer: Tokenizer): number | null {
  const { kind } = tokenizer;
  if (!isMerging(kind)) return null;
  return textsWith(kind === "bpe" ? textsOf(tokenizer.toJSON().tokens ?? []) : BYTES, tokenizer).newest;
}
