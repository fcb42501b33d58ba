/** What the Tokens page shows is what the library's tokenizers do. */
import { describe, expect, test } from "vitest";
import { trainTokenizer } from "../../src/index.ts";
import { encodeAll, learnAll } from "../../playground/pages/tokens/encodings.ts";
import type { KindEncoding } from "../../playground/pages/tokens/tokens-protocol.ts";

const TEXT = "low low low lower lower newest café\nlow newest";
const learnt = learnAll(TEXT, 20, false);

const encodingOf = (kind: string, merges: number, text: string): KindEncoding =>
  encodeAll(learnt, merges, text).find((encoding) => encoding.kind === kind)!;
const shownText = ({ shown }: KindEncoding): string => shown.map(({ text }) => text).join("");

describe("each number of merges", () => {
  test.each(["bpe", "byte-bpe"] as const)("%s gives the ids of a tokenizer that learnt only so many", (tokenizer) => {
    for (const merges of [0, 1, 5, 20]) {
      const direct = trainTokenizer([TEXT], { tokenizer, bpeMerges: merges, vocabSize: null, unk: false });
      const { ids } = direct.encode(TEXT);
      const encoding = encodingOf(tokenizer, merges, TEXT);
      expect(encoding.shown.flatMap(({ token }) => (token === null ? [] : [token.id]))).toEqual(ids);
      expect([encoding.tokens, encoding.distinct, encoding.vocabSize]).toEqual([
        ids.length,
        new Set(ids).size,
        direct.vocabSize,
      ]);
    }
  });

  test("more than were learnt are as many as were learnt", () => {
    expect(encodingOf("bpe", 999, TEXT).merges).toBe(learnt.merges.bpe.length);
  });

  test("names the token that the last merge made", () => {
    const first = learnt.merges["byte-bpe"][0];
    expect(first).toEqual({ left: "l", right: "o", made: "lo", frequency: 6 });
    const { newest, shown } = encodingOf("byte-bpe", 1, TEXT);
    expect(shown.find(({ token }) => token?.id === newest)?.text).toBe("lo");
    expect(encodingOf("byte-bpe", 0, TEXT).newest).toBeNull();
  });
});

test("the shown tokens spell the text, whatever the tokenizer drops", () => {
  const text = "low  Lower\ncafé 🙂!";
  for (const encoding of encodeAll(learnt, 3, text)) expect(shownText(encoding)).toBe(text);
});

test("the shown beginning of a long text ends with a word, and the counts are of all of it", () => {
  const long = "lower newest ".repeat(500);
  const encoding = encodingOf("word", 0, long);
  expect(encoding.isCut).toBe(true);
  expect(shownText(encoding)).toMatch(/^(lower newest )*(lower|lower newest)$/);
  expect(encoding.tokens).toBe(1000);
});

test("frequency and bytes of a token: of its characters, or of the bytes that byte-bpe split them into", () => {
  const char = encodingOf("char", 0, TEXT).shown.find(({ text }) => text === "é");
  expect(char?.token).toMatchObject({ display: "é", bytes: "c3 a9", count: 1 });
  const bytes = encodingOf("byte-bpe", 0, "é").shown.map(({ token }) => token?.bytes);
  expect(bytes).toEqual(["c3", "a9"]);
  const low = encodingOf("bpe", 20, "low").shown[0].token;
  expect(low).toMatchObject({ display: "low</w>", bytes: "6c 6f 77", count: 1 });
});

describe("a text with pieces that were not learnt", () => {
  const marks = (encodings: readonly KindEncoding[], kind: string): string[] =>
    encodings.find((one) => one.kind === kind)!.shown.flatMap(({ text, isUnknown }) => (isUnknown ? [text] : []));

  test("they have no token, or <unk>, except with byte-bpe; white space that is dropped is not unknown", () => {
    const encodings = encodeAll(learnt, 20, "low 日 slow");
    expect(["char", "word", "bpe", "byte-bpe"].map((kind) => marks(encodings, kind))).toEqual([
      ["日"],
      ["日", "slow"],
      ["日"],
      [],
    ]);
    expect(encodings.map(({ unknown }) => unknown)).toEqual([
      [["日", 1]],
      [
        ["日", 1],
        ["slow", 1],
      ],
      [["日", 1]],
      [],
    ]);
    const withUnk = encodeAll(learnAll(TEXT, 20, true), 20, "low 日 slow");
    expect(marks(withUnk, "word")).toEqual(["日", "slow"]);
    expect(withUnk[1].shown.filter(({ isUnknown }) => isUnknown).map(({ token }) => token?.display)).toEqual([
      "<unk>",
      "<unk>",
    ]);
  });
});
