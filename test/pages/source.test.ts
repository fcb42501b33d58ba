import { describe, expect, test } from "vitest";
import { htmlToText } from "../../src/pages/extract.ts";
import { scanSource } from "../../src/pages/source.ts";

const PARAGRAPHS = Array.from(
  { length: 6 },
  (_, i) => `<p>Paragraph ${i} of an article with a good many words, and commas, so that it counts for what it is.</p>`,
).join("\n");
const LINKS = Array.from({ length: 30 }, (_, i) => `<li><a href="/${i}">SIDEBAR ${i}</a></li>`).join("");
const page = (odd: string): string =>
  `<!doctype html><html><head><title>T</title></head><body><div class="promo"><p>Sign in</p></div>
  <div class="content"><article><h1>T</h1>${odd}${PARAGRAPHS}</article></div><div class="list"><ul>${LINKS}</ul></div></body></html>`;
const PLAIN = htmlToText(page(""));
const N = 400;

describe("what looks deep and is not", () => {
  test.each([
    ["empty elements of a drawing", `<svg>${'<path d="M0 0"/>'.repeat(N)}</svg>`],
    ["groups of a drawing", `<svg>${"<g>".repeat(N)}${"</g>".repeat(N)}</svg>`],
    ["a script", `<script>var a = '${"<div>".repeat(N)}';</script>`],
    ["a style", `<style>/* ${"<div>".repeat(N)} */</style>`],
    ["a comment", `<!-- ${"<div>".repeat(N)} -->`],
    ["a comment of Outlook's", `<!--[if mso]>${"<w:p>".repeat(N)}<![endif]-->`],
    ["a template", `<template>${"<div>".repeat(N)}</template>`],
    ["CDATA", `<![CDATA[ ${"<div>".repeat(N)} ]]>`],
    ["a text field", `<textarea>${"<div>".repeat(N)}</textarea>`],
    ["an attribute", `<p title="${"<div>".repeat(N)}"></p>`],
    ["elements of Word", "<w:p>".repeat(N)],
    ["empty elements of Word", "<o:p/>".repeat(N)],
    ["void elements", '<wbr><input type="hidden"><param name="a"><track>'.repeat(N)],
    ["anchors written as in XML", '<a name="x"/>'.repeat(N)],
    ["icons written as in XML", '<i class="icon" />'.repeat(N)],
    ["elements of one's own, as in XML", "<x-icon/>".repeat(N)],
    ["paragraphs with a span left open", "<p><span>".repeat(N)],
    ["end tags alone", "</div></span>".repeat(N).replaceAll("</div>", "</section>")],
  ])("%s: the article is found all the same", (_name, odd) => {
    expect(PLAIN).toContain("Paragraph 5");
    expect(PLAIN).not.toContain("SIDEBAR");
    expect(htmlToText(page(odd))).toBe(PLAIN);
  });

  test("the depth is that of elements that are open at once", () => {
    const depth = (html: string): number => scanSource(html).depth;
    expect(depth("<div><p>a<p>b<ul><li>1<li>2</ul></div>")).toBe(3);
    expect(depth("<div></x>".repeat(300))).toBe(300);
    expect(depth("<div></div>".repeat(300))).toBe(1);
    expect(depth("<table><tr><td><table><tr><td>".repeat(10))).toBe(60);
    expect(depth("<a href=https://a.example/>x</a>".repeat(300))).toBe(1);
  });
});

describe("what is dropped", () => {
  test.each([
    ["a<!-- b -->c", "ac"],
    ["a<!-->b", "ab"],
    ["a<!-- b", "a"],
    ["a<script>b</script>c", "ac"],
    ["a<script>b", "a"],
    ["a<SCRIPT type=x>b</scripts></SCRIPT >c", "ac"],
    ["a<svg><svg></svg>b</svg>c", "ac"],
    ["a<svg>b", "ab"],
    ["a<svg/>b", "ab"],
    ["a<template><template></template>b</template>c", "ac"],
    ["a<noscript>b</noscript>c", "ac"],
    ["a<w:p>b</w:p>c", "abc"],
    ["<p title='>'>b", "<p title='>'>b"],
    ["<i/>b", "<i/></i>b"],
    ["<a href=x/>b</a>", "<a href=x/>b</a>"],
    ["1 < 2 <3", "1 < 2 <3"],
  ])("%s → %s", (html, kept) => {
    expect(scanSource(html).html).toBe(kept);
  });
});
