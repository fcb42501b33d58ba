/**
 * MathML → a formula in one line, and the many copies of it that a page has (the MathML itself, a picture, a drawing in
 * spans) → that one. Not a renderer of mathematics: where the author gave the formula as text, that is taken.
 */
import { isElement } from "./dom.ts";

const one = (parts: readonly string[], at: number): string => parts[at] ?? "";
/** In brackets unless it is a single number, letter or bracket. */
const grouped = (part: string): string => (/^(?:[\p{L}\p{M}]|[\d.,]+|\(.*\))$/u.test(part) ? part : `(${part})`);

/** What an element's children do not say by themselves. */
const SHAPES: Readonly<Record<string, (parts: readonly string[]) => string>> = {
  mfrac: (parts) => `${grouped(one(parts, 0))}/${grouped(one(parts, 1))}`,
  msup: (parts) => `${one(parts, 0)}^${grouped(one(parts, 1))}`,
  msub: (parts) => `${one(parts, 0)}_${grouped(one(parts, 1))}`,
  msubsup: (parts) => `${one(parts, 0)}_${grouped(one(parts, 1))}^${grouped(one(parts, 2))}`,
  munder: (parts) => `${one(parts, 0)}_${grouped(one(parts, 1))}`,
  mover: (parts) => `${one(parts, 0)}^${grouped(one(parts, 1))}`,
  munderover: (parts) => `${one(parts, 0)}_${grouped(one(parts, 1))}^${grouped(one(parts, 2))}`,
  msqrt: (parts) => `√${grouped(parts.join(""))}`,
  mroot: (parts) => `${one(parts, 1)}√${grouped(one(parts, 0))}`,
  mtr: (parts) => `${parts.join(" ")} `,
};

/** A formula's text: its `alttext`, its annotation in TeX, or its symbols one after another. */
export function formulaText(math: Element): string {
  const given = math.getAttribute("alttext") ?? texOf(math);
  const text = given === null ? linear(math) : given.replace(/^\s*\{\\(?:display|text)style\b([^]*)\}\s*$/, "$1");
  return text.replace(/\s+/g, " ").trim();
}

function texOf(math: Element): string | null {
  const notes = [...math.getElementsByTagName("annotation")];
  return notes.find((note) => note.getAttribute("encoding") === "application/x-tex")?.textContent ?? null;
}

function linear(element: Element): string {
  const name = element.localName.toLowerCase();
  if (name === "annotation" || name === "annotation-xml") return "";
  const children = [...element.children];
  if (children.length === 0) return (element.textContent ?? "").trim();
  const parts = children
    .map(linear)
    .filter((part, i) => part !== "" || !/^annotation/i.test(children[i]?.localName ?? ""));
  return SHAPES[name]?.(parts) ?? parts.join("");
}

/** Replaces each formula of a page, with its other copies, by its text. */
export function flattenFormulas(page: Document): void {
  for (const math of page.querySelectorAll("math")) {
    let top: Element = math;
    for (let parent = top.parentElement; parent !== null && holdsOnly(parent, top); parent = top.parentElement)
      top = parent;
    const isDisplay = math.getAttribute("display") === "block";
    const text = page.createTextNode(` ${formulaText(math)} `.slice(isDisplay ? 0 : 1, isDisplay ? undefined : -1));
    top.replaceWith(text);
  }
}

/** Whether an inline element has nothing but a formula and other copies of it: pictures, and what is hidden from readers aloud. */
function holdsOnly(parent: Element, formula: Element): boolean {
  if (!/^(?:span|mjx-[\w-]+)$/i.test(parent.localName)) return false;
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    if (node !== formula && !isCopy(node)) return false;
  }
  return true;
}

function isCopy(node: Node): boolean {
  if (!isElement(node)) return node.nodeType !== 3 || (node.textContent ?? "").trim() === "";
  return node.localName === "img" || node.localName === "svg" || node.getAttribute("aria-hidden") === "true";
}
