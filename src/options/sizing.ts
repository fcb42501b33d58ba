/**
 * Which model suits a text and a time: rules that were fitted to the trials of a study (docs/sizing.md, `bench/sizing/`). Seconds
 * are those of the study's machine; another machine's are converted by its speed (`library/machine-speed.ts`).
 */
import type { Config } from "../microgpt.ts";
import type { TrainOptions } from "./train-options.ts";

/** What is known of a text before it is read. */
export interface TextMeasure {
  /** Characters in all. */
  readonly characters: number;
  /** Bits per byte, by `contextBits`. */
  readonly contextBits: number;
  /** Whether its documents are names or other short lines. */
  readonly isNames: boolean;
}

/** Of so many times the seconds it is said what would be expected. */
export const MORE_TIME = 3;
/** More time that gains less than this fraction of the bits does not pay. */
export const MIN_GAIN = 0.01;

/** Bits per byte of held-out text that a training will reach; two of three texts of the study are within the bounds. */
export interface Expectation {
  /** The likeliest. */
  readonly bitsPerByte: number;
  /** The lower bound. */
  readonly low: number;
  /** The upper bound. */
  readonly high: number;
}

/** The options that the rules decide. */
export interface SizedOptions extends Pick<
  TrainOptions,
  "tokenizer" | "bpeMerges" | "nEmbd" | "nHead" | "nLayer" | "blockSize" | "learningRate" | "dropout" | "weightDecay"
> {
  /** Documents, or windows, per batch. */
  readonly batchSize: number;
}

/** A choice for a text and a time. */
export interface Sizing {
  /** What was chosen. */
  readonly options: SizedOptions;
  /** The part of the time that is used, above 0 to 1: a short text would be learnt by heart in all of it. */
  readonly share: number;
  /** What it will reach. */
  readonly expected: Expectation;
}

/** The study's machine has two cores, which together train 1.8 times as fast as one. */
const CORES = 1.8;

/**
 * Microseconds per token on the study's machine, forward, backward and Adam: terms for the products of the layers and of the
 * head, for the other operations on a row, for attention, and for the softmax. Fitted to 32 shapes, from which it differs by 14 % at
 * most.
 */
export function microsecondsPerToken({
  vocabSize,
  nEmbd,
  nLayer,
  blockSize,
}: Pick<Config, "vocabSize" | "nEmbd" | "nLayer" | "blockSize">): number {
  const rows = nLayer * nEmbd;
  const products = 6.8e-5 * 12 * rows * nEmbd + 7.5e-5 * vocabSize * nEmbd;
  return (products + 0.0104 * rows + 9.3e-5 * rows * blockSize + 7.6e-4 * vocabSize) / CORES;
}

/** Values that are tried by the study; the rules choose among them. */
const WIDTHS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384];
const DEPTHS = [1, 2, 3, 4, 6];
const MERGES = [100, 250, 500, 1000, 2000, 4000, 8000];
const BLOCKS = [16, 32, 64, 128, 256];
const BATCHES = [4, 8, 16, 32, 64, 128];
const RATES = [0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02];
const DROPOUTS = [0, 0.1, 0.2, 0.3, 0.4];
const DECAYS = [0, 0.3, 1, 3];

/** Numbers per head. */
const HEAD = 16;

/** A power law: value · (seconds / 10)^seconds · (characters / 10⁶)^characters · passes^passes · progressOf(…)^progress. */
interface Law {
  readonly value: number;
  readonly seconds?: number;
  readonly characters?: number;
  readonly passes?: number;
  readonly progress?: number;
}

/** Where the progress of a training is 1/2, and how long a text makes a difference to it, in millions of characters. */
const [HALF, LONG] = [0.5, 4];

/**
 * How much a training has learnt of what its text can teach, 0 to 1: near 1, more time changes hardly anything. Passes grow more slowly than
 * the time, because a longer training has a larger model.
 */
export function progressOf({ seconds, characters }: { readonly seconds: number; readonly characters: number }): number {
  const passes = (seconds / 10) ** 0.6 / Math.min(characters / 1e6, LONG);
  return passes ** 2 / (passes ** 2 + HALF);
}

/** Where a law is evaluated: the time of the training, the text, and how often it is learnt. */
interface Place {
  readonly seconds: number;
  readonly characters: number;
  readonly passes: number;
}

const at = (law: Law, { seconds, characters, passes }: Place): number =>
  law.value *
  (seconds / 10) ** (law.seconds ?? 0) *
  (characters / 1e6) ** (law.characters ?? 0) *
  passes ** (law.passes ?? 0) *
  progressOf({ seconds, characters }) ** (law.progress ?? 0);

/** The listed value that is nearest in ratio; 0 stands for half of the smallest other one. */
function nearest(values: readonly number[], wanted: number): number {
  const positive = (value: number): number => (value === 0 ? values[1] / 2 : value);
  const distance = (value: number): number => Math.abs(Math.log(positive(value) / wanted));
  return values.toSorted((a, b) => distance(a) - distance(b))[0];
}

/** Heads of about 16 numbers that divide the width. */
export function headsFor(nEmbd: number): number {
  let heads = Math.max(1, Math.round(nEmbd / HEAD));
  while (nEmbd % heads !== 0) heads--;
  return heads;
}

/** Characters per token of byte pairs, in texts with an alphabet. */
export const charactersPerToken = (merges: number): number => (merges < 32 ? 1 : 1.93 + 0.33 * Math.log2(merges / 250));

/** The rules of one kind of text. */
interface Laws {
  readonly bpeMerges: Law;
  readonly nEmbd: Law;
  readonly nLayer: Law;
  readonly blockSize: Law;
  readonly batchSize: Law;
  readonly learningRate: Law;
  readonly weightDecay: Law;
  readonly dropout: Law;
  /** Passes after which more time does not help. */
  readonly mostPasses: Law;
  /** Bits per byte that are reached, over `contextBits`. */
  readonly ratio: Law;
}

/** Of a text that is learnt in byte pairs. */
const TEXT_LAWS: Laws = {
  bpeMerges: { value: 3190, seconds: 0.046, characters: 0.485 },
  nEmbd: { value: 67, seconds: 0.22 },
  nLayer: { value: 1.64, seconds: 0.203 },
  blockSize: { value: 27, seconds: 0.084 },
  batchSize: { value: 16 },
  learningRate: { value: 0.0077, seconds: -0.104 },
  // These two by hand: of two texts that are learnt equally often, the shorter needs more.
  weightDecay: { value: 0.168, passes: 0.35, characters: -0.25 },
  dropout: { value: 0.0245, passes: 0.8, characters: -0.25 },
  mostPasses: { value: 30 },
  ratio: { value: 0.856, progress: -0.136 },
};

/** Of names, in characters. */
const NAMES_LAWS: Laws = {
  ...TEXT_LAWS,
  nEmbd: { value: 77, seconds: 0.25 },
  nLayer: { value: 2.1, seconds: 0.03 },
  blockSize: { value: 30 },
  batchSize: { value: 64 },
  learningRate: { value: 0.0064 },
  weightDecay: { value: 0.1 },
  dropout: { value: 0.12 },
  mostPasses: { value: 25 },
  ratio: { value: 0.71 },
};

/** The bounds of an expectation, as factors. */
const SPREAD = 1.08;

/** Times that are looked at for where a text is learnt often enough: powers of this, down to about a millisecond. */
const TIME_STEP = 1.05;
const MIN_TIME_STEP = -140;

/**
 * The options that suit a text and a time. What is given is kept; the rest follows.
 * @param seconds on the study's machine.
 */
export function chooseSizes(text: TextMeasure, seconds: number, given: Partial<TrainOptions> = {}): Sizing {
  const laws = text.isNames ? NAMES_LAWS : TEXT_LAWS;
  const characters = Math.max(1, text.characters);
  const sizesIn = (used: number): SizedOptions => sizesAt(laws, { seconds: used, characters, passes: 1 }, text, given);
  const passesOf = (used: number): number => passesIn(text, sizesIn(used), used);
  const most = at(laws.mostPasses, { seconds, characters, passes: 1 });
  const whole = Math.floor(Math.log(seconds) / Math.log(TIME_STEP));
  let step = whole;
  while (step > MIN_TIME_STEP && passesOf(TIME_STEP ** step) > most) step--;
  const used = step === whole ? seconds : TIME_STEP ** step;
  const place = { seconds: used, characters, passes: Math.max(1, passesOf(used)) };
  // Of the lower step, so that no longer time is expected to be worse.
  const bitsPerByte = text.contextBits * at(laws.ratio, { ...place, seconds: TIME_STEP ** step });
  return {
    options: sizesAt(laws, place, text, given),
    share: used / seconds,
    expected: { bitsPerByte, low: bitsPerByte / SPREAD, high: bitsPerByte * SPREAD },
  };
}

function sizesAt(laws: Laws, place: Place, { isNames }: TextMeasure, given: Partial<TrainOptions>): SizedOptions {
  const ruled = (key: keyof Laws, values: readonly number[]): number => nearest(values, at(laws[key], place));
  const nEmbd = given.nEmbd ?? multipleOf(given.nHead ?? 1, ruled("nEmbd", WIDTHS));
  return {
    tokenizer: given.tokenizer ?? (isNames ? "char" : "byte-bpe"),
    bpeMerges: given.bpeMerges ?? ruled("bpeMerges", MERGES),
    nEmbd,
    nHead: given.nHead ?? headsFor(nEmbd),
    nLayer: given.nLayer ?? ruled("nLayer", DEPTHS),
    blockSize: given.blockSize ?? ruled("blockSize", BLOCKS),
    batchSize: given.batchSize ?? ruled("batchSize", BATCHES),
    learningRate: given.learningRate ?? ruled("learningRate", RATES),
    dropout: given.dropout ?? ruled("dropout", DROPOUTS),
    weightDecay: given.weightDecay ?? ruled("weightDecay", DECAYS),
  };
}

/** How often the text is learnt in so many seconds of the study's machine, about. */
export function passesIn({ characters }: TextMeasure, options: SizedOptions, seconds: number): number {
  const tokens = (1e6 * seconds) / microsecondsPerToken({ ...options, vocabSize: vocabularyOf(options) });
  return (tokens * charactersPerToken(mergesOf(options))) / (TRAINED * characters);
}

const mergesOf = ({ tokenizer, bpeMerges }: Pick<SizedOptions, "tokenizer" | "bpeMerges">): number =>
  tokenizer === "bpe" || tokenizer === "byte-bpe" ? bpeMerges : 0;

/** Tokens in the vocabulary, about: it is known only when the text is read. */
export const vocabularyOf = (options: Pick<SizedOptions, "tokenizer" | "bpeMerges">): number =>
  mergesOf(options) === 0 ? CHARACTERS : mergesOf(options) + 257;

/** Different characters of a text in an alphabet, about. */
const CHARACTERS = 100;

/** The part of a text that is not held out. */
const TRAINED = 0.9;

const multipleOf = (factor: number, value: number): number => factor * Math.max(1, Math.round(value / factor));
