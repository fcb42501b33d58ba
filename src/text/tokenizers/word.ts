/**
 * `word`: a word, or one character that is neither of a word nor a space, is a token. `"the LORD's,"` → `the`, `LORD`,
 * `'`, `s`, `,`. Spaces are not kept; decoding puts them back where English has them.
 */
import { scanWords } from "./characters.ts";
import type { VocabularyScheme } from "./vocabulary.ts";

/** No space before these, none after those; an apostrophe or a hyphen stands within a word. */
export const CLOSING: ReadonlySet<string> = new Set("'’-.,:;!?…%)]}»”");
/** Characters after which no space is written. */
export const OPENING: ReadonlySet<string> = new Set("'’-([{«“¿¡$#@");

/** Words and signs as tokens. */
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
