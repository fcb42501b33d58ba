/** Generated texts as a page shows them: each with its likeness to the documents. */
import { likenessOf } from "../../src/index.ts";
import type { Tokenizer } from "../../src/index.ts";
import type { Sample } from "./protocol.ts";

/** Compares texts with all documents. @param texts @param documents ids of each, without BOS. */
export function samplesOf(
  texts: readonly (readonly number[])[],
  documents: Iterable<ArrayLike<number>>,
  tokenizer: Tokenizer,
): Sample[] {
  return likenessOf(texts, documents, tokenizer).map(({ known, near }, i) => ({
    text: tokenizer.decode(texts[i]),
    likeness: known ? "copied" : near === null ? "new" : "near",
    resembles: near,
  }));
}
