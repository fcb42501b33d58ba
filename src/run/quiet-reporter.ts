/** A reporter that says nothing: of every rank but the first. */
import type { Reporter } from "./reporter.ts";

const nothing = (): void => {};

/** Says nothing. */
export const quietReporter: Reporter = {
  reading: nothing,
  merge: nothing,
  page: nothing,
  begin: nothing,
  step: nothing,
  milestone: nothing,
  overfitting: nothing,
  exploding: nothing,
  stuck: nothing,
  skipped: nothing,
  saved: nothing,
  result: nothing,
  samples: nothing,
  completion: nothing,
  nextTokens: nothing,
  warn: nothing,
  note: nothing,
};
