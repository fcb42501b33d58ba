/**
 * Bytes that a server sent → the text that a reader sees: the article of a page, without menus, scripts and styles,
 * with a blank line between paragraphs. Libraries find the article and render it; this file sets the limits.
 */
import { InputError } from "../errors.ts";
import { CountingDecoder, detect, encodingOfPage } from "../node/charset.ts";
import type { Detection } from "../node/charset.ts";
import { Survey } from "../node/survey.ts";
import { UNREADABLE } from "../node/guess.ts";
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

/** A page's text, and what became of its bytes. */
export interface ExtractedPage {
  /** The text. */
  readonly text: string;
  /** The encoding of its bytes, and how that was found. */
  readonly detection: Detection;
  /** Byte sequences that were not valid in it and became U+FFFD. */
  readonly replaced: number;
}

/** The text of `extractPage` alone. */
export const extractText = (body: Uint8Array, contentType: string | null): string =>
  extractPage(body, contentType).text;

/** Bytes and their Content-Type → text. Throws PageError if they are not text. */
export function extractPage(body: Uint8Array, contentType: string | null): ExtractedPage {
  const type = contentType?.trim().toLowerCase() ?? "";
  const ofHeader = /charset\s*=\s*["']?([\w.:-]+)/.exec(type)?.[1] ?? null;
  try {
    checkText("it", body.subarray(0, 65_536), ofHeader);
  } catch (error) {
    throw error instanceof InputError ? new PageError(error.message) : error;
  }
  if (type !== "" && !TEXT_TYPE.test(type) && !HTML_TYPE.test(type) && !type.startsWith("application/octet-stream")) {
    throw new PageError(`it is not text but "${type.slice(0, 60)}"`);
  }
  const start = Buffer.from(body.subarray(0, 4096)).toString("latin1");
  const mayBeHtml = HTML_TYPE.test(type) || (!TEXT_TYPE.test(type) && looksLikeHtml(start));
  const ofPage = mayBeHtml || /\bxml\b/.test(type) ? encodingOfPage(start) : null;
  const detection = detect(Survey.of(body), [ofHeader], ofPage);
  const { encoding } = detection;
  if (UNREADABLE.has(encoding))
    throw new PageError(`it seems to be in ${encoding.toUpperCase()}, which cannot be read`);
  const decoder = new CountingDecoder(encoding);
  const text = decoder.decode(body, true);
  const isHtml = HTML_TYPE.test(type) || (!TEXT_TYPE.test(type) && looksLikeHtml(text.slice(0, 4096)));
  return { text: isHtml ? htmlToText(text) : text, detection, replaced: decoder.replaced };
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
