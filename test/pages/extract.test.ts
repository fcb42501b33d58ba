import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { looksLikeHtml } from "../../src/pages/decode.ts";
import { extractText, htmlToText } from "../../src/pages/extract.ts";
import { byExtent } from "../setup/place.ts";

const HTML = "text/html; charset=utf-8";
const read = (html: string, type: string | null = HTML): string => extractText(Buffer.from(html), type);

const SENTENCES = [
  "The lighthouse stands on a rock half a mile from the shore, and has stood there for two hundred years, they say.",
  "Every evening the keeper climbed its ninety-nine steps, trimmed the wick, and wrote the weather in a book.",
  "Nobody has read the book since, though it lies on the table still, open at the fourth of November, eighteen ninety.",
];
const paragraphs = (texts: readonly string[]): string => texts.map((text) => `<p>${text}</p>`).join("\n");

/** A page as one finds it. */
const page = (main: string): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>HEADTITLE</title><style>.STYLE { color: red }</style>
<script>var SCRIPT1 = "<p>no text</p>";</script></head>
<body>
<header><div class="logo">HEADERTEXT</div></header>
<nav><ul><li><a href="/">MENUHOME</a></li><li><a href="/about">MENUABOUT</a></li></ul></nav>
${main}
<aside><h3>ASIDETEXT</h3><p><a href="/x">More of the like</a></p></aside>
<footer><p>FOOTERTEXT <a href="/imprint">imprint</a></p></footer>
<noscript>NOSCRIPTTEXT</noscript><template>TEMPLATETEXT</template>
<form><input value="INPUTTEXT"><button>BUTTONTEXT</button><select><option>OPTIONTEXT</option></select></form>
<script>console.log("SCRIPT2")</script>
</body></html>`;
const NOISE = /[A-Z]{5,}\d?|no text|imprint/;

describe("the main text of a page", () => {
  test("an article: its paragraphs with a blank line between them, and nothing else", () => {
    expect(read(page(`<main><article>${paragraphs(SENTENCES)}</article></main>`))).toBe(SENTENCES.join("\n\n"));
  });

  test("headings stand as they are written, and on lines of their own", () => {
    const text = read(
      page(`<article><h2>The Keeper</h2>${paragraphs(SENTENCES)}<h3>After Him</h3><p>Nothing.</p></article>`),
    );
    expect(text).toBe(["The Keeper", ...SENTENCES, "After Him", "Nothing."].join("\n\n"));
  });

  test("a link is its words, and inline elements part no words", () => {
    const [first, ...others] = SENTENCES;
    const linked = first.replace("lighthouse", '<a href="https://a.example/x">light<b>ho</b><i>use</i></a>');
    const text = read(page(`<article><p><img src="a.png" alt="">${linked}</p>${paragraphs(others)}</article>`));
    expect(text).toBe(SENTENCES.join("\n\n"));
  });

  test("scripts and styles within the article are no text", () => {
    const inside =
      "<script>SCRIPT3()</script><style>STYLETEXT{}</style><svg><text>SVGTEXT</text></svg><iframe>IFRAMETEXT</iframe>";
    const text = read(page(`<article>${paragraphs(SENTENCES.slice(0, 2))}${inside}<p>${SENTENCES[2]}</p></article>`));
    expect(text).toBe(SENTENCES.join("\n\n"));
  });

  test("a line break is one, a long line is not broken", () => {
    const long = "word ".repeat(500).trim();
    expect(read(page(`<article><p>one<br>two</p><p>${long}</p></article>`))).toBe(`one\ntwo\n\n${long}`);
  });

  test("white space in the source is none in the text, but in <pre> it is", () => {
    const spread = SENTENCES.map((text) => text.replaceAll(" ", " \n\t "));
    const pre = "first\n  second\n    third";
    expect(read(page(`<article>${paragraphs(spread)}<pre>${pre}</pre></article>`))).toBe(
      [...SENTENCES, pre].join("\n\n"),
    );
  });

  test("a list: its items, on lines of their own, without marks", () => {
    const items = SENTENCES.map((text) => `<li>${text}</li>`).join("\n");
    const text = read(page(`<article><p>Three things:</p><ul>${items}</ul></article>`));
    expect(text.split(/\n+/)).toEqual(["Three things:", ...SENTENCES]);
  });

  test("a table: its rows are lines, its cells are in order", () => {
    const rows = SENTENCES.map((text, i) => `<tr><td>Row${i}</td><td>${text}</td></tr>`).join("\n");
    const text = read(
      page(`<article><p>${SENTENCES[0]}</p><table><tr><th>Name</th><th>Text</th></tr>${rows}</table></article>`),
    );
    const lines = text.split(/\n+/).map((line) => line.trim().replace(/\s+/g, " "));
    expect(lines).toEqual([SENTENCES[0], "Name Text", ...SENTENCES.map((of, i) => `Row${i} ${of}`)]);
  });

  test("a page with no article: all of its text but menus and the like", () => {
    const text = read(page("<div>Opening hours</div><div>Monday: closed</div>"));
    expect(text.split(/\n+/)).toEqual(["Opening hours", "Monday: closed"]);
    expect(text).not.toMatch(NOISE);
  });

  test("a long index of short entries keeps all of them", () => {
    const entries = Array.from({ length: 300 }, (_, i) => `Entry number ${i}`);
    const lines = read(
      page(`<div>${entries.map((text) => `<div><a href="/x">${text}</a></div>`).join("")}</div>`),
    ).split(/\n+/);
    expect(lines).toEqual(entries);
  });

  test("a page that is one form from beginning to end is read, without what one fills in", () => {
    const inside = `<label>LABELTEXT</label><textarea><b>AREATEXT</b></textarea>${paragraphs(SENTENCES)}`;
    expect(read(`<html><body><form id="aspnetForm"><div>${inside}</div></form></body></html>`)).toBe(
      SENTENCES.join("\n\n"),
    );
    expect(read(`<html><body><form id="aspnetForm"><p>Short.</p></form></body></html>`)).toBe("Short.");
  });

  test("a head without an end takes nothing of the body with it", () => {
    expect(read(`<html><head><title>HEADTITLE</title><body>${paragraphs(SENTENCES)}`)).toBe(SENTENCES.join("\n\n"));
    expect(read("<!doctype html><title>HEADTITLE</title><p>Short.")).toBe("Short.");
  });

  test("a rule across the page parts words", () => {
    expect(read("<body>one<hr>two<hr/>three").split(/\n+/)).toEqual(["one", "two", "three"]);
  });

  test("entities are characters, also those of scripts", () => {
    const text = read(
      "<p>&lt;b&gt; &amp;amp; caf&eacute; &#x1F600; &#8212; &nbsp;&copy; &unknown; &#0; &#xD800; 5 &lt 6</p>",
    );
    expect(text).toContain("<b> &amp; café 😀 —");
    expect(text).toContain("&unknown;");
    expect(text).toContain("5 < 6");
    expect(text.isWellFormed()).toBe(true);
  });

  test("what is not closed is read nevertheless", () => {
    expect(read(`<html><body><p>one<p>two <b>bold<p>three`)).toBe("one\n\ntwo bold\n\nthree");
    expect(read("just words")).toBe("just words");
    expect(read("<p>one</p></div></b></body></html><p>two</p>")).toBe("one\n\ntwo");
    expect(read("a <!-- remark --> b")).toBe("a b");
    expect(read("<p>a</p><script>var x = 1;")).toBe("a");
    expect(read("")).toBe("");
    expect(read("<html><body></body></html>")).toBe("");
  });

  test("an article beyond five million characters is read without the search for it", () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `${i} ${SENTENCES[0]} ${SENTENCES[1]} ${SENTENCES[2]}`);
    const text = read(page(`<main>${paragraphs(many)}</main>`));
    expect(text.length).toBeGreaterThan(5e6);
    expect(text === many.join("\n\n")).toBe(true);
  });
});

describe("pages that were made to hurt: a text or a PageError, in seconds", () => {
  const deep = (depth: number, tag = "div"): string => `<!doctype html><body>${`<${tag}>`.repeat(depth)}deep`;

  test("1,500 elements within each other are read, 100,000 are refused", () => {
    expect(read(deep(1_500))).toBe("deep");
    for (const tag of ["div", "b", "table", "x-y", "ul"]) {
      expect(() => read(deep(100_000, tag))).toThrow("its HTML is nested too deeply");
    }
    expect(() => read(deep(1_000_000))).toThrow(expect.objectContaining({ name: "PageError" }) as Error);
  });

  const BESIDE = byExtent(3000, 20_000);
  test(`${BESIDE} elements beside each other, closed or not, are not deep`, { tags: ["large"] }, () => {
    const count = BESIDE;
    const words = Array.from({ length: count }, (_, i) => `w${i}`);
    for (const [begin, end] of [
      ["<div>", "</div>"],
      ["<p>", ""],
      ["<li>", ""],
      ["<br>", ""],
      ["<hr/>", ""],
    ]) {
      const text = read(`<body>${words.map((word) => begin + word + end).join("")}`);
      expect(text.split(/\s+/)).toEqual(words);
    }
  });

  const LINKS = byExtent(2000, 10_000);
  test(`${LINKS} links`, { tags: ["large"] }, () => {
    const links = Array.from({ length: LINKS }, (_, i) => `link${i}`);
    const text = read(page(`<main>${links.map((of) => `<p><a href="/${of}">${of}</a></p>`).join("")}</main>`));
    expect(text.split("\n\n")).toEqual(links);
  });

  test("a megabyte of text in one paragraph, and in 2,000", () => {
    const long = "word ".repeat(200_000).trim();
    expect(read(page(`<article><p>${long}</p></article>`)) === long).toBe(true);
    const many = Array.from({ length: 2_000 }, (_, i) => `${i} ${SENTENCES[0].repeat(5)}`);
    expect(read(page(`<article>${paragraphs(many)}</article>`)) === many.join("\n\n")).toBe(true);
  });

  const MANY = byExtent(10_000, 50_000);
  test.each([
    ["remarks without an end", "<!--".repeat(MANY)],
    ["many remarks", "<!---->".repeat(MANY)],
    ["attributes without an end", "<a b='".repeat(MANY)],
    ["angles", "<".repeat(2 * MANY)],
    ["ends alone", "</div>".repeat(MANY)],
    ["ampersands", "&".repeat(2 * MANY)],
    ["references to characters", "&#x41;".repeat(MANY)],
    ["attributes", `<p ${Array.from({ length: 20_000 }, (_, i) => `a${i}=${i}`).join(" ")}>x`],
    ["tables", "<table><tr><td>x".repeat(1_000)],
    ["spaces", " ".repeat(1_000_000)],
    ["declarations", "<meta ".repeat(MANY)],
    ["instructions", "<?xml ".repeat(MANY)],
  ])("%s without number", { tags: ["large"] }, (_name, part) => {
    for (const html of [part, `<!doctype html><body>${part}`, `${part}<body>x`]) {
      for (const type of [HTML, null]) {
        try {
          expect(typeof read(html, type)).toBe("string");
        } catch (error) {
          expect(error).toMatchObject({ name: "PageError" });
        }
      }
    }
  });

  test("whatever tags are drawn, nothing is thrown but a PageError, and no tag is left in the text", () => {
    const names =
      "div p b table tr td ul li span pre script style template svg math a img br form select option h1 article nav body html head title frameset textarea";
    const tag = fc.tuple(
      fc.constantFrom("<", "</"),
      fc.constantFrom(...names.split(" ")),
      fc.constantFrom(">", "/>", ' class="x">', " hidden>", " colspan=99999>", " rowspan=-1>"),
    );
    const part = fc.oneof(
      tag.map((of) => of.join("")),
      fc.constantFrom("word", " ", "&amp;", "<!-- x -->", "\n", "é😀"),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        try {
          expect(htmlToText(`<!doctype html><body>${parts.join("")}`)).not.toMatch(/<(?:div|p|b|span|li|td|article)\b/);
        } catch (error) {
          expect(error).toMatchObject({ name: "PageError" });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("what a server calls it", () => {
  const SOURCE = "<!doctype html><html><body><p>one</p><p>two</p></body></html>";
  const READ_AS_PAGE = [
    "text/html",
    "TEXT/HTML",
    "text/html;charset=utf-8",
    " application/xhtml+xml ",
    null,
    "",
    "application/octet-stream",
  ];
  test.each(READ_AS_PAGE)("%j: a page is read as one", (type) => {
    expect(read(SOURCE, type)).toBe("one\n\ntwo");
  });

  const AS_IT_IS = [
    "text/plain",
    "text/plain; charset=UTF-8",
    "text/markdown",
    "text/css",
    "application/json",
    "application/xml",
    "text/xml",
    "application/rss+xml",
    "application/ld+json",
    "application/x-ndjson",
    "application/javascript",
  ];
  test.each(AS_IT_IS)("%j: it is text as it stands, whatever it looks like", (type) => {
    expect(read(SOURCE, type)).toBe(SOURCE);
  });

  test.each([null, "", "application/octet-stream"])("%j: text that is no page stays as it is", (type) => {
    for (const text of ["Call me Ishmael.\n<p>Some</p> years ago", '{"a": "<html>"}', "<note>x</note>"])
      expect(read(text, type)).toBe(text);
  });

  const REFUSED = [
    "image/png",
    "image/svg+xml",
    "video/mp4",
    "audio/mpeg",
    "application/pdf",
    "application/epub+zip",
    "application/zip",
    "application/gzip",
    "application/wasm",
    "application/vnd.ms-excel",
    "font/woff2",
    "multipart/mixed",
    "nonsense",
  ];
  test.each(REFUSED)("%j is refused, whatever is in it", (type) => {
    expect(() => read("words and words", type)).toThrow(
      expect.objectContaining({ name: "PageError", message: `it is not text but "${type}"` }) as Error,
    );
  });

  const MAGIC: readonly (readonly [name: string, start: string, message: string])[] = [
    ["a PDF", "%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3 text", "it is a PDF"],
    ["an EPUB", `PK\u0003\u0004${"x".repeat(26)}mimetypeapplication/epub+zip`, "it is an EPUB"],
    ["a zip", `PK\u0003\u0004${"x".repeat(40)}`, "it is a zip archive"],
    ["gzip", "\u001f\u008b\u0008text", "it is gzip"],
    ["an image", "\u0089PNG\r\n\u001a\n\u0000\u0000\u0000\rIHDR", "it is a binary file"],
    ["RTF", "{\\rtf1 text}", "it is RTF"],
  ];
  test.each(MAGIC)("%s is refused by its first bytes, whatever the server calls it", (_name, start, message) => {
    for (const type of ["text/html", "text/plain", "application/pdf", "application/octet-stream", null]) {
      expect(() => extractText(Buffer.from(start, "latin1"), type)).toThrow(
        expect.objectContaining({
          name: "PageError",
          message: expect.stringContaining(message) as string,
        }) as Error,
      );
    }
  });

  test("a page that begins with remarks, a declaration, a mark or spaces is seen to be one", () => {
    for (const start of [
      "",
      " \n\t",
      "<!-- a --> <!-- b -->",
      '<?xml version="1.0"?>\n',
      "<!-- <html> -->",
      "\ufeff",
    ]) {
      for (const tag of ["<!DOCTYPE html>", "<HTML>", "<head>", "<body class=x>"])
        expect(read(`${start}${tag}<p>x`, null)).toBe("x");
    }
    for (const start of ["x<html>", "<htmlx>", "<!-- <html>", "<p>", "<!doctype book>"])
      expect(looksLikeHtml(start)).toBe(false);
  });
});
