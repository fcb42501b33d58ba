/** The options of `microgpt resume` that make a training longer: rows of the table of `train`, with another meaning. */
import { TRAIN_OPTIONS } from "./config.ts";
import { orNull } from "./values.ts";
import type { Table } from "./config.ts";
import type { ExtendOptions } from "./train-options.ts";

const { numSteps, tokens, seconds } = TRAIN_OPTIONS;

/** How long a resumed training is to be. */
export const EXTEND_OPTIONS: Table<ExtendOptions> = {
  numSteps: orNull({ ...numSteps, help: "extend the training to this many steps in total, or end it earlier" }),
  tokens: { ...tokens, help: "train on about this many more tokens" },
  seconds: { ...seconds, help: "train for about this many more seconds" },
};
