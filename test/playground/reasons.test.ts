/** What Look inside says in words: what a head reads, and why a token comes next. */
import { describe, expect, test } from "vitest";
import { headShares, sharesText } from "../../playground/widgets/head-shares.ts";
import { decidingPart, seenText } from "../../playground/pages/inside/reason.ts";
import { Followers } from "../../playground/run/followers.ts";
import { Session } from "../../playground/run/session.ts";

describe("the shares of a head", () => {
  test("are averages over the tokens after BOS, and BOS is never the token before", () => {
    // prettier-ignore
    const attention = [
      1, 0, 0, 0,
      0.75, 0.25, 0, 0,
      0.5, 0.25, 0.25, 0,
      0, 0.5, 0.25, 0.25,
    ];
    const shares = headShares(attention, 4)!;
    expect(shares).toEqual({
      self: expect.closeTo((0.25 + 0.25 + 0.25) / 3, 12),
      before: expect.closeTo((0.25 + 0.25) / 3, 12),
      bos: expect.closeTo((0.75 + 0.5) / 3, 12),
      others: expect.closeTo(0.5 / 3, 12),
    });
    expect(sharesText(shares)).toBe("25 % to the token itself, 17 % to the one before, 42 % to BOS, 17 % to others");
  });

  test("there are none for a text of BOS alone", () => {
    expect(headShares([1], 1)).toBe(null);
  });
});

describe("why a token", () => {
  const parts = [
    { name: "token embedding", logit: 3, probabilityWithout: null },
    { name: "layer 0, head 1", logit: 9, probabilityWithout: 0.995 },
    { name: "layer 0, MLP", logit: 1, probabilityWithout: 0.043 },
  ];

  test("is the part without which it is least likely, whatever it adds", () => {
    expect(decidingPart({ parts, probability: 0.999 }, "“u”")).toBe(
      "Mostly layer 0, MLP: without it, “u” falls from 99.9 % to 4.3 %.",
    );
  });

  test("is no single part where none makes it less likely by a percentage point", () => {
    expect(decidingPart({ parts: parts.slice(0, 2), probability: 0.999 }, "“u”")).toMatch(/^No single part decides/);
    expect(decidingPart({ parts: parts.slice(0, 1), probability: 0.999 }, "“u”")).toMatch(/^No single part decides/);
  });

  test("followers are counted in every document, its beginning and end included", () => {
    const followers = new Followers([[4, 0, 1, 0, 4], new Uint8Array([4, 0, 0, 4])], 5);
    expect([...followers.after(0)]).toEqual([1, 1, 0, 0, 2]);
    expect([...followers.after(4)]).toEqual([2, 0, 0, 0, 0]);
    expect([...followers.after(3)]).toEqual([0, 0, 0, 0, 0]);
  });

  test("the training text answers for the letters of the question", async () => {
    const texts = ["quo\nqi\nqua\nada"];
    const session = await Session.open({ texts, options: { valFraction: 0, nEmbd: 8, nHead: 2 } }, () => {});
    const { vocabulary, example } = session.header;
    expect(texts[0].split("\n")).toContain(example);
    const ask = (text: string, position: number, token: string) =>
      session.viewer.contributions({ at: null, text, position, target: vocabulary.indexOf(token) });
    const { seen } = await ask("aq", 2, "u");
    expect(seen).toEqual({ count: 2, total: 3 });
    expect(seenText(seen, "“q”", "“u”")).toBe("In the training text, 2 of 3 “q” are followed by “u”.");
    expect((await ask("aq", 1, "<bos>")).seen).toEqual({ count: 2, total: 3 });
    expect((await ask("aq", 0, "q")).seen).toEqual({ count: 3, total: 4 });
    await session.close();
  });
});
