/** The page's elements. Everything is inserted as text: names, tokens and texts are untrusted. */

/** An element of the page. Throws Error if it is missing or of another kind. */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`model page: there is no #${id}`);
}

/** Creates an element with attributes and children; strings become text. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** `0.1234` → `12.3 %`. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
