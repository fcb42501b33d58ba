import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CountingDecoder, detectEncoding } from "../../src/node/charset.ts";
import { knownEncoding } from "../../src/node/encodings.ts";
import { UNREADABLE } from "../../src/node/guess.ts";
import { encodedText, ENCODED_TEXTS } from "./encoded-texts.ts";

/** WHATWG knows this one only as a name of its superset. */
const nameOf = (encoding: string): string => (encoding === "iso-8859-1" ? "windows-1252" : encoding);
const isUtf16 = (encoding: string): boolean => encoding.startsWith("utf-16");
const MARKS: Readonly<Record<string, readonly number[]>> = {
  "utf-8": [0xef, 0xbb, 0xbf],
  "utf-16le": [0xff, 0xfe],
  "utf-16be": [0xfe, 0xff],
};

interface Decoded {
  readonly text: string;
  readonly replaced: number;
}

/** What a decoder makes of pieces. */
function decode(encoding: string, pieces: readonly Uint8Array[]): Decoded {
  const decoder = new CountingDecoder(encoding);
  const texts = pieces.map((piece) => decoder.decode(piece, false));
  return { text: texts.join("") + decoder.decode(new Uint8Array(0), true), replaced: decoder.replaced };
}

/** Pieces in one buffer that is overwritten, as a reader of files does it. */
function decodeReused(encoding: string, pieces: readonly Uint8Array[]): Decoded {
  const buffer = new Uint8Array(Math.max(1, ...pieces.map((piece) => piece.length)));
  const decoder = new CountingDecoder(encoding);
  let text = "";
  for (const piece of pieces) {
    buffer.fill(0x3f).set(piece);
    text += decoder.decode(buffer.subarray(0, piece.length), false);
  }
  return { text: text + decoder.decode(new Uint8Array(0), true), replaced: decoder.replaced };
}

const cutAt = (bytes: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const all = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return all.slice(1).map((end, i) => bytes.subarray(all[i], end));
};

const singly = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));

describe("in which encoding a text is", () => {
  test.each(ENCODED_TEXTS.filter(({ encoding }) => !isUtf16(encoding)).map((row) => [row.encoding, row] as const))(
    "%s is guessed from two sentences",
    (encoding, { bytes }) => {
      expect(detectEncoding(bytes)).toBe(nameOf(encoding));
    },
  );

  test.each(ENCODED_TEXTS.map((row) => [row.encoding, row] as const))(
    "%s is taken at its word",
    (encoding, { bytes, text }) => {
      expect(detectEncoding(bytes, encoding)).toBe(nameOf(encoding));
      expect(detectEncoding(bytes, null, ` ${encoding.toUpperCase()} `)).toBe(nameOf(encoding));
      expect(decode(detectEncoding(bytes, encoding), [bytes])).toEqual({ text, replaced: 0 });
    },
  );

  test.each(Object.entries(MARKS))(
    "the mark of %s beats what is declared, and is no part of the text",
    (encoding, mark) => {
      const { bytes, text } = encodedText(encoding);
      const marked = Buffer.concat([Uint8Array.from(mark), bytes]);
      expect(detectEncoding(marked, "koi8-r", "windows-1252")).toBe(encoding);
      expect(decode(encoding, singly(marked))).toEqual({ text, replaced: 0 });
      expect(detectEncoding(Uint8Array.from(mark))).toBe(encoding); // nothing behind it
    },
  );

  test("half a mark is none", () => {
    expect(detectEncoding(Uint8Array.of(0xef, 0xbb))).not.toBe("utf-16le");
    expect(detectEncoding(Uint8Array.of(0xff), "koi8-r")).toBe("koi8-r");
  });

  test("of what is declared the first that is known counts, even where it is wrong", () => {
    const { bytes } = encodedText("koi8-r");
    expect(detectEncoding(bytes, "x-klingon", "koi8-r")).toBe("koi8-r");
    expect(detectEncoding(bytes, "windows-1251", "koi8-r")).toBe("windows-1251");
    expect(detectEncoding(bytes, "", "none", "utf-7", "euc-tw", null)).toBe("koi8-r"); // none that one can decode
    expect(detectEncoding(Buffer.from("plain"), "latin1")).toBe("windows-1252");
    expect(detectEncoding(bytes, "cp1251")).toBe("windows-1251");
  });

  test("ASCII and nothing at all are UTF-8", () => {
    expect(detectEncoding(new Uint8Array(0))).toBe("utf-8");
    expect(detectEncoding(Buffer.from("hello"))).toBe("utf-8");
  });

  test("UTF-8 that is cut within a character is UTF-8, wherever it is cut", () => {
    const { bytes } = encodedText("utf-8");
    for (let end = 3; end < bytes.length; end++) expect(detectEncoding(bytes.subarray(0, end))).toBe("utf-8");
  });

  test("one bad byte early on makes it another's, and any bytes get a name that can be decoded", () => {
    expect(detectEncoding(Buffer.from("caf\u00e9 au lait, d\u00e9j\u00e0 vu", "latin1"))).toBe("windows-1252");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const encoding = detectEncoding(bytes);
        expect(UNREADABLE.has(encoding) || knownEncoding(encoding) === encoding).toBe(true);
      }),
    );
  });
});

describe("chunks cut anywhere give the text of one piece", () => {
  test.each(ENCODED_TEXTS.map((row) => [row.encoding, row] as const))(
    "%s, cut in two at every byte",
    (encoding, { bytes, text }) => {
      for (let place = 0; place <= bytes.length; place++) {
        expect(decode(encoding, [bytes.subarray(0, place), bytes.subarray(place)])).toEqual({ text, replaced: 0 });
      }
      expect(decode(encoding, singly(bytes))).toEqual({ text, replaced: 0 });
    },
  );

  test.each(["utf-8", "utf-16le", "gb18030", "shift_jis", "euc-jp", "iso-2022-jp"])(
    "%s, any bytes at all, cut anywhere",
    (encoding) => {
      const noise = fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.string({ unit: "binary", maxLength: 30 }).map((text) => Buffer.from(text)),
        fc
          .array(fc.constantFrom(0xef, 0xbf, 0xbd, 0x81, 0x30, 0xf0, 0x9f, 0x41, 0x1b, 0x24), { maxLength: 30 })
          .map((bytes) => Uint8Array.from(bytes)),
      );
      fc.assert(
        fc.property(noise, fc.array(fc.nat(100), { maxLength: 8 }), (bytes, places) => {
          const whole = decode(encoding, [bytes]);
          expect(decode(encoding, cutAt(bytes, places))).toEqual(whole);
          expect(decodeReused(encoding, cutAt(bytes, places))).toEqual(whole);
          expect(decode(encoding, singly(bytes))).toEqual(whole);
        }),
        { numRuns: 2_000 },
      );
    },
  );
});

/** A genuine U+FFFD. */
const GENUINE = [0xef, 0xbf, 0xbd];

describe("how many places were replaced", () => {
  test("by example: a place is what the decoder gives up at once (WHATWG Encoding)", () => {
    const rows: readonly (readonly [bytes: readonly number[], replaced: number])[] = [
      [[0x61], 0],
      [GENUINE, 0],
      [[...GENUINE, ...GENUINE, 0x61, ...GENUINE], 0],
      [[0xff], 1],
      [[0xff, ...GENUINE, 0xff], 2],
      [[0x80, 0x80], 2],
      [[0xc3], 1], // cut at the end
      [[0xc3, 0x61], 1],
      [[0xe2, 0x82, 0x61], 1], // a beginning is one place
      [[0xf0, 0x9f, 0x98], 1],
      [[0xed, 0xa0, 0x80], 3], // half of a surrogate pair
      [[0xc0, 0xaf], 2], // overlong
      [[0xef, 0xbf], 1], // what might have become a genuine one
      [[0xef, 0xbf, 0xef, 0xbf, 0xbd], 1],
      [[0xef, ...GENUINE, 0xbd], 2],
    ];
    for (const [bytes, replaced] of rows) {
      const all = Uint8Array.from(bytes);
      expect([bytes, decode("utf-8", [all]).replaced]).toEqual([bytes, replaced]);
      expect([bytes, decode("utf-8", singly(all)).replaced]).toEqual([bytes, replaced]);
    }
  });

  test("genuine ones are never counted, and all others are, wherever the chunks are cut", () => {
    // Each part says itself how many places it has; after each stands a letter, so that no part runs into the next.
    const part = fc.oneof(
      fc.constant([GENUINE, 0] as const),
      fc.constantFrom([[0xff], 1] as const, [[0xc3], 1] as const, [[0xef, 0xbf], 1] as const, [[0xbd], 1] as const),
      fc.string({ unit: "grapheme", maxLength: 3 }).map((text) => [[...Buffer.from(text.toWellFormed())], 0] as const),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(100), { maxLength: 8 }), (parts, places) => {
        const bytes = Uint8Array.from(parts.flatMap(([of]) => [...of, 0x61]));
        const replaced = parts.reduce((sum, [, count]) => sum + count, 0);
        expect(decode("utf-8", cutAt(bytes, places)).replaced).toBe(replaced);
        expect(decodeReused("utf-8", cutAt(bytes, places)).replaced).toBe(replaced);
        expect(decode("utf-8", singly(bytes)).replaced).toBe(replaced);
      }),
      { numRuns: 2_000 },
    );
  });

  test("in other encodings, too", () => {
    expect(decode("utf-16le", [Uint8Array.of(0x41, 0, 0x3d, 0xd8, 0x41, 0)])).toEqual({
      text: "A\ufffdA",
      replaced: 1,
    });
    expect(decode("utf-16le", [Uint8Array.of(0x41, 0, 0x41)])).toEqual({ text: "A\ufffd", replaced: 1 });
    expect(decode("shift_jis", [Uint8Array.of(0x82)])).toEqual({ text: "\ufffd", replaced: 1 });
    expect(decode("windows-1252", [Uint8Array.of(0x80, 0x93, 0x81, 0xff)])).toEqual({ text: "€“\u0081ÿ", replaced: 0 });
  });
});
