/**
 * `char`: a token is a character (Unicode code point). `["ab", "ba!"]` → `!` 0, `a` 1, `b` 2, BOS 3.
 */
import type { Tokenizer } from "../tokenizer.ts";
import { scanCharacters } from "./characters.ts";
import { vocabularyTrainer } from "./vocabulary.ts";
import type { VocabularyScheme } from "./vocabulary.ts";

/** The `char` scheme. */
export const CHAR: VocabularyScheme = { kind: "char", scan: scanCharacters, join: (tokens) => tokens.join("") };

/** A tokenizer of all characters of the documents, without `<unk>`. */
export function charTokenizer(documents: Iterable<string>): Tokenizer {
  const trainer = vocabularyTrainer(CHAR, { vocabSize: null, unk: false });
  for (const document of documents) trainer.add(document);
  return trainer.finish();
}
