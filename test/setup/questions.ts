import { flagOf, TRAIN_OPTIONS } from "../../src/options/config.ts";

/** Options with one value that do not apply to a plain file, or to the engine that "auto" is. */
const NOT_ASKED = ["url-file", "field", "cache-dir", "keep-c"];

/** What `--interactive` asks of a file that was typed, in order: the preset, and after "more" each option that applies. */
export const questionsOf = ({ bpe }: { readonly bpe: boolean }): readonly string[] => [
  "preset",
  "more",
  ...Object.entries(TRAIN_OPTIONS)
    .filter(([, { placeholder }]) => placeholder !== "" && !placeholder.endsWith("…"))
    .map(([key]) => flagOf(key).slice(2))
    .filter((name) => !NOT_ASKED.includes(name) && (bpe || name !== "bpe-merges")),
];
