/** What a chapter of the tour is: data, which `chapter-view.ts` shows and a test reads. */

/** A piece of `src/microgpt.ts`, by words in its first line and in the first line after it: line numbers would drift. */
export interface Excerpt {
  /** Occurs on one line only. */
  readonly from: string;
  /** The first line after `from` that has it is not part of the piece; null: up to the end. */
  readonly until: string | null;
}

/** A possible answer. */
export interface Answer {
  readonly text: string;
  readonly isRight: boolean;
  /** Why it is right or not; shown with the reveal. */
  readonly why: string;
}

/** What the reader predicts before the chapter says it. */
export interface Question {
  readonly text: string;
  /** Two to four, exactly one of them right. */
  readonly answers: readonly Answer[];
}

/** A chapter. In prose, `code` is between backticks and emphasis between asterisks. */
export interface Chapter {
  /** Its address: `#/learn/NAME`. */
  readonly name: string;
  readonly title: string;
  /** One sentence for the list of chapters. */
  readonly summary: string;
  /** Paragraphs before the question. */
  readonly before: readonly string[];
  readonly question: Question;
  /** What to try in the widget. */
  readonly task: string;
  /** The custom element of the widget. */
  readonly widget: `mg-${string}`;
  /** Loads the widget's module. */
  readonly load: () => Promise<unknown>;
  /** Paragraphs after the widget, beside the source. */
  readonly after: readonly string[];
  readonly excerpts: readonly Excerpt[];
}
