/**
 * `word`: a token is a word, or one character that is neither part of a word nor white space. `"the LORD's,"` → `the`,
 * `LORD`, `'`, `s`, `,`. White space is dropped; decoding inserts spaces where English has them.
 */
import { scanWords } from "./characters.ts";
import type { VocabularyScheme } from "./vocabulary.ts";

/** Characters before which no space is written. Apostrophe and hyphen are in both sets: they join two words. */
export const CLOSING: ReadonlySet<string> = new Set("'’-.,:;!?…%)]}»”");
/** Characters after which no space is written. */
export const OPENING: ReadonlySet<string> = new Set("'’-([{«“¿¡$#@");

/** The `word` scheme. */
export const WORD: VocabularyScheme = { kind: "word", scan: scanWords, join: joinWords };

/** `["the", "LORD", "'", "s", "house", ",", "and"]` → `"the LORD's house, and"`. */
function joinWords(words: readonly string[]): string {
  let text = "";
  for (const [i, word] of words.entries()) {
    const hasSpace = i > 0 && !CLOSING.has(word) && !OPENING.has(words[i - 1]);
    text += hasSpace ? ` ${word}` : word;
  }
  return text;
}
