/**
 * `word`: a token is a word, or one character that is neither part of a word nor white space. `"the LORD's,"` → `the`,
 * `LORD`, `'`, `s`, `,`. White space is dropped; decoding inserts spaces where English has them (`spacing.ts`), or where
 * the reference has them.
 */
import { scanWords } from "./characters.ts";
import { joinEnglish } from "./spacing.ts";
import type { VocabularyScheme } from "./vocabulary.ts";

/** Characters before which the reference writes no space. Apostrophe and hyphen are in both sets: they join two words. */
export const CLOSING: ReadonlySet<string> = new Set("'’-.,:;!?…%)]}»”");
/** Characters after which it writes no space. */
export const OPENING: ReadonlySet<string> = new Set("'’-([{«“¿¡$#@");

/** The `word` scheme. */
export const WORD: VocabularyScheme = { kind: "word", scan: scanWords, join: joinEnglish };

/** The same tokens with the reference's spacing: straight quotes have a space on both sides. */
export const REFERENCE_WORD: VocabularyScheme = { kind: "word", scan: scanWords, join: joinAsReference };

/** `["the", "LORD", "'", "s", "house", ",", "and"]` → `"the LORD's house, and"`. */
function joinAsReference(words: readonly string[]): string {
  let text = "";
  for (const [i, word] of words.entries()) {
    const hasSpace = i > 0 && !CLOSING.has(word) && !OPENING.has(words[i - 1]);
    text += hasSpace ? ` ${word}` : word;
  }
  return text;
}
