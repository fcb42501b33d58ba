/** Chooses the tokenizer, the sizes and the time for the texts of a training, and adds them to the options that were typed. */
import { measureSpeed } from "../library/machine-speed.ts";
import type { Machine } from "../library/machine.ts";
import type { TextSource } from "../node/text.ts";
import { mayChooseEngine, resolveOptions } from "../options/resolve.ts";
import { chooseSizes, MORE_TIME, passesIn } from "../options/sizing.ts";
import type { Expectation, SizedOptions, TextMeasure } from "../options/sizing.ts";
import type { TrainOptions } from "../options/train-options.ts";
import type { ExpectedResult } from "../options/resolve.ts";
import { measureText } from "../text/predictability.ts";
import { counted } from "./cleaning.ts";
import { duration, fileSize, grouped } from "./format.ts";
import { lookAt, mayChooseByText, merge, withNamedPreset, withPreset } from "./presets.ts";
import type { PresetRequest } from "./presets.ts";

/** Seconds of a training whose sizes are chosen, where no time is typed. */
const DEFAULT_SECONDS = 60;

/** The rules say nothing of texts with fewer characters. */
export const MIN_CHARACTERS = 1000;
/** Options of which a typed one is a choice of steps: then the sizes are a preset's. */
const STEPS: readonly (keyof TrainOptions)[] = ["numSteps", "tokens"];

/** The options of a training, and what is expected of it. */
export interface SizedTraining {
  /** With what was chosen. */
  readonly options: TrainOptions;
  /** What the rules expect; null where they chose nothing. */
  readonly expected: ExpectedResult | null;
}

/** Whether the sizes are chosen for a time: --auto is typed, or the text is the user's own and neither a size, nor steps, nor a preset is. */
export function choosesSizes(options: TrainOptions, { typed, preset, isAuto }: PresetRequest): boolean {
  if (isAuto) return true;
  return preset === null && mayChooseByText(options, typed) && !STEPS.some((key) => typed.has(key));
}

/** The options as far as they are known before the texts are read, for `checkTogether`: sizes that will be chosen contradict nothing. */
export function knownOptions(options: TrainOptions, request: PresetRequest): TrainOptions {
  const { typed } = request;
  const known = withNamedPreset(options, request);
  const isOpen = choosesSizes(options, request) && !(typed.has("nEmbd") && typed.has("nHead"));
  return isOpen ? { ...known, nEmbd: known.nHead } : known;
}

/** The options with the sizes that suit texts and time, or with those of a preset. @param say takes what was chosen. */
export async function withSizes(
  options: TrainOptions,
  request: PresetRequest,
  sources: readonly TextSource[],
  machine: Machine,
  say: (message: string) => void,
): Promise<SizedTraining> {
  const byPreset = (): SizedTraining => ({ options: withPreset(options, request, sources, say), expected: null });
  if (!choosesSizes(options, request)) return byPreset();
  const { typed } = request;
  const seconds = options.seconds ?? DEFAULT_SECONDS;
  const { text, documents } = textOf(sources, request);
  if (text.characters < MIN_CHARACTERS) return byPreset();
  const speed = await measureSpeed({ ...resolveOptions(options), seconds }, mayChooseEngine(options), machine);
  const given = givenOf(options, request);
  const sizing = chooseSizes(text, seconds * speed, given);
  const longer = chooseSizes(text, MORE_TIME * seconds * speed, given).expected.bitsPerByte;
  const used = Number((seconds * sizing.share).toPrecision(3));
  const passes = passesIn(text, sizing.options, used * speed);
  say(
    `chosen     ${describeText(sources)} in ${timeText(used)}, about ${passesText(passes)}: ${describeSizes(sizing.options)}`,
  );
  say(`expected   ${describeExpected(sizing.expected)}`);
  const chosen = merge(options, { ...documents, ...sizing.options }, typed);
  // Steps or tokens that are typed say how long the training is.
  const time = STEPS.some((key) => typed.has(key)) ? {} : { seconds: used };
  return { options: { ...chosen, ...time }, expected: { ...sizing.expected, seconds, longer } };
}

/** The options that were typed. */
export const givenOf = (options: TrainOptions, { typed }: PresetRequest): Partial<TrainOptions> =>
  Object.fromEntries(Object.entries(options).filter(([key, value]) => typed.has(key) && value !== null));

/** `1.1 MB`. */
const describeText = (sources: readonly TextSource[]): string =>
  fileSize(sources.reduce((sum, { size }) => sum + size, 0));

/** `0.3 s`, `1 min`, `2m30s`, `1 h`. */
export function timeText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : duration(seconds);
}

const passesText = (passes: number): string =>
  passes >= 1.5 ? `${Math.round(passes)} passes` : passes >= 0.95 ? "one pass" : `${passes.toFixed(1)} of a pass`;

/** `byte-bpe with 2,000 merges, 64 wide, 2 layers, …`. */
export function describeSizes(sizes: SizedOptions): string {
  const { tokenizer, bpeMerges, nEmbd, nLayer, blockSize, batchSize, learningRate, dropout, weightDecay } = sizes;
  const isMerged = tokenizer === "bpe" || tokenizer === "byte-bpe";
  return [
    isMerged ? `${tokenizer} with ${grouped(bpeMerges)} merges` : tokenizer,
    `${nEmbd} wide`,
    counted(nLayer, "layer"),
    `block ${blockSize}`,
    `batch ${batchSize}`,
    `learning rate ${learningRate}`,
    ...(dropout > 0 ? [`dropout ${dropout}`] : []),
    ...(weightDecay > 0 ? [`weight decay ${weightDecay}`] : []),
  ].join(", ");
}

/** `1.96 bits per byte (1.85 to 2.08)`. */
export const describeExpected = ({ bitsPerByte, low, high }: Expectation): string =>
  `${bitsPerByte.toFixed(2)} bits per byte (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** What the rules need to know of the texts, and how they become documents. */
export function textOf(
  sources: readonly TextSource[],
  { preset }: PresetRequest,
): { readonly text: TextMeasure; readonly documents: Partial<TrainOptions> } {
  const look = lookAt(sources);
  const name = preset ?? look.choose().preset;
  const { documents = "line", stream = false } = look.optionsOf(name);
  return { text: { ...measureText(sources), isNames: name === "names" }, documents: { documents, stream } };
}
