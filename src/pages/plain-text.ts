/**
 * HTML → the text that a reader sees: a line for each block, a blank line between paragraphs, and none of the marks that a
 * plain-text mail needs: no `>`, bullets, numbers, underlines. The library html-to-text walks the tree; this file says what
 * an element becomes. Which part of a page is read is decided elsewhere (article.ts).
 */
import { compile } from "html-to-text";
import type { DomNode, FormatCallback, HtmlToTextOptions, SelectorDefinition } from "html-to-text";
import { PageError } from "./page-error.ts";

/** Deepest nesting of elements. Time grows with its square; real pages stay far below it. */
export const MAX_DEPTH = 2000;

const rows = (names: string, row: Omit<SelectorDefinition, "selector">): SelectorDefinition[] =>
  names.split(" ").map((selector) => ({ selector, ...row }));

const block = (names: string, lineBreaks: number): SelectorDefinition[] =>
  rows(names, { format: "block", options: { leadingLineBreaks: lineBreaks, trailingLineBreaks: lineBreaks } });

/** What the HTML standard's style sheet displays as a block, and what else stands on lines of its own. */
const PLAIN: readonly SelectorDefinition[] = [
  ...block("p h1 h2 h3 h4 h5 h6 blockquote dl fieldset figure hr table caption", 2),
  ...block("address article aside body center dd details dialog div dt figcaption footer form header hgroup html", 1),
  ...block("legend li main nav optgroup option search section summary tbody tfoot thead tr", 1),
  ...rows("ul ol menu dir", { format: "list" }),
  ...rows("pre listing xmp plaintext", { format: "preformatted" }),
  // The library's own tables pad cells with spaces.
  ...rows("td th", { format: "cell" }),
  // Numbers of lines, in a table beside a listing.
  ...rows("td.gutter td.lineno td.linenos td.blob-num td.hljs-ln-numbers pre.lineno", { format: "skip" }),
  ...rows("a", { format: "inline" }),
  ...rows("img", { format: "image" }),
  ...rows("math", { format: "formula" }),
  // Not `head`: its end tag may be omitted. Not `form`: some pages are a single form.
  ...rows("script style noscript template svg iframe title button select textarea label datalist", { format: "skip" }),
];

const CHROME = "nav header footer aside [role=navigation] [aria-hidden=true]";

/** A space between a cell and the next one. */
const cell: FormatCallback = (element, walk, builder) => {
  walk(element.children, builder);
  builder.addInline(" ");
};

/** A list within a list begins on a new line, another one a paragraph. */
const list: FormatCallback = (element, walk, builder) => {
  let outer: DomNode | null | undefined = element.parent;
  while (outer && outer.name !== "li" && outer.name !== "dd") outer = outer.parent;
  const lineBreaks = outer ? 1 : 2;
  builder.openBlock({ leadingLineBreaks: lineBreaks });
  walk(element.children, builder);
  builder.closeBlock({ trailingLineBreaks: lineBreaks });
};

/** Stands in a listing for a line without characters; itself a code point that no text has (Unicode, noncharacters). */
export const EMPTY_LINE = "\ufdd0";

/** Code in a page: its lines and its indentation stay. */
const preformatted: FormatCallback = (element, _walk, builder) => {
  builder.openBlock({ isPre: true, leadingLineBreaks: 2 });
  builder.addInline(codeOf(element).replace(/^\n+|\s+$/g, ""));
  builder.closeBlock({ trailingLineBreaks: 2 });
};

const LINE_BLOCKS = new Set("div p li tr table ol ul".split(" "));
const LINE_NUMBERS =
  /(?:^|\s)(?:ln|lnt|lineno|linenos|line-?numbers?(?:-rows)?|hljs-ln-n(?:umbers)?|blob-num|gutter)(?:\s|$)/;

/** An attribute; empty if it is absent. */
function attributeOf(node: DomNode, name: string): string {
  const value: unknown = node.attribs?.[name];
  return typeof value === "string" ? value : "";
}

/** The text of a listing. Highlighters put each line into an element, and the break between two lines only at times. */
function codeOf(pre: DomNode): string {
  const isOneLine = !textOf(pre).includes("\n");
  let code = "";
  let isAfterLine = false;
  const visit = (node: DomNode, isSpanOfLine: boolean): void => {
    if (node.type === "text") code += (node.data ?? "").replace(isAfterLine ? /^\n/ : /^(?!)/, "");
    if (node.name === "br") code += "\n";
    const isHidden = LINE_NUMBERS.test(attributeOf(node, "class")) || /^(?:script|style)$/.test(node.name ?? "");
    if (node.type === "text") isAfterLine = false;
    if (node.children === undefined || isHidden) return;
    const isLine = isSpanOfLine || LINE_BLOCKS.has(node.name ?? "");
    if (isLine && code !== "" && !code.endsWith("\n")) code += "\n";
    const start = code.length;
    const holdsLines = isOneLine && areLines(node.children);
    for (const child of node.children) visit(child, holdsLines);
    if (isLine && (code.length === start || !code.endsWith("\n"))) code += "\n";
    if (isLine) isAfterLine = true;
  };
  visit(pre, false);
  return code.replaceAll(EMPTY_LINE, "");
}

/** Whether elements are lines rather than words: several of one kind, and nothing between them. */
function areLines(nodes: readonly DomNode[]): boolean {
  const kindOf = (node: DomNode): string => `${node.name ?? ""} ${attributeOf(node, "class")}`;
  const [first] = nodes;
  if (first === undefined || nodes.length < 2 || (first.name !== "span" && first.name !== "code")) return false;
  return nodes.every((node) => kindOf(node) === kindOf(first));
}

const textOf = (node: DomNode): string => node.data ?? (node.children ?? []).map(textOf).join("");

/** A longer text of a picture that stands alone describes a photograph; a shorter one is what it shows: a name, a symbol. */
const MAX_ALT_WORDS = 4;
/** Some editors fill in the name of the file. */
const FILE_NAME = /^\S*\.(?:jpe?g|png|gif|webp|svg)$|^\S*[_\d]{4,}\S*$/i;
const INLINE = new Set(
  "a abbr b bdi bdo big cite code em font i kbd mark picture q s samp small span strong sub sup tt u var".split(" "),
);

/** Empty neighbours of a picture that are passed over: a page of pictures must not take quadratic time. */
const MAX_SPACES = 20;

/** A picture among words is the words that its author gave for it: a formula, a letter, a flag. */
const image: FormatCallback = (element, _walk, builder) => {
  const words = attributeOf(element, "alt").replace(/\s+/g, " ").trim();
  const limit = isAmongWords(element) ? Infinity : MAX_ALT_WORDS;
  if (!/[\p{L}\p{N}\p{Emoji}]/u.test(words) || words.split(" ").length > limit || FILE_NAME.test(words)) return;
  // A single letter or symbol may begin a word.
  builder.addInline([...words].length === 1 ? words : ` ${words} `);
};

/** Whether there are words before or after an element on its lines. */
function isAmongWords(element: DomNode): boolean {
  const isWord = (node: DomNode): boolean =>
    (node.type === "text" || INLINE.has(node.name ?? "")) && /\S/.test(textOf(node));
  const isSpace = (node: DomNode): boolean => !isWord(node) && (node.type === "text" || INLINE.has(node.name ?? ""));
  for (let at: DomNode | null | undefined = element; at; at = at.parent) {
    for (const side of ["prev", "next"] as const) {
      let beside = neighbour(at, side);
      for (let i = 0; i < MAX_SPACES && beside !== null && isSpace(beside); i++) beside = neighbour(beside, side);
      if (beside !== null && isWord(beside)) return true;
    }
    if (!at.parent || !INLINE.has(at.parent.name ?? "")) return false;
  }
  return false;
}

const isNode = (value: unknown): value is DomNode => typeof value === "object" && value !== null && "type" in value;

/** The sibling before or after a node: the parser's nodes have them, their type has not. */
function neighbour(node: DomNode & { prev?: unknown; next?: unknown }, side: "prev" | "next"): DomNode | null {
  const beside = node[side];
  return isNode(beside) ? beside : null;
}

/** A formula that formula.ts did not flatten. */
const formula: FormatCallback = (element, _walk, builder) => {
  builder.addInline((attributeOf(element, "alttext") || textOf(element)).trim());
};

const converter = (selectors: readonly SelectorDefinition[]): ((html: string) => string) => {
  const options: HtmlToTextOptions = {
    wordwrap: false,
    formatters: { cell, formula, image, list, preformatted },
    limits: { maxInputLength: 60_000_000, maxDepth: MAX_DEPTH },
    selectors: [...selectors],
  };
  return compile(options);
};

const toText = converter(PLAIN);
const toTextOfPage = converter([...PLAIN, ...rows(CHROME, { format: "skip" })]);

const HAS_LISTING = /<(?:pre|listing|xmp|plaintext)\b/i;

/** HTML → text. Throws PageError if it is nested too deeply. @param isPage whether to leave out menus and the like. */
export function plainText(html: string, isPage: boolean): string {
  try {
    const text = (isPage ? toTextOfPage : toText)(html);
    // An empty paragraph leaves its line breaks; the blank lines of a listing are its own.
    const even = HAS_LISTING.test(html) ? text : text.replace(/\n{3,}/g, "\n\n");
    // The first line of a listing keeps its indentation.
    return even
      .replaceAll("\u00ad", "")
      .replace(/^(?:[^\S\n]*\n)+/, "")
      .trimEnd();
  } catch (error) {
    if (error instanceof RangeError) throw new PageError("its HTML is nested too deeply");
    throw error;
  }
}
