/**
 * Bytes that a server sent → the text that a reader sees: the article of a page, without menus, scripts and styles,
 * with a blank line between paragraphs. Libraries find the article and render it; this file sets the limits of what they
 * are given. How long they may take, it cannot: see extractor.ts.
 */
import { articleOf, pageOf } from "./article.ts";
import { decodePage } from "./decode.ts";
import type { ExtractedPage } from "./decode.ts";
import { PageError } from "./page-error.ts";
import { MAX_DEPTH, plainText } from "./plain-text.ts";
import { scanSource } from "./source.ts";

/** A longer or deeper page is not searched for its article; all of its text is taken. */
const MAX_ARTICLE_CHARACTERS = 5_000_000;
/** Readability takes 4 s for 400 nested tables, 90 s for 1,000. */
const MAX_ARTICLE_DEPTH = 200;
/** A shorter article, on a page with much more text, is taken for a wrong guess. */
const MIN_ARTICLE_CHARACTERS = 200;

/** The text of `extractPage` alone. */
export const extractText = (body: Uint8Array, contentType: string | null): string =>
  extractPage(body, contentType).text;

/** Bytes and their Content-Type → text, in this thread and without end. Throws PageError if they are not text. */
export function extractPage(body: Uint8Array, contentType: string | null): ExtractedPage {
  const { isHtml, ...page } = decodePage(body, contentType);
  return isHtml ? { ...page, text: htmlToText(page.text) } : page;
}

/**
 * The article of a page; if none is found, all of its text without menus. Throws PageError if it is nested too deeply.
 */
export function htmlToText(html: string): string {
  const source = scanSource(html);
  if (source.depth > MAX_DEPTH) throw new PageError("its HTML is nested too deeply");
  const isLarge = source.html.length > MAX_ARTICLE_CHARACTERS || source.depth > MAX_ARTICLE_DEPTH;
  const hasFormulas = !isLarge && /<math\b/i.test(source.html);
  const whole = (): string =>
    plainText(hasFormulas ? pageOf(source.html).documentElement.outerHTML : source.html, true);
  if (isLarge) return whole();
  const article = articleOf(pageOf(source.html));
  const text = article === null ? "" : plainText(article, false);
  if (text.length >= MIN_ARTICLE_CHARACTERS) return text;
  const all = whole();
  return all.length > 2 * text.length ? all : text;
}
