/** The little markup of the chapters: `code`, *emphasis*, [links](#/of/the/site). */
import { html } from "lit";
import type { TemplateResult } from "lit";

/** A stretch of prose. */
export interface Span {
  readonly kind: "text" | "code" | "emphasis" | "link";
  readonly text: string;
  /** A link's address, within the site; "" for other kinds. */
  readonly href: string;
}

/** Divides a paragraph into spans. */
export function spansOf(paragraph: string): readonly Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const match of paragraph.matchAll(/`([^`]+)`|\*([^*]+)\*|\[([^\]]+)\]\((#\/[^)]*)\)/g)) {
    const [all, code, emphasis, label, href = ""] = match;
    if (match.index > end) spans.push({ kind: "text", text: paragraph.slice(end, match.index), href: "" });
    const kind = code !== undefined ? "code" : emphasis !== undefined ? "emphasis" : "link";
    spans.push({ kind, text: code ?? emphasis ?? label, href });
    end = match.index + all.length;
  }
  if (end < paragraph.length) spans.push({ kind: "text", text: paragraph.slice(end), href: "" });
  return spans;
}

/** A paragraph's content as it is shown. */
export const prose = (paragraph: string): readonly TemplateResult[] => spansOf(paragraph).map((span) => shown(span));

function shown({ kind, text, href }: Span): TemplateResult {
  switch (kind) {
    case "text":
      return html`${text}`;
    case "code":
      return html`<code>${text}</code>`;
    case "emphasis":
      return html`<em>${text}</em>`;
    case "link":
      return html`<a href=${href}>${text}</a>`;
    default:
      return kind satisfies never;
  }
}
