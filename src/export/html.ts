/**
 * One HTML file: the page of `playground/model-page/` with a model in it, which opens from the disk and asks nobody. The
 * file is what `Model.save` writes, in base64; beside it are a few lines on the model and hashes of its data, by which the
 * page marks copies.
 */
import { encodeParts } from "../library/model.ts";
import { countParameters } from "../training/engine.ts";
import { packMarks, runTokens } from "../text/text-marks.ts";
import type { TextMarks } from "../text/text-marks.ts";
import { toBase64 } from "./base64.ts";
import { count, factsOf } from "./card.ts";
import { bytesOf } from "./model.ts";
import type { ExportedModel, Format } from "./model.ts";
import { portableOptions } from "./own.ts";
import { fillPage } from "./page.ts";
import type { PageMarks } from "./page.ts";

/** Bytes of the hashes before base64: with them, the page without weights has at most 200 KB. */
const MARKS_BYTES = 40_000;

/** 32-bit floats. Above, a page has more than a quarter of a gigabyte, and a browser holds it several times. */
const MAX_PARAMETERS = 50_000_000;

/** The format. */
export const html: Format = {
  output: { kind: "file", ending: ".html" },
  help: "one page with the model in it, which opens from the disk in any browser, without a network",
  refusals(model) {
    model.page(); // where it is not built, nothing is written
    const parameters = countParameters(model.config);
    return parameters <= MAX_PARAMETERS
      ? []
      : [
          `a page holds at most ${count(MAX_PARAMETERS)} parameters, got ${count(parameters)}; use --to pytorch, or microgpt serve`,
        ];
  },
  async files(model) {
    const weights = await encodeParts({ ...model, options: portableOptions(model) });
    const plain = (text: string): string => text;
    const facts = factsOf(model, { text: plain, code: plain });
    const data = { kind: "model", facts, marks: await marksOf(model) } as const;
    const page = fillPage(model.page(), model.name, data, toBase64(weights));
    return new Map([[`${model.name}.html`, bytesOf(page)]]);
  },
};

async function marksOf(model: ExportedModel): Promise<PageMarks> {
  const documents = await model.documents();
  if (typeof documents === "string") return documents;
  const marks = packMarks(documents, model.tokenizer, model.config.blockSize, MARKS_BYTES);
  return marks === null ? "the data is too large for its hashes to fit into the page" : packed(marks, model);
}

const packed = (marks: TextMarks, { tokenizer }: ExportedModel): PageMarks => {
  const { bytes, ...filter } = marks.filter;
  return { ...marks, filter: { ...filter, base64: toBase64(bytes) }, runTokens: runTokens(marks, tokenizer) };
};
