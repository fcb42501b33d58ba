/** What cleaning did to the texts, as a sentence. */
import type { Cleaning } from "../text/corpus.ts";
import { grouped } from "./format.ts";

/** What cleaning did, as a list of clauses; `""` for nothing. */
export function cleaningText(cleaning: Cleaning): string {
  const {
    replaced,
    controls,
    marks,
    invisible,
    normalized,
    tooShort,
    tooLong,
    gutenberg,
    gutenbergCharacters,
    encodings,
  } = cleaning;
  const parts = [
    replaced > 0 ? `${counted(replaced, "invalid character")} replaced by \ufffd` : "",
    controls > 0 ? `${counted(controls, "control character")} removed` : "",
    marks > 0 ? `${counted(marks, "byte order mark")} removed` : "",
    invisible > 0 ? `${counted(invisible, "line")} of invisible characters emptied` : "",
    normalized > 0 ? `${counted(normalized, "document")} normalized` : "",
    tooShort > 0 ? `${counted(tooShort, "document")} too short` : "",
    tooLong > 0 ? `${counted(tooLong, "document")} too long` : "",
    gutenberg > 0
      ? `Project Gutenberg's licence cut from ${counted(gutenberg, "book")} (${counted(gutenbergCharacters, "character")})`
      : "",
    ...[...encodings].map(([encoding, texts]) => `${counted(texts, "text")} read as ${encoding}`),
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** `1 window`, `7,563 documents`. */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
