import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { contextBits, measureText } from "../../src/text/predictability.ts";
import { textSource } from "../../src/text/corpus.ts";
import { Random } from "../../src/random.ts";

const VERSES = readFileSync("test/fixtures/genesis200.txt", "utf8");

/** The same figure by tables that forget nothing: a map of followers for each context. */
function slowBits(text: string): number {
  const followers = new Map<string, Map<string, number>>();
  const from = Math.ceil(0.9 * text.length);
  let bits = 0;
  for (let at = 0; at < text.length; at++) {
    let probability = 1 / 256;
    for (let order = 0; order <= Math.min(5, at); order++) {
      const context = `${order}:${text.slice(at - order, at)}`;
      const counts = followers.get(context) ?? new Map<string, number>();
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      if (total > 0) probability = ((counts.get(text[at]) ?? 0) + counts.size * probability) / (total + counts.size);
      counts.set(text[at], (counts.get(text[at]) ?? 0) + 1);
      followers.set(context, counts);
    }
    if (at >= from) bits -= Math.log2(probability);
  }
  return bits / new TextEncoder().encode(text.slice(from)).length;
}

test("the hashed tables give what maps of all contexts give, within 1 %", () => {
  for (const text of [VERSES, VERSES.replaceAll("e", "é").slice(0, 9000), "ab".repeat(200)]) {
    const wanted = slowBits(text);
    expect(Math.abs(contextBits(text) / wanted - 1)).toBeLessThan(0.01);
  }
});

test("noise needs its entropy, repetition nearly nothing, and too short a text cannot be measured", () => {
  const random = new Random(1);
  const noise = Array.from({ length: 50_000 }, () => "abcdefghijklmnop"[random.randbelow(16)]).join("");
  const bits = contextBits(noise);
  expect(bits).toBeGreaterThan(4); // log2(16)
  expect(bits).toBeLessThan(5);
  expect(contextBits("once upon a time ".repeat(50))).toBeLessThan(0.05);
  expect(contextBits("short")).toBe(Infinity);
});

test("all characters are counted, over texts and chunks, and the beginning is measured", () => {
  const halves = [VERSES.slice(0, 10_000), VERSES.slice(10_000)];
  const chunked = { chunks: () => halves };
  expect(measureText([chunked])).toEqual({ characters: VERSES.length, contextBits: contextBits(VERSES) });
  const sources = halves.map((text, i) => textSource(`${i}`, text));
  expect(measureText(sources)).toEqual(measureText([chunked]));
  let read = 0;
  const endless = {
    *chunks() {
      for (;;) {
        read += 2 ** 20;
        yield "x".repeat(2 ** 20);
      }
    },
  };
  expect(measureText([endless]).characters).toBe(2 ** 26);
  expect(read).toBe(2 ** 26);
});
