/** What the page says of its model, of the marks, and of what the file contains. */
import type { PageData, PageMarks } from "../../src/export/page.ts";
import { byId, make } from "./elements.ts";

/** Describes the model that is in the page. */
export function describeModel({ facts, marks }: Extract<PageData, { kind: "model" }>): void {
  byId("about-section", HTMLElement).hidden = false;
  byId("facts", HTMLElement).replaceChildren(
    ...facts.map(([what, value]) => make("div", {}, make("dt", {}, what), make("dd", {}, value))),
  );
  const legend = byId("legend", HTMLParagraphElement);
  legend.hidden = false;
  legend.textContent = legendOf(marks);
  byId("contents", HTMLParagraphElement).textContent =
    "This file contains the weights, the tokenizer and these lines. The texts that the model was trained on are not in it" +
    (typeof marks === "string"
      ? "."
      : "; for the marks it has hashes of them, in which a text that one knows can be looked up.") +
    " A model can repeat passages of its data, so the terms of the data apply to it.";
}

function legendOf(marks: PageMarks): string {
  if (typeof marks === "string") return `Copies are not marked: ${marks}.`;
  const { maxEdited, runTokens } = marks;
  const near = [
    ...(maxEdited > 0 ? [`a text of at most ${maxEdited} characters that is one character away from a document`] : []),
    ...(runTokens === null ? [] : [`${runTokens} tokens in a row from one document`]),
  ];
  const nearly = near.length === 0 ? "Near copies are not looked for." : `Near copy: ${near.join(", or ")}.`;
  return `Copied: the text is a document of the data. ${nearly} The marks come from hashes: of a hundred new texts, fewer than one is marked by mistake.`;
}
