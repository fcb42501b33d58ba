/**
 * `char`: a character (Unicode code point) is a token. `["ab", "ba!"]` → `!` 0, `a` 1, `b` 2, BOS 3.
 */
import type { Tokenizer } from "../tokenizer.ts";
import { scanCharacters } from "./characters.ts";
import { vocabularyTrainer } from "./vocabulary.ts";
import type { VocabularyScheme } from "./vocabulary.ts";

/** Characters as tokens. */
export const CHAR: VocabularyScheme = { kind: "char", scan: scanCharacters, join: (tokens) => tokens.join("") };

/** All characters of the documents. */
export function charTokenizer(documents: Iterable<string>): Tokenizer {
  const trainer = vocabularyTrainer(CHAR, { vocabSize: null, unk: false });
  for (const document of documents) trainer.add(document);
  return trainer.finish();
}
