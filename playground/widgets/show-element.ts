/**
 * Brings an element into view: gliding, or at once where the visitor wants less motion.
 * @param block "start": at the top; "nearest": by as little as possible, not at all if it is in view.
 */
export function showElement(element: Element, block: "start" | "nearest" = "start"): void {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  element.scrollIntoView({ behavior, block });
}
