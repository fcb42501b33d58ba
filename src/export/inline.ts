/** Texts of unknown origin within an HTML page. */

/** A text as HTML, within an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => names[character]);
}

/** JSON without `<`, so that it can neither close the script element around it nor open a comment in it. */
export const jsonInScript = (data: unknown): string => JSON.stringify(data).replaceAll("<", "\\u003c");
