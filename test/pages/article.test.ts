import { describe, expect, test } from "vitest";
import { htmlToText } from "../../src/pages/extract.ts";
import { byExtent } from "../setup/place.ts";

const SENTENCES = [
  "The lighthouse stands on a rock half a mile from the shore, and has stood there for two hundred years, they say.",
  "Every evening the keeper climbed its ninety-nine steps, trimmed the wick, and wrote the weather in a book.",
  "Nobody has read the book since, though it lies on the table still, open at the fourth of November, eighteen ninety.",
];
const paragraphs = (texts: readonly string[]): string => texts.map((text) => `<p>${text}</p>`).join("\n");
const BODY = paragraphs(SENTENCES);
const LONG = Array.from({ length: 6 }, () => SENTENCES).flat();

/** An article, with something before, amid and after its paragraphs. */
const read = (amid: string, before = "", after = ""): string =>
  htmlToText(
    `<!doctype html><body><div id="page"><article>${before}${BODY}${amid}${BODY}${after}</article></div></body>`,
  );
const ALONE = [...SENTENCES, ...SENTENCES].join("\n\n");

describe("what is beside an article", () => {
  test.each([
    ["a byline", '<div class="byline">By Ada Lovelace</div>'],
    ["a date", '<p class="post-meta"><time datetime="2019-11-20">20 November 2019, 10:48</time></p>'],
    ["an author", '<a rel="author" href="/ada">Ada Lovelace</a>'],
    [
      "buttons to share",
      '<div class="social-share"><p>Share this with your friends, please, and with theirs.</p></div>',
    ],
    [
      "a list of other articles",
      '<div class="relatedArticles"><h3>More like this</h3><p>Ten lamps that will surprise you</p></div>',
    ],
    [
      "a newsletter",
      '<section class="newsletter_signup"><p>Subscribe to our letter, which comes every Monday.</p></section>',
    ],
    ["comments", '<div id="comments"><p>What a nice lighthouse this is, I would like to live there.</p></div>'],
    ["an advertisement", '<div class="advert"><p>Lamps, half price, this week only, at the lamp shop.</p></div>'],
    ["a menu by its role", '<div role="navigation"><p>Home, lamps, wicks</p></div>'],
    ["a link to another article", '<p><a href="/x">READ MORE: Ten lamps that will surprise you</a></p>'],
    ["links to other articles", '<ul><li><a href="/x">Ten lamps</a></li><li><a href="/y">Ten wicks</a></li></ul>'],
    ["the credit of a picture", '<figure><img src="x"><figcaption>The rock (Image: Ada/Getty)</figcaption></figure>'],
    ["a credit alone", "<p>Photo: Ada Lovelace</p>"],
  ])("%s is dropped", (_name, html) => {
    expect(read(html)).toBe(ALONE);
  });

  test("a heading that is left without its text goes with it", () => {
    const links = '<ul><li><a href="/x">Ten lamps</a></li><li><a href="/y">Ten wicks</a></li></ul>';
    expect(read("", "", `<h2>Elsewhere</h2><h3>On lamps</h3>${links}`)).toBe(ALONE);
    expect(read("<h2>The Keeper</h2>")).toBe([...SENTENCES, "The Keeper", ...SENTENCES].join("\n\n"));
  });
});

describe("what is of an article", () => {
  test.each([
    ["a link", '<p>He kept <a class="tag" href="/x">the light</a> and <span class="date">in 1890</span> he left.</p>'],
    ["a link at the end of a sentence", '<p>He kept what they call <a href="/x">the light</a></p>'],
    ["a year", "<p>He left in 1890, at 10:48.</p>"],
  ])("%s within it stays", (_name, html) => {
    expect(read(html)).toBe([...SENTENCES, html.replace(/<[^>]*>/g, ""), ...SENTENCES].join("\n\n"));
  });

  test.each([
    ["all of them", "<html><head><title>T</title></head><body>"],
    ["no html", "<head><title>T</title></head><body>"],
    ["no end of the head", "<html><head><title>T</title><body class=x>"],
    ["no body", "<html><head><title>T</title></head>"],
    ["a title alone", "<title>T</title>"],
    ["none", ""],
  ])("it is found whichever tags the page omits: %s", (_name, start) => {
    const aside = '<div class="sidebar"><p>Ten lamps that will surprise you, and more of them.</p></div>';
    expect(htmlToText(`<!doctype html>${start}${aside}<article>${BODY}${BODY}</article>${aside}`)).toBe(ALONE);
  });

  test("the largest part stays, whatever it is called", () => {
    for (const name of ["comments", "widget", "sidebar", "promo"]) {
      expect(htmlToText(`<!doctype html><body><div class="${name}">${BODY}${BODY}</div></body>`)).toBe(ALONE);
    }
  });

  test("many small parts of one name are the article, unless readers wrote them", () => {
    const each = (name: string): string => LONG.map((text) => `<div class="${name}"><p>${text}</p></div>`).join("");
    const page = (inner: string): string => htmlToText(`<!doctype html><body><div id="page">${inner}</div></body>`);
    expect(page(each("site-widget text"))).toBe(LONG.join("\n\n"));
    expect(page(`<article>${BODY}${BODY}</article>${each("comment")}`)).toBe(ALONE);
  });

  test("a post that it quotes stays", () => {
    const post = `<div class="article-social-embed"><blockquote class="twitter-tweet"><p>${SENTENCES[0]}</p></blockquote></div>`;
    expect(read(post)).toBe([...SENTENCES, SENTENCES[0], ...SENTENCES].join("\n\n"));
  });

  test("a caption stays in a short article, and not in a long one", () => {
    const figure = '<figure><img src="x"><figcaption>The rock at low tide</figcaption></figure>';
    expect(read(figure)).toContain("The rock at low tide");
    const long = `<!doctype html><body><article>${paragraphs(LONG)}${figure}${BODY}</article></body>`;
    expect(htmlToText(long)).toBe([...LONG, ...SENTENCES].join("\n\n"));
    const listing = "<figure><pre>a = 1</pre><figcaption>How to set a</figcaption></figure>";
    expect(htmlToText(long.replace(figure, listing))).toContain("How to set a");
  });

  test("an index of links keeps them", () => {
    const links = Array.from({ length: 80 }, (_, i) => `Lighthouse number ${i} of the coast, with its lamp`);
    const list = links.map((text) => `<li><a href="/x">${text}</a></li>`).join("");
    const text = htmlToText(`<!doctype html><body><article><p>${SENTENCES[0]}</p><ul>${list}</ul></article></body>`);
    expect(text.split(/\n+/)).toEqual([SENTENCES[0], ...links]);
  });
});

const COUNT = byExtent(3000, 20_000);
test(`a paragraph of ${COUNT} elements is read in linear time`, { tags: ["large"] }, () => {
  const words = Array.from({ length: COUNT }, (_, i) => `word${i}`);
  const inner = words.map((word) => `<span class="tag">${word}</span>`).join(" ");
  expect(htmlToText(`<!doctype html><body><article><p>${inner}</p></article></body>`)).toBe(words.join(" "));
});
