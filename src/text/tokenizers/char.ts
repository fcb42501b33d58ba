/**
 * `char`: a character (Unicode code point) is a token. `["ab", "ba!"]` → `!` 0, `a` 1, `b` 2, BOS 3.
 */
import type { Tokenizer } from "../tokenizer.ts";
import { scanCharacters } from "./characters.ts";
import { wholeTrainer } from "./whole.ts";
import type { WholeKind } from "./whole.ts";

export const CHAR: WholeKind = { kind: "char", scan: scanCharacters, join: (tokens) => tokens.join("") };

/** All characters of the documents. */
export function charTokenizer(documents: Iterable<string>): Tokenizer {
  const trainer = wholeTrainer(CHAR, { vocabSize: null, unk: false });
  for (const document of documents) trainer.add(document);
  return trainer.finish();
}
