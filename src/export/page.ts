/**
 * The page of a model: one HTML file with the client's script and style in it, built from `playground/model-page/`, and the
 * data that is put into it: an exported model, or that a server answers. Names and texts are untrusted; they come as JSON,
 * in which nothing can close the element around it, or escaped.
 */
import type { TextMarks } from "../text/text-marks.ts";
import { escapeHtml, jsonInScript } from "./inline.ts";

/** What the page is for. */
export type PageData =
  | { readonly kind: "model"; readonly facts: readonly Fact[]; readonly marks: PageMarks }
  | { readonly kind: "server" };

/** A line on the model. */
export type Fact = readonly [what: string, value: string];

/** The hashes of the data, with the filter's bytes in base64; a text: why there are none, for the reader of the page. */
export type PageMarks =
  | (Omit<TextMarks, "filter"> & {
      readonly filter: Omit<TextMarks["filter"], "bytes"> & { readonly base64: string };
      /** As `runTokens`. */
      readonly runTokens: number | null;
    })
  | string;

/** What the built page has in place of what is filled in, and what it ends with: a page cut short lacks it. */
const PLACEHOLDERS = ["TITLE", "DATA", "WEIGHTS", "CONNECT"] as const;
const END = "</html>";

/** Whether a text is a whole page that `fillPage` can fill. */
export const isTemplate = (text: string): boolean =>
  text.trimEnd().endsWith(END) && PLACEHOLDERS.every((name) => text.includes(`%${name}%`));

/** Fills the built page. @param weights the model's file in base64; empty for a server. */
export function fillPage(template: string, title: string, data: PageData, weights: string): string {
  const values: Readonly<Record<(typeof PLACEHOLDERS)[number], string>> = {
    TITLE: escapeHtml(title),
    DATA: jsonInScript(data),
    WEIGHTS: weights,
    CONNECT: data.kind === "server" ? "'self'" : "'none'",
  };
  const placeholders = new RegExp(`%(${PLACEHOLDERS.join("|")})%`, "g");
  return template.replace(placeholders, (_, name: keyof typeof values) => values[name]);
}
