import * as fc from "fast-check";
import { expect, test } from "vitest";
import { StopText } from "../../src/serve/stop-text.ts";

/** What a text is before its first stop text, by looking at it as a whole. */
function before(text: string, stops: readonly string[]): string {
  const found = stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
  return found.length === 0 ? text : text.slice(0, Math.min(...found));
}

const letters = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: max });

test("however a text is cut, it ends before the first stop text, and nothing of that is ever given out", () => {
  fc.assert(
    fc.property(fc.array(letters(3), { maxLength: 12 }), fc.array(letters(4), { maxLength: 3 }), (pieces, stops) => {
      const filter = new StopText(stops);
      const expected = before(pieces.join(""), stops);
      let given = "";
      for (const piece of pieces) {
        given += filter.add(piece);
        expect(expected.startsWith(given)).toBe(true);
        if (filter.isFound) break;
      }
      expect(given + filter.rest()).toBe(expected);
      expect(filter.isFound).toBe(expected !== pieces.join(""));
    }),
  );
});

test("only what may begin a stop text is held back", () => {
  const filter = new StopText(["\n\n"]);
  expect([filter.add("ab\n"), filter.add("c"), filter.add("\n"), filter.rest()]).toEqual(["ab", "\nc", "", "\n"]);
});
