/** Errors and warnings of the library as sentences for a visitor, who sees fields and knows no flags. */

/**
 * Options by the names of their fields.
 * @example
 * withFieldNames("give more, or hold nothing out (--val-fraction 0)"); // "give more, or hold nothing out (val-fraction 0)"
 */
export const withFieldNames = (sentence: string): string => sentence.replaceAll(/(?<![\w-])--(?=[a-z])/g, "");

/** What an error says, whatever was thrown. */
export const sentenceOf = (error: unknown): string =>
  withFieldNames(error instanceof Error ? error.message : String(error));
