/** `tokenizer.json` as no training of ours wrote it, and what is said of it. */

const TOKENIZER = { format: "microgpt-tokenizer", version: 1, kind: "char", tokens: ["a", "b"] };

const WORDS = { ...TOKENIZER, kind: "word" };
const BPE = { ...TOKENIZER, kind: "bpe", tokens: ["a", "b", "</w>"], merges: [] as unknown[] };
const parsed = (json: string): object => JSON.parse(json) as object;

/** Each merge doubles what the last one made. */
const doubling = (count: number): number[][] =>
  Array.from({ length: count }, (_, i) => (i === 0 ? [0, 0] : [2 + i, 2 + i]));
/** Each merge adds a character to what the last one made. */
const growing = (count: number): number[][] => Array.from({ length: count }, (_, i) => [i === 0 ? 0 : 2 + i, 1]);

/** tokenizer.json, as parsed JSON. */
export const TOKENIZERS: readonly (readonly [string, unknown, RegExp])[] = [
  ["null", null, /not a microgpt tokenizer/],
  ["a list", [], /not a microgpt tokenizer/],
  ["a text", "char", /not a microgpt tokenizer/],
  ["an empty object", {}, /not a microgpt tokenizer/],
  ["another format", { ...TOKENIZER, format: "hf" }, /not a microgpt tokenizer/],
  ["a newer version", { ...TOKENIZER, version: 2 }, /version "2" is not 1; update microgpt/],
  ["a version that is a text", { ...TOKENIZER, version: "1.0" }, /version "1.0" is not 1/],
  ["an unknown kind", { ...TOKENIZER, kind: "regex" }, /kind "regex" is unknown; update microgpt/],
  ["no tokens", { ...TOKENIZER, tokens: undefined }, /`tokens` must be a list of texts/],
  ["tokens that are an object", { ...TOKENIZER, tokens: { length: 1e9 } }, /`tokens` must be a list/],
  ["a token twice", { ...TOKENIZER, tokens: ["a", "b", "a"] }, /token 2 repeats "a"/],
  ["a token of two characters", { ...TOKENIZER, tokens: ["a", "bc"] }, /token 1 must be one character, got "bc"/],
  ["an empty token", { ...TOKENIZER, tokens: [""] }, /token 0 must be one character, got ""/],
  ["a token that is a number", { ...TOKENIZER, tokens: [7] }, /token 0 must be one character, got "7"/],
  ["a token that is null", { ...TOKENIZER, tokens: [null] }, /token 0 must be one character/],
  ["a token of a megabyte", { ...TOKENIZER, tokens: ["x".repeat(1e6)] }, /token 0 must be one character, got "x{60}…"/],
  ["a token with an escape sequence", { ...TOKENIZER, tokens: ["\u001b[2J"] }, /token 0 .* got "\\u001b\[2J"/],
  ["a field of its own", { ...TOKENIZER, pattern: "(a+)+$" }, /the field "pattern" is unknown/],
  ["a poisoned prototype", JSON.parse('{"__proto__": {"polluted": 1}}'), /not a microgpt tokenizer/],
  [
    "a poisoned field",
    { ...TOKENIZER, ...parsed('{"__proto__": {"polluted": 1}}') },
    /the field "__proto__" is unknown/,
  ],
  ["unk that is a text", { ...TOKENIZER, unk: "yes" }, /`unk` must be true or false/],
  ["merges of characters", { ...TOKENIZER, merges: [] }, /a char tokenizer has no `merges`/],
  ["a word with a space", { ...WORDS, tokens: ["a", "b c"] }, /token 1 must be one word or mark, got "b c"/],
  ["a word that is two", { ...WORDS, tokens: ["it's"] }, /token 0 must be one word or mark, got "it's"/],
  ["a word of a megabyte", { ...WORDS, tokens: ["x".repeat(1e6)] }, /token 0 must be one word or mark/],
  ["bpe without an end of word", { ...BPE, tokens: ["a"] }, /`tokens` lacks "<\/w>"/],
  ["bpe with a space for a token", { ...BPE, tokens: ["</w>", " "] }, /token 1 must be one character, got " "/],
  ["bpe without merges", { ...BPE, merges: undefined }, /`merges` must be a list of pairs of ids/],
  ["bpe with <unk>", { ...BPE, unk: true }, /a bpe tokenizer has no `unk`/],
  ["a merge of what does not exist", { ...BPE, merges: [[0, 3]] }, /merge 0 must be two ids below 3/],
  [
    "a merge of itself",
    {
      ...BPE,
      merges: [
        [0, 1],
        [4, 0],
      ],
    },
    /merge 1 must be two ids below 4/,
  ],
  ["a merge of three", { ...BPE, merges: [[0, 1, 2]] }, /merge 0 must be two ids/],
  ["a merge of texts", { ...BPE, merges: [["a", "b"]] }, /merge 0 must be two ids/],
  ["a merge of fractions", { ...BPE, merges: [[0.5, 1]] }, /merge 0 must be two ids/],
  ["a merge of negative ids", { ...BPE, merges: [[-1, 1]] }, /merge 0 must be two ids/],
  [
    "a merge twice",
    {
      ...BPE,
      merges: [
        [0, 1],
        [0, 1],
      ],
    },
    /merge 1 repeats 0, 1/,
  ],
  ["merges that double a token 60 times", { ...BPE, merges: doubling(60) }, /merge 16 makes a token of 131072/],
  ["a million long tokens", { ...BPE, merges: growing(1_000_000) }, /make more than 16000000 characters/],
  ["a billion merges", { ...BPE, merges: new Array(1e9) }, /1000000000 merges are more than 1000000/],
  ["a billion tokens", { ...BPE, tokens: new Array(1e9) }, /1000000000 tokens are more than 4000000/],
  ["byte-bpe with tokens", { ...BPE, kind: "byte-bpe" }, /a byte-bpe tokenizer has no `tokens`/],
  [
    "byte-bpe, an id too high",
    { ...BPE, kind: "byte-bpe", tokens: undefined, merges: [[0, 256]] },
    /two ids below 256/,
  ],
];
