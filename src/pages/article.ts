/**
 * A page → the HTML of its article. Readability, the library behind Firefox's reader view, finds it; before and after,
 * boilerplate.ts removes what its scores let pass.
 */
import { Readability } from "@mozilla/readability";
import { parseHTML } from "linkedom";
import { removeAsides, removeNotes } from "./boilerplate.ts";
import { isElement } from "./dom.ts";
import { flattenFormulas } from "./formula.ts";
import { EMPTY_LINE } from "./plain-text.ts";

/** The tree of a page, with each formula as its text. @param html from `scanSource`: no tags in comments or scripts. */
export function pageOf(html: string): Document {
  const { document } = parseHTML(framed(html));
  flattenFormulas(document);
  return document;
}

/** Writes the tags of `html`, `head` and `body` that a page may omit: linkedom takes such a page for one without a body. */
function framed(html: string): string {
  const body = html.search(/<body[\s>]/i);
  const head = /<\/head\s*>/i.exec(html) ?? /<html(?:\s[^>]*)?>/i.exec(html);
  const start = head === null ? 0 : head.index + head[0].length;
  const isOpen = body >= 0 && /<head[\s>]/i.test(html) && !/<\/head/i.test(html);
  const [at, tag] = body < 0 ? [start, "<body>"] : [body, isOpen ? "</head>" : ""];
  const whole = html.slice(0, at) + tag + html.slice(at);
  return /<html[\s>]/i.test(html) ? whole : `<html>${whole}</html>`;
}

/** Readability takes two breaks for a new paragraph, drops empty lines, in listings too, and takes every fieldset for a form. */
function prepare(page: Document): void {
  for (const line of page.querySelectorAll("pre div, pre p, pre li")) {
    if (line.firstChild === null) line.append(page.createTextNode(EMPTY_LINE));
  }
  for (const lineBreak of page.querySelectorAll("pre br")) lineBreak.replaceWith(page.createTextNode("\n"));
  for (const group of page.querySelectorAll("fieldset")) {
    if (group.querySelector("input, select, textarea, button") !== null) continue;
    const plain = page.createElement("div");
    plain.append(...group.childNodes);
    group.replaceWith(plain);
  }
}

/** The article's HTML; null if there is none. Takes the page apart. */
export function articleOf(page: Document): string | null {
  try {
    prepare(page);
    removeAsides(page);
    // `keepClasses`: plain-text.ts knows lines of code and their numbers by class.
    const options = { disableJSONLD: true, keepClasses: true, serializer: (node: Node): Node => node };
    const article = new Readability(page, options).parse()?.content;
    if (!isElement(article)) return null;
    removeNotes(article);
    return article.innerHTML;
  } catch {
    return null; // it expects a browser's document and throws for some pages
  }
}
