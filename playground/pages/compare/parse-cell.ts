/** Checks what a visitor typed into a cell of the runs with the option table, as the command checks its flags. */
import { TRAIN_OPTIONS } from "../../../src/index.ts";
import { sentenceOf } from "../../run/sentence.ts";
import type { OptionKey } from "../../widgets/option-fields.ts";
import { nameOf } from "./plan.ts";

/** What a visitor typed, checked. */
export type Parsed =
  /** The value; undefined: that of all runs. */
  | { readonly type: "value"; readonly value: unknown }
  /** What is wrong with it, in a sentence. */
  | { readonly type: "wrong"; readonly message: string };

/** Reads an option's text. An empty one is the value that all runs share. */
export function parseCell(key: OptionKey, text: string): Parsed {
  if (text.trim() === "") return { type: "value", value: undefined };
  try {
    return { type: "value", value: TRAIN_OPTIONS[key].parse(text.trim(), nameOf(key)) };
  } catch (error) {
    return { type: "wrong", message: sentenceOf(error) };
  }
}
