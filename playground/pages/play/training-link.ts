/** The address of a training: a link that trains the same model. What an address may hold, `shell/link.ts` decides. */
import { TRAIN_OPTIONS } from "../../../src/index.ts";
import type { RunRequest } from "../../run/protocol.ts";
import { differences, writeLink } from "../../shell/link.ts";
import { PRESETS } from "./presets.ts";
import type { TextChoice } from "./presets.ts";

/** What was trained, and on which text. */
export interface Trained {
  readonly choice: TextChoice;
  readonly request: RunRequest;
}

/**
 * The address below the page's own. Throws InputError if the text is too long for one.
 * @param withText whether to put the visitor's own text into it.
 */
export function hashOf({ choice, request: { texts, options } }: Trained, withText: boolean): string {
  const parameters = writeLink({
    preset: choice,
    options: differences(options, choice, PRESETS),
    seed: options.seed ?? TRAIN_OPTIONS.seed.initial,
    view: {},
    text: choice === "own" && withText ? texts.join("\n") : null,
  });
  return `#/play?${parameters.toString()}`;
}
