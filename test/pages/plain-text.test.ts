import { describe, expect, test } from "vitest";
import { htmlToText } from "../../src/pages/extract.ts";

const SENTENCE =
  "The lighthouse stands on a rock half a mile from the shore, and has stood there for two hundred years, they say.";
const AROUND = `<p>${SENTENCE} ${SENTENCE}</p>`;

const lines = (text: string): string => text.replace(/\n+/g, "\n");

/** What a piece of HTML becomes within an article. On a page without one, it must be the same but for blank lines. */
function read(inner: string): string {
  const article = htmlToText(`<!doctype html><body><article>${AROUND}${inner}${AROUND}</article></body>`);
  const pieces = article.split(`${SENTENCE} ${SENTENCE}`);
  expect(pieces).toHaveLength(3);
  const text = (pieces[1] ?? "").replace(/^\n+|\n+$/g, "");
  expect(lines(htmlToText(`<!doctype html><body>${inner}`))).toBe(lines(text));
  return text;
}
const words = (text: string): string[] => text.split(/\s+/);

describe("neighbours", () => {
  /** Every element that the style sheet of the HTML standard displays as a block, a list item or a row, and may hold text. */
  const BLOCKS =
    "address article blockquote center dd details dialog dir div dl dt fieldset figcaption figure h2 h3 h4 h5 h6 hgroup " +
    "legend li listing main menu ol option optgroup p pre search section summary ul";
  test.each(BLOCKS.split(" "))("<%s> is parted from what stands before and after it", (name) => {
    expect(words(read(`<div>before<${name}>within</${name}>after</div>`))).toEqual(["before", "within", "after"]);
  });

  test.each([
    ["<dl><dt>term</dt><dd>meaning</dd><dt>other</dt><dd>sense</dd></dl>", "term\nmeaning\nother\nsense"],
    ["before<figure><img src=x><figcaption>Caption</figcaption></figure>after", "before\nCaption\nafter"],
    ["<details><summary>More</summary>of it</details>", "More\nof it"],
    ["<fieldset><legend>Legend</legend>of it</fieldset>", "Legend\nof it"],
    ["<p>one <b>bold</b><i>face</i>d</p>", "one boldfaced"],
  ])("%s", (html, text) => {
    expect(lines(read(html))).toBe(text);
  });
});

describe("nothing is added", () => {
  test("a quotation has no marks, however deep", () => {
    const quotation =
      "<blockquote><p>First of it.</p><p>Second of it.</p><blockquote>Within.</blockquote></blockquote>";
    expect(read(quotation)).toBe("First of it.\n\nSecond of it.\n\nWithin.");
    expect(read("<p>what &gt; is written</p>")).toBe("what > is written");
  });

  test("lists within lists are lines without numbers and bullets", () => {
    const inner = "<ol><li>two<ul><li>three</li></ul></li><li>four</li></ol>";
    expect(read(`<ul><li>one${inner}</li><li>five</li></ul>`)).toBe("one\ntwo\nthree\nfour\nfive");
    expect(read('<ol start="7" type="a"><li>eins</li><li value="12">zwei</li></ol>')).toBe("eins\nzwei");
  });

  test("a soft hyphen is not a character of its word", () => {
    expect(read("<p>Donau&shy;dampf\u00adschiff, a&shy;b</p>")).toBe("Donaudampfschiff, ab");
  });

  test("empty paragraphs are not blank lines", () => {
    expect(htmlToText("<body><p>one</p><p></p><p> </p><p>two</p>")).toBe("one\n\ntwo");
  });
});

describe("listings keep their lines and their indentation", () => {
  const CODE = "def f(x):\n    if x:\n\n        return 1";
  const rows = CODE.split("\n");
  const each = (start: string, end: string, between = ""): string =>
    rows.map((line) => start + line + end).join(between);
  test.each([
    ["plain", CODE],
    ["a span for each line, and a break", each('<span class="line">', "</span>", "\n")],
    ["a span for each line, and none", each('<span class="line">', "</span>")],
    ["spans without a class", each("<span>", "</span>")],
    ["spans that a style makes lines", each('<span style="display:block">', "</span>")],
    ["code for each line", each("<code>", "</code>", "\n")],
    ["a div for each line", each("<div>", "</div>")],
    ["a div for each line, and a break", each("<div>", "</div>", "\n")],
    ["a numbered list", `<ol class="linenums">${each("<li>", "</li>")}</ol>`],
    ["breaks", rows.join("<br>")],
    ["numbers beside the lines", each('<span class="line"><span class="lineno">7</span>', "</span>", "\n")],
    ["words in colour", CODE.replace("def f", '<span class="k">def</span> <span class="n">f</span>')],
  ])("%s", (_name, inner) => {
    expect(read(`<pre>${inner}</pre>`)).toBe(CODE);
    expect(htmlToText(`<body><pre>${inner}</pre>`)).toBe(CODE);
    expect(read(`<pre class="highlight"><code class="language-python">${inner}</code></pre>`)).toBe(CODE);
  });

  test("words in colour on one line are not lines", () => {
    const inner = '<span class="k">return</span> <span class="n">x</span><span class="p">;</span>';
    expect(read(`<pre>${inner}</pre>`)).toBe("return x;");
  });

  test("a table with line numbers has the lines alone", () => {
    const gutter = '<td class="gutter"><pre class="lineno">1\n2\n3\n4</pre></td>';
    expect(read(`<table><tr>${gutter}<td class="code"><pre>${CODE}</pre></td></tr></table>`)).toBe(CODE);
  });

  test("a page that begins with one keeps the spaces of its first line", () => {
    expect(htmlToText("<body><pre>\n    a\n  b</pre>")).toBe("    a\n  b");
  });
});

describe("pictures and formulas", () => {
  test("a picture among words is its text", () => {
    expect(read('<p>where <img alt="E = m c² as Einstein wrote it" src="e.png"> holds</p>')).toBe(
      "where E = m c² as Einstein wrote it holds",
    );
    expect(read('<p><img alt="T" src="t.png">he king</p>')).toBe("The king");
    expect(read('<p>one <a href="x"><img alt="fine" src="x"></a> day</p>')).toBe("one fine day");
    expect(read('<p>a <img alt="" src="x">b <img src="x">c <img alt="IMG_20190801.jpg" src="x">d</p>')).toBe("a b c d");
  });

  test("one that stands alone is a name, but not a description of a photograph", () => {
    const page = (alt: string): string => htmlToText(`<body><p>one</p><p><img alt="${alt}" src="x"></p><p>two</p>`);
    expect(page("Ada Lovelace")).toBe("one\n\nAda Lovelace\n\ntwo");
    expect(page("Two men in dark suits walk down the stairs of a court")).toBe("one\n\ntwo");
  });

  test.each([
    ['<math alttext="x^2"><mi>x</mi></math>', "x^2"],
    [
      '<math><semantics><mi>x</mi><annotation encoding="application/x-tex">\\hat x</annotation></semantics></math>',
      "\\hat x",
    ],
    [
      "<math><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></mfrac></math>",
      "x=1/(a+b)",
    ],
    ["<math><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><msub><mi>y</mi><mi>i</mi></msub></math>", "x^2+y_i"],
    ["<math><msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt></math>", "√(x+1)"],
  ])("%s", (math, text) => {
    expect(read(`<p>if ${math} holds</p>`)).toBe(`if ${text} holds`);
  });

  test("of a formula's copies, one remains: MediaWiki, KaTeX", () => {
    const wiki =
      '<span class="mwe-math-element"><span style="display: none;"><math alttext="{\\displaystyle z}"><mi>z</mi></math></span>' +
      '<img class="mwe-math-fallback-image-inline" aria-hidden="true" alt="{\\displaystyle z}" src="z.svg"></span>';
    expect(read(`<p>let ${wiki} be</p>`)).toBe("let z be");
    const katex =
      '<span class="katex"><span class="katex-mathml"><math><semantics><mi>q</mi><annotation encoding="application/x-tex">q^3' +
      '</annotation></semantics></math></span><span class="katex-html" aria-hidden="true"><span>q3</span></span></span>';
    expect(read(`<p>let ${katex} be</p>`)).toBe("let q^3 be");
  });
});
