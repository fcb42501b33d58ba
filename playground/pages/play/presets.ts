/** The texts of the Play page, and the options that suit each: a verse is longer than a name. */
import type { ModelOptions } from "../../../src/index.ts";
import type { Presets } from "../../shell/link.ts";

/** Where the text comes from. */
export type TextChoice = "names" | "genesis" | "own";

const LONGER: ModelOptions = { blockSize: 64, nEmbd: 32, numSteps: 500, batchSize: 16 };

/** The options of each text that differ from the defaults; a link names the text. */
export const PRESETS: Readonly<Record<TextChoice, ModelOptions>> & Presets = {
  names: {},
  genesis: LONGER,
  own: LONGER,
};

/** The text that a link names; the names for any other. */
export const choiceOf = (preset: string | null): TextChoice =>
  preset === "genesis" || preset === "own" ? preset : "names";
