/**
 * Bytes that a server sent → the text that a reader sees: the article of a page, without menus, scripts and styles,
 * with a blank line between paragraphs. Libraries find the article and render it; this file sets the limits.
 */
import { Readability } from "@mozilla/readability";
import { compile } from "html-to-text";
import type { FormatCallback } from "html-to-text";
import { parseHTML } from "linkedom";
import { InputError } from "../errors.ts";
import { CountingDecoder, detect, encodingOfPage } from "../node/charset.ts";
import type { Detection } from "../node/charset.ts";
import { Survey } from "../node/survey.ts";
import { UNREADABLE } from "../node/guess.ts";
import { checkText } from "../node/text.ts";
import { PageError } from "./page-error.ts";

/** A longer or deeper page is not searched for its article; all of its text is taken. */
const MAX_ARTICLE_CHARACTERS = 5_000_000;
/** Readability takes 4 s for 400 nested tables, 90 s for 1,000. */
const MAX_ARTICLE_DEPTH = 200;
/** A shorter article, on a page with much more text, is taken for a wrong guess. */
const MIN_ARTICLE_CHARACTERS = 200;
/** Deepest nesting of elements. Time grows with its square; real pages stay far below it. */
const MAX_DEPTH = 2000;

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
  const depth = depthOf(html);
  if (depth > MAX_DEPTH) throw new PageError("its HTML is nested too deeply");
  const whole = (): string => render(toWhole, html);
  if (html.length > MAX_ARTICLE_CHARACTERS || depth > MAX_ARTICLE_DEPTH) return whole();
  const article = articleOf(html);
  const text = article === null ? "" : render(toText, article);
  if (text.length >= MIN_ARTICLE_CHARACTERS) return text;
  const all = whole();
  return all.length > 2 * text.length ? all : text;
}

/** Elements without an end tag, or whose end tag may be omitted. */
const ENDLESS = new Set(
  "area base br col embed hr img input link meta source track wbr p li dt dd tr td th thead tbody tfoot option".split(
    " ",
  ),
);

/** Estimates how deep a page nests, from its tags alone, before a tree is built. */
function depthOf(html: string): number {
  let [depth, deepest] = [0, 0];
  for (const [, slash, name] of html.matchAll(/<(\\?\/)?([a-z][a-z0-9-]*)/gi)) {
    if (ENDLESS.has(name.toLowerCase())) continue;
    depth = slash === undefined ? depth + 1 : Math.max(0, depth - 1);
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Mozilla's Readability, as in Firefox's reader view; null where it finds no article or the page is too deep. */
function articleOf(html: string): string | null {
  try {
    const { document } = parseHTML(html);
    for (const menu of document.querySelectorAll("nav, [role=navigation], body > header")) menu.remove();
    return new Readability(document).parse()?.content ?? null;
  } catch {
    return null; // it expects a browser's document and throws for some pages
  }
}

const skipped = (selectors: readonly string[]): { selector: string; format: "skip" }[] =>
  selectors.map((selector) => ({ selector, format: "skip" }));

const block = (selector: string, lineBreaks: number): { selector: string; format: "block"; options: object } => ({
  selector,
  format: "block",
  options: { leadingLineBreaks: lineBreaks, trailingLineBreaks: lineBreaks },
});

const plain = [
  { selector: "a", options: { ignoreHref: true } },
  { selector: "img", format: "skip" },
  ...["h1", "h2", "h3", "h4", "h5", "h6", "ul", "table", "caption", "hr"].map((selector) => block(selector, 2)),
  ...["li", "tr"].map((selector) => block(selector, 1)),
  // The library's own tables pad cells with spaces.
  ...["td", "th"].map((selector) => ({ selector, format: "cell" })),
  { selector: "blockquote", options: { trimEmptyLines: true } },
  // Not `head`: its end tag may be omitted.
  ...skipped(["script", "style", "noscript", "template", "svg", "math", "iframe", "title"]),
  // Not `form`: some pages are a single form.
  ...skipped(["button", "select", "textarea", "label"]),
];

/** A space between a cell and the next one. */
const cell: FormatCallback = (element, walk, builder) => {
  walk(element.children, builder);
  builder.addInline(" ");
};

const formatters = { cell };
const limits = { maxInputLength: 60_000_000, maxDepth: MAX_DEPTH };

const toText = compile({ wordwrap: false, formatters, selectors: plain, limits });
const toWhole = compile({
  wordwrap: false,
  formatters,
  limits,
  selectors: [...plain, ...skipped(["nav", "header", "footer", "aside", "[role=navigation]", "[aria-hidden=true]"])],
});

/** HTML → text. Throws PageError if it is nested too deeply. */
function render(convert: (html: string) => string, html: string): string {
  try {
    return convert(html).trim();
  } catch (error) {
    if (error instanceof RangeError) throw new PageError("its HTML is nested too deeply");
    throw error;
  }
}
