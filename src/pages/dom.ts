/** What the files about a page's tree share. */

/** Whether a node is an element, rather than text or a comment. */
export const isElement = (node: Node | null | undefined): node is Element => node?.nodeType === 1;

/** An element's text, with white space as a browser shows it. */
export const shownText = (element: Node): string => (element.textContent ?? "").replace(/\s+/g, " ").trim();
