import { createRequire } from "node:module";
import type * as Iconv from "iconv-lite";
import { describe, expect, test } from "vitest";
import { CountingDecoder, declaredIn, detect, detectEncoding, namedEncoding } from "../../src/node/charset.ts";
import { knownEncoding } from "../../src/node/encodings.ts";
import { START_BYTES, Survey } from "../../src/node/survey.ts";
import { TextSource } from "../../src/node/text.ts";

const iconv = createRequire(import.meta.url)("iconv-lite") as typeof Iconv;
const encode = (text: string, encoding: string): Buffer => iconv.encode(text, encoding);

const CODES = Array.from({ length: 26 * 26 }, (_, i) => String.fromCharCode(65 + Math.floor(i / 26), 65 + (i % 26)));

/** The names of all countries in a language: Unicode's, as Node has them. */
function countries(language: string): string {
  const names = new Intl.DisplayNames([language], { type: "region", fallback: "none" });
  return CODES.flatMap((code) => names.of(code) ?? []).join("\n");
}

const textOf = (bytes: Uint8Array): string => TextSource.bytes("text", bytes).text();

describe("a list of names says its encoding", () => {
  test.each([
    ["es", "iso-8859-1"],
    ["es", "macintosh"],
    ["fr", "windows-1252"],
    ["fr", "iso-8859-15"],
    ["fr", "cp850"],
    ["de", "cp850"],
    ["pt", "iso-8859-1"],
    ["sv", "iso-8859-1"],
    ["da", "windows-1252"],
    ["is", "windows-1252"],
    ["pl", "iso-8859-2"],
    ["pl", "windows-1250"],
    ["pl", "cp852"],
    ["cs", "iso-8859-2"],
    ["cs", "windows-1250"],
    ["hu", "iso-8859-2"],
    ["hr", "windows-1250"],
    ["tr", "iso-8859-9"],
    ["tr", "windows-1254"],
    ["lt", "windows-1257"],
    ["ru", "windows-1251"],
    ["ru", "koi8-r"],
    ["ru", "iso-8859-5"],
    ["ru", "cp866"],
    ["ru", "cp855"],
    ["ru", "maccyrillic"],
    ["uk", "koi8-u"],
    ["bg", "windows-1251"],
    ["el", "windows-1253"],
    ["el", "iso-8859-7"],
    ["he", "windows-1255"],
    ["ar", "windows-1256"],
    ["th", "windows-874"],
    ["ja", "shift_jis"],
    ["ja", "euc-jp"],
    ["ko", "euc-kr"],
    ["zh", "gb18030"],
    ["zh-Hant", "big5"],
    ["de", "utf-16le"],
    ["ru", "utf-16be"],
    ["fr", "utf-32le"],
    ["ja", "utf-32be"],
  ])("%s in %s", (language, encoding) => {
    const bytes = encode(countries(language), encoding);
    expect(textOf(bytes)).toBe(iconv.decode(bytes, encoding));
  });

  test("kanji names without kana are Japanese, hangul Korean", () => {
    const names = "佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 清水";
    expect(textOf(encode(names, "euc-jp"))).toBe(names);
    const korean = "김민준 이서연 박지훈 최수빈 정예준 강지우 조하은 윤도윤 장서현 임주원";
    expect(textOf(encode(korean, "euc-kr"))).toBe(korean);
  });

  test.each(["café au lait", "El niño", "Zoë", "it’s", "“So,” she said", "5 £ and 3 €", "L’été", "20°C", "naïve"])(
    "a single sign among ASCII is windows-1252: %s",
    (text) => {
      expect(detectEncoding(encode(`Some words, ${text}, and more.`, "windows-1252"))).toBe("windows-1252");
      expect(textOf(encode(text, "windows-1252"))).toBe(text);
    },
  );
});

describe("all of a text counts", () => {
  const plain = "The river ran to the sea, and the sea was never full.\n".repeat(1400);
  const pieces = (bytes: Buffer, length: number): Survey => {
    const survey = new Survey();
    for (let at = 0; at < bytes.length; at += length) survey.add(Buffer.from(bytes.subarray(at, at + length)));
    survey.end();
    return survey;
  };

  test("an accent behind the first 64 KiB is found, wherever the chunks are cut", () => {
    const bytes = encode(`${plain}They met in the café.\n${plain}`, "latin1");
    expect(plain.length).toBeGreaterThan(START_BYTES);
    for (const length of [bytes.length, 4096, 1000, 37]) {
      expect(detect(pieces(bytes, length), [], null)).toMatchObject({ encoding: "windows-1252", by: "guess" });
    }
    expect(textOf(bytes)).toContain("the café.");
    const source = TextSource.bytes("text", bytes);
    expect(source.text()).not.toContain("\ufffd");
    expect([source.encoding, source.replaced]).toEqual(["windows-1252", 0]);
  });

  test("one letter that two encodings read differently is sampled from behind a megabyte of the others", () => {
    // ß, ö and ü are the same in windows-1250 and iso-8859-2; š is not.
    const common = "Öl und Füße, größer und übler\n".repeat(40_000);
    const bytes = Buffer.concat([
      encode(common, "iso-8859-2"),
      encode("Škoda, Šárka, koláč, kůň, šíp\n", "iso-8859-2"),
    ]);
    const sample = pieces(bytes, 2 ** 16).sample();
    expect(sample.length).toBeLessThanOrEqual(START_BYTES);
    expect(Buffer.from(sample).includes(encode("Škoda", "iso-8859-2"))).toBe(true);
  });

  test("memory is bounded, and characters of two bytes are not cut by sampling", () => {
    const bytes = encode(`${plain}${"吾輩は猫である。名前はまだ無い。\n".repeat(60_000)}`, "shift_jis");
    const survey = pieces(bytes, 2 ** 20);
    expect(survey.sample().length).toBeLessThanOrEqual(START_BYTES);
    expect(iconv.decode(Buffer.from(survey.sample()), "shift_jis")).not.toContain("\ufffd");
    expect(detect(survey, [], null).encoding).toBe("shift_jis");
  });

  test("UTF-8 with some broken bytes stays UTF-8, and ASCII too, whatever it contains", () => {
    const broken = Buffer.concat([Buffer.from("Ça va, Zoë? Déjà vu. "), Buffer.of(0xff, 0x20, 0xe9, 0x20)]);
    expect(detectEncoding(broken)).toBe("utf-8");
    expect(textOf(broken)).toBe("Ça va, Zoë? Déjà vu. \ufffd \ufffd ");
    for (const text of ["\u001b[31mred\u001b[0m", "~{abcd~} ~{x,y~}", "a+b- +AOk- ~~", '<?xml encoding="koi8-r"?>'])
      expect(detectEncoding(Buffer.from(text))).toBe("utf-8");
  });
});

describe("seven-bit encodings do not pass for UTF-8", () => {
  // The bytes are Python's: "…".encode("iso2022_kr"), ("hz"), ("iso2022_jp").
  test.each([
    ["iso-2022-kr", "안녕 서울", "GyQpQw4+SDNnDyAOPC0/bw8="],
    ["hz-gb-2312", "你好 ~ 北京", "fns="],
    ["iso-2022-jp", "猫 is 猫", "GyRCRy0bKEIgaXMgGyRCRy0bKEI="],
  ])("%s", (encoding, text, base64) => {
    const bytes = encoding === "hz-gb-2312" ? Buffer.from("~{Dc:C~} ~~ ~{11>)~}") : Buffer.from(base64, "base64");
    expect(detectEncoding(bytes)).toBe(encoding);
    expect(textOf(bytes)).toBe(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const decoder = new CountingDecoder(encoding);
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].map((part) => decoder.decode(part, false));
      expect(parts.join("") + decoder.decode(new Uint8Array(0), true)).toBe(text);
    }
  });
});

describe("what a text declares of itself", () => {
  const of = (bytes: Uint8Array): string => {
    const own = declaredIn(Buffer.from(bytes).toString("latin1"));
    return detect(Survey.of(bytes), [], own).encoding;
  };

  test("counts before a guess, in XML and HTML", () => {
    expect(of(encode('<?xml version="1.0" encoding="koi8-u"?><a>ÄÖ</a>', "latin1"))).toBe("koi8-u");
    expect(of(encode("<!DOCTYPE html><meta charset=iso-8859-7><p>Ä", "latin1"))).toBe("iso-8859-7");
    expect(of(encode('a line\n<?xml version="1.0" encoding="koi8-u"?><a>café</a>', "latin1"))).toBe("windows-1252");
  });

  test("does not count where the bytes are not valid in it, or are UTF-8", () => {
    expect(of(encode('<?xml version="1.0" encoding="utf-8"?><a>café, garçon</a>', "latin1"))).toBe("windows-1252");
    expect(of(Buffer.from('<?xml version="1.0" encoding="koi8-r"?><a>café</a>'))).toBe("utf-8");
  });
});

test("labels: the web's, DOS's, and none that is not an encoding of texts", () => {
  expect(
    ["Latin1", "cp855", "IBM850", "cp1251", "ISO8859-16", "UTF-32", "MacCyrillic", "HZ"].map(knownEncoding),
  ).toEqual([
    "windows-1252",
    "ibm855",
    "ibm850",
    "windows-1251",
    "iso-8859-16",
    "utf-32le",
    "x-mac-cyrillic",
    "hz-gb-2312",
  ]);
  expect(["base64", "hex", "utf-7", "437", "klingon", ""].map(knownEncoding)).toEqual(Array(6).fill(null));
  expect(() => namedEncoding("klingon")).toThrow(
    /^--encoding: "klingon" is not an encoding that can be read; name one/,
  );
});

test("a named encoding is believed, but for a byte order mark", () => {
  const bytes = encode("Привет", "koi8-r");
  expect(TextSource.bytes("text", bytes, "windows-1251").text()).toBe(new TextDecoder("windows-1251").decode(bytes));
  expect(TextSource.bytes("text", Buffer.from("\ufeffé"), "koi8-r").text()).toBe("é");
  expect(TextSource.bytes("text", Buffer.from("hé", "utf16le"), "utf-16le").text()).toBe("hé");
});
