import { describe, expect, test } from "vitest";
import { extractText } from "../../src/pages/extract.ts";
import { encodedText, ENCODED_TEXTS } from "../node/encoded-texts.ts";

describe("in which encoding a page is", () => {
  const wrap = (text: string, meta = ""): string =>
    `<!doctype html><html><head>${meta}<title>x</title></head><body><p>${text}</p></body></html>`;

  /** The wrapping is ASCII, so its bytes are known, too. */
  const bytesOf = (encoding: string, meta = ""): Buffer => {
    const [before, after] = wrap("|", meta)
      .split("|")
      .map((part) => Buffer.from(part, encoding.startsWith("utf-16") ? "utf16le" : "latin1"));
    const parts = [before, encodedText(encoding).bytes, after];
    if (encoding === "utf-16be") [before, after].forEach((part) => part.swap16());
    return Buffer.concat(parts);
  };

  test.each(ENCODED_TEXTS.map(({ encoding, text }) => [encoding, text] as const))(
    "%s: the header's word",
    (encoding, text) => {
      for (const type of [`text/html; charset=${encoding}`, `text/html;charset="${encoding.toUpperCase()}"; x=y`]) {
        expect(extractText(bytesOf(encoding), type)).toBe(text);
      }
      expect(extractText(encodedText(encoding).bytes, `text/plain; charset=${encoding}`)).toBe(text);
    },
  );

  const eightBit = ENCODED_TEXTS.filter(({ encoding }) => !encoding.startsWith("utf-16"));
  test.each(eightBit.map(({ encoding, text }) => [encoding, text] as const))(
    "%s: the page's word, and no word at all",
    (encoding, text) => {
      expect(extractText(bytesOf(encoding, `<meta charset=${encoding}>`), "text/html")).toBe(text);
      expect(
        extractText(
          bytesOf(encoding, `<META http-equiv="Content-Type" content="text/html; charset=${encoding}">`),
          "text/html",
        ),
      ).toBe(text);
      expect(extractText(bytesOf(encoding), "text/html")).toBe(text);
      const xml = Buffer.concat([
        Buffer.from(`<?xml version='1.0' encoding='${encoding}'?><a>`),
        encodedText(encoding).bytes,
      ]);
      expect(extractText(xml, "application/xml")).toContain(text);
    },
  );

  test.each(["utf-8", "utf-16le", "utf-16be"])("%s: its mark beats the header and the page", (encoding) => {
    const marks: Record<string, number[]> = {
      "utf-8": [0xef, 0xbb, 0xbf],
      "utf-16le": [0xff, 0xfe],
      "utf-16be": [0xfe, 0xff],
    };
    const marked = Buffer.concat([Uint8Array.from(marks[encoding]), bytesOf(encoding, "<meta charset=koi8-r>")]);
    for (const type of ["text/html; charset=shift_jis", "text/html", null])
      expect(extractText(marked, type)).toBe(encodedText(encoding).text);
  });

  test("the header beats the page, and the page beats the guess", () => {
    const russian = bytesOf("koi8-r", "<meta charset=windows-1251>");
    expect(extractText(russian, "text/html; charset=koi8-r")).toBe(encodedText("koi8-r").text);
    expect(extractText(russian, "text/html")).toBe(new TextDecoder("windows-1251").decode(encodedText("koi8-r").bytes));
  });

  test("a wrong header is believed, and what can't be decoded becomes U+FFFD; an unknown one is passed over", () => {
    expect(extractText(bytesOf("koi8-r"), "text/html; charset=utf-8")).toContain("\ufffd");
    expect(extractText(bytesOf("utf-8"), "text/html; charset=iso-8859-1")).toContain("å\u0090¾");
    expect(extractText(bytesOf("koi8-r", "<meta charset=koi8-r>"), "text/html; charset=klingon")).toBe(
      encodedText("koi8-r").text,
    );
  });

  test("a page that says in letters that it is UTF-16 is UTF-8 (HTML, 13.2.3.2)", () => {
    for (const label of ["utf-16", "UTF-16LE", "utf-16be", "unicode"]) {
      expect(extractText(bytesOf("utf-8", `<meta charset=${label}>`), "text/html")).toBe(encodedText("utf-8").text);
    }
  });

  test("a plain text about encodings is in none of those that it names", () => {
    const text = '<html>: write <meta charset="koi8-r">, café!';
    expect(extractText(Buffer.from(text), "text/plain")).toBe(text);
  });
});
