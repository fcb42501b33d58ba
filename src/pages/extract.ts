/**
 * From what a server sends to the text that a person would read: the article of a page, without its menus, scripts and
 * styles, a blank line between paragraphs.
 */
import { Readability } from "@mozilla/readability";
import { compile } from "html-to-text";
import { parseHTML } from "linkedom";
import { InputError } from "../errors.ts";
import { CountingDecoder, detectEncoding } from "../node/charset.ts";
import { checkText } from "../node/text.ts";
import { PageError } from "./page-error.ts";

/** Beyond this a page's tree is not searched for its article; all of its text is taken. */
const MAX_ARTICLE_CHARACTERS = 5_000_000;
/** An article shorter than this, on a page with much more text, was not the article. */
const MIN_ARTICLE_CHARACTERS = 200;

const TEXT_TYPE = /^(?:text\/|application\/(?:json|xml|javascript|x-ndjson|ld\+json|[\w.-]+\+(?:json|xml))\b)/;
const HTML_TYPE = /^(?:text\/html|application\/xhtml\+xml)\b/;

/** Bytes and what the server calls them → text. Throws PageError if they are none. */
export function extractText(body: Uint8Array, contentType: string | null): string {
  const type = contentType?.trim().toLowerCase() ?? "";
  try {
    checkText("it", body.subarray(0, 65_536));
  } catch (error) {
    throw error instanceof InputError ? new PageError(error.message) : error;
  }
  if (type !== "" && !TEXT_TYPE.test(type) && !HTML_TYPE.test(type) && !type.startsWith("application/octet-stream")) {
    throw new PageError(`it is no text but "${type.slice(0, 60)}"`);
  }
  const start = Buffer.from(body.subarray(0, 4096)).toString("latin1");
  const isHtml =
    HTML_TYPE.test(type) || (!TEXT_TYPE.test(type) && looksLikeHtml(start)) || (type === "" && looksLikeHtml(start));
  const ofHeader = /charset\s*=\s*["']?([\w.:-]+)/.exec(type)?.[1] ?? null;
  const ofPage = isHtml ? (/<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]+)/i.exec(start)?.[1] ?? null) : null;
  const decoder = new CountingDecoder(detectEncoding(body.subarray(0, 65_536), ofHeader, ofPage));
  const text = decoder.decode(body, true);
  return isHtml ? htmlToText(text) : text;
}

export const looksLikeHtml = (start: string): boolean =>
  /^\s*(?:<!--[^]*?-->\s*)*<(?:!doctype html|html|head|body)\b/i.test(start);

/** The article of a page; where none is to be found, all of its text but menus and the like. */
export function htmlToText(html: string): string {
  const whole = (): string => render(toWhole, html);
  if (html.length > MAX_ARTICLE_CHARACTERS) return whole();
  const article = articleOf(html);
  const text = article === null ? "" : render(toText, article);
  if (text.length >= MIN_ARTICLE_CHARACTERS) return text;
  const all = whole();
  return all.length > 2 * text.length ? all : text;
}

/** Mozilla's Readability, as in Firefox's reader view; null where it finds nothing, or the page is too deep for it. */
function articleOf(html: string): string | null {
  try {
    return new Readability(parseHTML(html).document).parse()?.content ?? null;
  } catch {
    return null; // it is made for pages as browsers have them, and throws at some others
  }
}

const skipped = (selectors: readonly string[]): { selector: string; format: "skip" }[] =>
  selectors.map((selector) => ({ selector, format: "skip" }));

const plain = [
  { selector: "a", options: { ignoreHref: true } },
  { selector: "img", format: "skip" },
  ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
  { selector: "table", format: "dataTable", options: { uppercaseHeaderCells: false } },
  { selector: "ul", options: { itemPrefix: "" } },
  { selector: "blockquote", options: { trimEmptyLines: true } },
  { selector: "hr", format: "skip" },
  ...skipped(["script", "style", "noscript", "template", "svg", "math", "iframe", "form", "button", "select", "head"]),
];

const limits = { maxInputLength: 60_000_000, maxDepth: 500 };

const toText = compile({ wordwrap: false, selectors: plain, limits });
const toWhole = compile({
  wordwrap: false,
  limits,
  selectors: [...plain, ...skipped(["nav", "header", "footer", "aside", "[role=navigation]", "[aria-hidden=true]"])],
});

/** Throws PageError for a page that nests without end. */
function render(convert: (html: string) => string, html: string): string {
  try {
    return convert(html).trim();
  } catch (error) {
    if (error instanceof RangeError) throw new PageError("its HTML is nested too deeply");
    throw error;
  }
}
