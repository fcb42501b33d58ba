/** The race of the Tokens page trains the library's models. */
import { expect, test } from "vitest";
import { trainOne } from "../../playground/pages/tokens/race.ts";
import type { RaceProgress } from "../../playground/pages/tokens/race.ts";

const PERIODIC = "abcd".repeat(500);

test.each(["char", "byte-bpe"] as const)(
  "%s learns a text of period four to less than a bit per byte",
  async (kind) => {
    const progress: RaceProgress[] = [];
    const request = { text: PERIODIC, merges: 0, seconds: 1 };
    const result = await trainOne(kind, request, (one) => progress.push(one));
    // Counting letters alone takes 2 bits; the first tokens of a window remain unpredictable.
    expect(result.bitsPerByte).toBeGreaterThan(0);
    expect(result.bitsPerByte).toBeLessThan(1);
    expect(result.vocabSize).toBe(kind === "char" ? 5 : 257);
    expect(result.parameters).toBe(2 * result.vocabSize * 32 + 32 * 32 + 12 * 32 * 32);
    expect(progress.at(-1)).toEqual({ kind, step: result.steps, seconds: result.seconds });
  },
);

test("a text of one character is refused with the library's sentence", async () => {
  await expect(trainOne("char", { text: "a", merges: 0, seconds: 1 }, () => {})).rejects.toThrow(/can't be split/);
});
