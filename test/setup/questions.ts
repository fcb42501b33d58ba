import { flagOf, TRAIN_OPTIONS } from "../../src/options/config.ts";

/** What `--interactive` asks for, in order: every option that has one value. */
export const QUESTIONS: readonly string[] = Object.entries(TRAIN_OPTIONS)
  .filter(([, { placeholder }]) => placeholder !== "" && !placeholder.endsWith("…"))
  .map(([key]) => flagOf(key).slice(2));
