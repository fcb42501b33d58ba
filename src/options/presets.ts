/**
 * Presets: sizes of a model, and how its text becomes documents, for four kinds of text; and a published recipe. A preset is options like any
 * other: what is typed counts more, and a run's config.json holds the result, not the preset's name.
 *
 * They were chosen by trials of a minute each (LOG.md, "Presets").
 */
import type { DocumentKind } from "../text/dataset.ts";
import { linesOf } from "../text/dataset.ts";
import type { TrainOptions } from "./train-options.ts";

/** Prose and poems; and what code and chats share with them. */
const BOOK: Partial<TrainOptions> = {
  tokenizer: "byte-bpe",
  documents: "paragraph",
  stream: true,
  nEmbd: 64,
  nHead: 4,
  nLayer: 2,
  blockSize: 64,
  batchSize: 32,
};

/** A preset's name. */
export type PresetName = "names" | "book" | "code" | "chat" | "nanogpt";

/** All presets, in the order of the help. */
export const PRESET_NAMES: readonly PresetName[] = ["names", "book", "code", "chat", "nanogpt"];

/** The options of each preset; what is not listed has its usual default. */
export const PRESETS: Readonly<Record<PresetName, Partial<TrainOptions>>> = {
  /** Names and other short lines: the reference's sizes, which are the defaults. */
  names: {},
  book: BOOK,
  /** Source files: as a book, with twice the context and each file as a document. */
  code: { ...BOOK, documents: "file", blockSize: 128, batchSize: 16 },
  /** Messages, one per line: a file is one document, since a message answers those before it. */
  chat: { ...BOOK, documents: "file", blockSize: 128, batchSize: 16 },
  /**
   * Tiny Shakespeare in characters, with the sizes and the schedule of nanoGPT's config/train_shakespeare_char.py, to compare with its
   * published loss of 1.4697; the architecture and Adam's constants are ours. Never chosen by a text.
   */
  nanogpt: {
    tokenizer: "char",
    documents: "file",
    stream: true,
    nEmbd: 384,
    nHead: 6,
    nLayer: 6,
    blockSize: 256,
    batchSize: 64,
    numSteps: 5000,
    learningRate: 0.001,
    warmupSteps: 100,
    schedule: "cosine",
    weightDecay: 0.1,
    dropout: 0.2,
    clipNorm: 1,
    evalInterval: 250,
  },
};

/** Options that say how large the model is. Where one of them is typed, no preset is chosen by the data. */
export const SIZES: readonly (keyof TrainOptions)[] = ["nEmbd", "nHead", "nLayer", "blockSize"];

/** Ends of the names of source files. */
const SOURCE_FILE =
  /\.(?:[cm]?[jt]sx?|py|rb|go|rs|c|h|cc|cpp|hpp|cs|java|kt|swift|php|sh|sql|lua|pl|r|jl|hs|ml|scala|clj|ex|erl|zig|css|vue)$/i;
/** `name: text`, with a time before it as messengers export it: `[09:12] Ada: hello`, `3/4/26, 9:12 - Ada: hello`. */
const MESSAGE = /^(?:\[[^\]]{1,30}\] ?|[\d/.,:-][\d/.,: -]{3,24}(?:[AP]M)?(?: - )?)?([^\s:][^:]{0,30}): \S/;
/** A name or a word: longer lines are rarely one. The defaults see the first 16 tokens. */
const SHORT_LINE = 24;
/** So many documents are enough to hold some out. */
const MIN_DOCUMENTS = 20;
/** Characters of each text that are looked at. */
const MAX_CHARACTERS = 65_536;

/** Counts what kind of text it is, in the beginnings of the texts. */
export class TextLook {
  #texts = 0;
  #sources = 0;
  #lines = 0;
  #short = 0;
  #messages = 0;
  #paragraphs = 0;
  #gaps = 0;
  readonly #speakers = new Map<string, number>();

  /** Looks at the beginning of a text. @param rows whether each chunk is a text of its own. */
  add(name: string, chunks: Iterable<string>, rows: boolean): void {
    this.#texts++;
    if (SOURCE_FILE.test(name.replace(/\.gz$/i, ""))) this.#sources++;
    const before = this.#lines;
    let isInside = false;
    for (const line of linesOf(beginningOf(chunks, rows))) {
      const isBlank = line.trim() === "";
      if (!isBlank && !isInside) {
        this.#paragraphs++;
        if (this.#lines > before) this.#gaps++;
      }
      isInside = !isBlank;
      if (!isBlank) this.#addLine(line.trim());
    }
  }

  #addLine(line: string): void {
    this.#lines++;
    if (line.length <= SHORT_LINE) this.#short++;
    const speaker = MESSAGE.exec(line)?.[1];
    if (speaker === undefined) return;
    this.#messages++;
    this.#speakers.set(speaker, (this.#speakers.get(speaker) ?? 0) + 1);
  }

  /** The preset that suits the texts, and why. */
  choose(): { readonly preset: PresetName; readonly why: string } {
    if (2 * this.#sources > this.#texts) return { preset: "code", why: "source files" };
    const again = this.#messages - this.#speakers.size; // lines of someone who spoke before
    if (this.#messages > 0.6 * this.#lines && again > 0.5 * this.#messages)
      return { preset: "chat", why: "lines of name: text" };
    // Also where there are no lines at all: what is wrong with the text is for its reader to say.
    if (this.#short >= 0.9 * this.#lines && this.#gaps <= 0.1 * this.#lines)
      return { preset: "names", why: "short lines" };
    return { preset: "book", why: this.#documents() === "paragraph" ? "paragraphs" : "long lines" };
  }

  /** The documents of a book: paragraphs, lines or whole files, the first of which there are enough. */
  #documents(): DocumentKind {
    if (this.#paragraphs >= MIN_DOCUMENTS) return "paragraph";
    return this.#lines >= MIN_DOCUMENTS ? "line" : "file";
  }

  /** The options of a preset for these texts. */
  optionsOf(preset: PresetName): Partial<TrainOptions> {
    return preset === "book" ? { ...PRESETS.book, documents: this.#documents() } : PRESETS[preset];
  }
}

function* beginningOf(chunks: Iterable<string>, rows: boolean): Generator<string, void, void> {
  let left = MAX_CHARACTERS;
  for (const chunk of chunks) {
    yield chunk.slice(0, left);
    if (rows) yield "\n\n";
    left -= chunk.length;
    if (left <= 0) return;
  }
}
