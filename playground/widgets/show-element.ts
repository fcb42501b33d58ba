/** Brings an element into view: gliding, or at once where the visitor wants less motion. */
export function showElement(element: Element): void {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  element.scrollIntoView({ behavior, block: "start" });
}
