import { Corpus } from "../../src/text/corpus.ts";
import type { CleaningCounts, CorpusOptions, Source } from "../../src/text/corpus.ts";

export const OPTIONS: CorpusOptions = {
  documents: "line",
  nfc: false,
  minLength: null,
  maxLength: null,
  reference: false,
};

export const source = (...chunks: string[]): Source => ({ name: "a text", mayBeEmpty: false, chunks: () => chunks });

export interface Read {
  readonly documents: string[];
  readonly counts: Readonly<CleaningCounts>;
}

/** The documents of texts, and what cleaning counted. */
export function read(text: string | readonly Source[], options: Partial<CorpusOptions> = {}): Read {
  const corpus = new Corpus(typeof text === "string" ? [source(text)] : text, { ...OPTIONS, ...options });
  return { documents: [...corpus.read()], counts: corpus.counts };
}

/** Nothing changed or dropped, except `some`. */
export const counts = (some: Partial<CleaningCounts> = {}): CleaningCounts => ({
  controls: 0,
  marks: 0,
  invisible: 0,
  normalized: 0,
  tooShort: 0,
  tooLong: 0,
  gutenberg: 0,
  gutenbergCharacters: 0,
  ...some,
});
