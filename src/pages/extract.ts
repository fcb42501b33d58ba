/**
 * Bytes that a server sent → the text that a reader sees: the article of a page, without menus, scripts and styles,
 * with a blank line between paragraphs. Libraries find the article and render it; this file sets the limits.
 */
import { InputError } from "../errors.ts";
import { CountingDecoder, detectEncoding } from "../node/charset.ts";
import { checkText } from "../node/text.ts";
import { articleOf, pageOf } from "./article.ts";
import { PageError } from "./page-error.ts";
import { MAX_DEPTH, plainText } from "./plain-text.ts";
import { scanSource } from "./source.ts";

/** A longer or deeper page is not searched for its article; all of its text is taken. */
const MAX_ARTICLE_CHARACTERS = 5_000_000;
/** Readability takes 4 s for 400 nested tables, 90 s for 1,000. */
const MAX_ARTICLE_DEPTH = 200;
/** A shorter article, on a page with much more text, is taken for a wrong guess. */
const MIN_ARTICLE_CHARACTERS = 200;

const TEXT_TYPE = /^(?:text\/|application\/(?:json|xml|javascript|x-ndjson|ld\+json|[\w.-]+\+(?:json|xml))\b)/;
const HTML_TYPE = /^(?:text\/html|application\/xhtml\+xml)\b/;

/** Bytes and their Content-Type → text. Throws PageError if they are not text. */
export function extractText(body: Uint8Array, contentType: string | null): string {
  const type = contentType?.trim().toLowerCase() ?? "";
  const ofHeader = /charset\s*=\s*["']?([\w.:-]+)/.exec(type)?.[1] ?? null;
  try {
    // UTF-16 without a byte order mark is half zeros: only the header shows that it is text.
    if (ofHeader?.startsWith("utf-16") !== true) checkText("it", body.subarray(0, 65_536));
  } catch (error) {
    throw error instanceof InputError ? new PageError(error.message) : error;
  }
  if (type !== "" && !TEXT_TYPE.test(type) && !HTML_TYPE.test(type) && !type.startsWith("application/octet-stream")) {
    throw new PageError(`it is not text but "${type.slice(0, 60)}"`);
  }
  const start = Buffer.from(body.subarray(0, 4096)).toString("latin1");
  const mayBeHtml = HTML_TYPE.test(type) || (!TEXT_TYPE.test(type) && looksLikeHtml(start));
  const ofPage = mayBeHtml || /\bxml\b/.test(type) ? encodingOfPage(start) : null;
  const decoder = new CountingDecoder(detectEncoding(body.subarray(0, 65_536), ofHeader, ofPage));
  const text = decoder.decode(body, true);
  const isHtml = HTML_TYPE.test(type) || (!TEXT_TYPE.test(type) && looksLikeHtml(text.slice(0, 4096)));
  return isHtml ? htmlToText(text) : text;
}

/** The encoding in a page's `<meta>`. "utf-16" there means UTF-8, or it could not have been read (HTML standard). */
function encodingOfPage(start: string): string | null {
  const ofXml = /^(?:\u00ef\u00bb\u00bf)?<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]+)/.exec(start);
  const ofMeta = /<meta\b[^>]{0,200}?\bcharset\s*=\s*["']?([\w.:-]+)/i.exec(start);
  const label = (ofXml ?? ofMeta)?.[1] ?? null;
  return label !== null && /^(?:utf-?16|unicode|ucs-2|iso-10646-ucs-2)/i.test(label) ? "utf-8" : label;
}

// The pattern ends a comment at its first `-->`: otherwise backtracking would try every division of many comments.
/** Whether a text begins as an HTML document does. */
export const looksLikeHtml = (start: string): boolean =>
  /^\s*(?:<\?xml\b[^>]*>\s*)?(?:<!--(?:(?!-->)[^])*-->\s*)*<(?:!doctype html|html|head|body)\b/i.test(start);

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
