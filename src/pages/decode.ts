/**
 * Bytes that a server sent → characters, and whether they are a page's HTML. Without the libraries for HTML, so that plain
 * texts need none of them (extract.ts).
 */
import { InputError } from "../errors.ts";
import { CountingDecoder, detect, encodingOfPage } from "../node/charset.ts";
import type { Detection } from "../node/charset.ts";
import { Survey } from "../node/survey.ts";
import { UNREADABLE } from "../node/guess.ts";
import { checkText } from "../node/text.ts";
import { PageError } from "./page-error.ts";

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

/** A page as its server sent it, in characters. */
export interface DecodedPage extends ExtractedPage {
  /** Whether `text` is HTML. */
  readonly isHtml: boolean;
}

/** Bytes and their Content-Type → characters. Throws PageError if they are not text. */
export function decodePage(body: Uint8Array, contentType: string | null): DecodedPage {
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
  return { text, isHtml, detection, replaced: decoder.replaced };
}

// The pattern ends a comment at its first `-->`: otherwise backtracking would try every division of many comments.
/** Whether a text begins as an HTML document does. */
export const looksLikeHtml = (start: string): boolean =>
  /^\s*(?:<\?xml\b[^>]*>\s*)?(?:<!--(?:(?!-->)[^])*-->\s*)*<(?:!doctype html|html|head|body)\b/i.test(start);
