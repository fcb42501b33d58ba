/**
 * What was done to the texts before they were learnt, counted, and in words.
 */
import type { CleaningCounts, Corpus } from "../text/corpus.ts";
import type { TextSource } from "../node/text.ts";
import { grouped } from "./format.ts";

export interface Cleaning extends CleaningCounts {
  /** Places that were no characters of their text's encoding. */
  readonly replaced: number;
  /** The encodings that were not UTF-8, and how many texts had each. */
  readonly encodings: ReadonlyMap<string, number>;
}

/** After a pass over the corpus of these sources. */
export function cleaningOf(corpus: Corpus, sources: readonly TextSource[]): Cleaning {
  const encodings = new Map<string, number>();
  for (const { encoding } of sources) {
    if (encoding !== "utf-8") encodings.set(encoding, (encodings.get(encoding) ?? 0) + 1);
  }
  return { ...corpus.counts, replaced: sources.reduce((sum, source) => sum + source.replaced, 0), encodings };
}

/** What was done to the text, `""` if nothing was. */
export function cleaningText(cleaning: Cleaning): string {
  const { replaced, controls, normalized, tooShort, tooLong, gutenberg, encodings } = cleaning;
  const parts = [
    replaced > 0
      ? `${counted(replaced, "place")} that ${replaced === 1 ? "was" : "were"} no character (now \ufffd)`
      : "",
    controls > 0 ? `${counted(controls, "control character")} removed` : "",
    normalized > 0 ? `${counted(normalized, "document")} normalized` : "",
    tooShort > 0 ? `${counted(tooShort, "document")} too short` : "",
    tooLong > 0 ? `${counted(tooLong, "document")} too long` : "",
    gutenberg > 0 ? `Project Gutenberg's licence cut from ${counted(gutenberg, "text")}` : "",
    ...[...encodings].map(([encoding, texts]) => `${counted(texts, "text")} read as ${encoding}`),
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** `1 window`, `7,563 documents`. */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
