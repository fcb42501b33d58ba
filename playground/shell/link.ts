/**
 * A training in an address: `#/play?preset=names&nEmbd=32&seed=7`. A link holds a preset, the options that differ from it,
 * the seed, what the page shows and, only where the visitor asks for it, a text. Reading one never fails: what is wrong
 * is dropped and named.
 */
import { checkOptions, initialOptions, InputError, TRAIN_OPTIONS } from "../../src/index.ts";
import type { ModelOptions } from "../../src/index.ts";
import { checkTogether } from "../../src/options/option-rules.ts";
import { quote } from "../../src/errors.ts";

/** What decides how a machine computes, and a budget that ends at another step on each machine. */
type OfTheMachine = "engine" | "precision" | "noGpu" | "threads" | "strictMath" | "seconds" | "reference";

type LinkOption = Exclude<keyof ModelOptions, OfTheMachine | "seed">;

/** The options that a link sets, apart from the seed. */
export const LINK_OPTIONS: readonly LinkOption[] = [
  "tokenizer",
  "bpeMerges",
  "vocabSize",
  "unk",
  "documents",
  "stream",
  "nfc",
  "minLength",
  "maxLength",
  "keepDuplicates",
  "valFraction",
  "nEmbd",
  "nHead",
  "nLayer",
  "blockSize",
  "numSteps",
  "tokens",
  "batchSize",
  "accumulate",
  "learningRate",
  "warmupSteps",
  "schedule",
  "weightDecay",
  "dropout",
  "clipNorm",
  "evalInterval",
  "earlyStop",
  "evalDocuments",
];

/** Options that a link sets. */
export type LinkOptions = Partial<Pick<ModelOptions, LinkOption>>;

/** The options of each preset, by its name. */
export type Presets = Readonly<Record<string, ModelOptions>>;

/**
 * What a link holds. A link implies `strictMath: true`: opening it trains the same model to the same losses, digit for
 * digit, on any machine (`linkedOptions` adds it).
 */
export interface Link {
  /** The preset's name; null: the defaults. */
  readonly preset: string | null;
  /** The options that differ from the preset's. */
  readonly options: LinkOptions;
  /** Seed of the training. */
  readonly seed: number;
  /** What the page shows, such as a step of the time line: names and values that the page itself checks. */
  readonly view: Readonly<Record<string, string>>;
  /** A text of the visitor's, to train on; null unless the visitor asked for it to be in the link. */
  readonly text: string | null;
}

/** A link that was read. */
export interface ReadLink {
  readonly link: Link;
  /** What was dropped and why, a sentence each; empty for a right link. */
  readonly ignored: readonly string[];
}

/** The most bytes of UTF-8 of a text in a link: longer addresses do not survive every messenger. */
export const MAX_TEXT_BYTES = 2048;
const MAX_VIEW_LENGTH = 200;
const MAX_SENTENCES = 12;
/** Prefix of the view's parameters. */
const VIEW = "view.";
const VIEW_NAME = /^[a-z][a-zA-Z]{0,19}$/;
/** What else may be in an address: the run that `microgpt open` serves. */
const FOREIGN = new Set(["run"]);

/** The options of a training by a link: its preset's, its own, its seed, and `strictMath`. */
export function linkedOptions({ preset, options, seed }: Link, presets: Presets): ModelOptions {
  return { ...presetOf(preset, presets), ...options, seed, strictMath: true };
}

/** The options that a link must hold: those that differ from the preset's. @param preset null: the defaults. */
export function differences(options: ModelOptions, preset: string | null, presets: Presets): LinkOptions {
  const base = { ...initialOptions(TRAIN_OPTIONS), ...presetOf(preset, presets) };
  const given = Object.entries(options).filter(([key, value]) => isLinkOption(key) && value !== base[key]);
  return Object.fromEntries(given);
}

/** Link → parameters of an address. Throws InputError for a text that is too long. */
export function writeLink({ preset, options, seed, view, text }: Link): URLSearchParams {
  const parameters = new URLSearchParams();
  if (preset !== null) parameters.set("preset", preset);
  for (const key of LINK_OPTIONS) {
    // An option without limit, such as `clipNorm: null`, is an empty value.
    if (options[key] !== undefined) parameters.set(key, String(options[key] ?? ""));
  }
  parameters.set("seed", String(seed));
  for (const [name, value] of Object.entries(view)) parameters.set(VIEW + name, value);
  if (text !== null) parameters.set("text", checkText(text));
  return parameters;
}

/** Parameters of an address → link. Never throws. */
export function readLink(parameters: URLSearchParams, presets: Presets): ReadLink {
  const reader = new Reader();
  for (const [key, value] of parameters) reader.read(key, value, presets);
  const link = reader.link();
  const wrong = contradiction(link, presets);
  if (wrong !== null) reader.ignored.push(`the options contradict each other, so the preset's are used: ${wrong}`);
  const more = reader.ignored.length - MAX_SENTENCES;
  const ignored = reader.ignored.slice(0, MAX_SENTENCES);
  return {
    link: wrong === null ? link : { ...link, options: {} },
    ignored: more > 0 ? [...ignored, `${more} more`] : ignored,
  };
}

const presetOf = (name: string | null, presets: Presets): ModelOptions =>
  name !== null && Object.hasOwn(presets, name) ? presets[name] : {};

const isLinkOption = (key: string): key is LinkOption => LINK_OPTIONS.some((option) => option === key);

/** Why no training can have these options; null: it can. */
function contradiction(link: Link, presets: Presets): string | null {
  return sentenceOf(() => checkTogether(checkOptions(TRAIN_OPTIONS, { ...linkedOptions(link, presets) })));
}

/** The message of the InputError that a check throws; null: none. */
function sentenceOf(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

function checkText(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= MAX_TEXT_BYTES) return text;
  throw new InputError(`text: ${bytes} bytes are too many for a link; at most ${MAX_TEXT_BYTES} fit`);
}

/** Takes parameters one by one; the first of a name counts. */
class Reader {
  readonly ignored: string[] = [];
  readonly #seen = new Set<string>();
  readonly #options: Record<string, unknown> = {};
  readonly #view: Record<string, string> = {};
  #preset: string | null = null;
  #seed: number = TRAIN_OPTIONS.seed.initial;
  #text: string | null = null;

  read(key: string, value: string, presets: Presets): void {
    const wrong = this.#seen.has(key) ? `${quote(key)} is in the link twice` : this.#take(key, value, presets);
    this.#seen.add(key);
    if (wrong !== null) this.ignored.push(wrong);
  }

  link(): Link {
    const [options, view] = [this.#options, this.#view];
    return { preset: this.#preset, options, seed: this.#seed, view, text: this.#text };
  }

  /** Takes one. @returns what is wrong with it; null: nothing. */
  #take(key: string, value: string, presets: Presets): string | null {
    if (FOREIGN.has(key)) return null;
    if (key === "preset") {
      if (!Object.hasOwn(presets, value)) return `preset: there is none called ${quote(value)}`;
      this.#preset = value;
      return null;
    }
    if (key === "seed") return sentenceOf(() => (this.#seed = TRAIN_OPTIONS.seed.parse(value, "seed") + 0));
    if (key === "text") return sentenceOf(() => (this.#text = checkText(value)));
    if (key.startsWith(VIEW)) return this.#takeView(key.slice(VIEW.length), value);
    if (isLinkOption(key)) return sentenceOf(() => (this.#options[key] = parseOption(key, value)));
    if (Object.hasOwn(TRAIN_OPTIONS, key)) return `${key}: a link cannot set it`;
    return `${quote(key)} is not an option`;
  }

  #takeView(name: string, value: string): string | null {
    if (!VIEW_NAME.test(name) || value.length > MAX_VIEW_LENGTH) return `view: ${quote(name)} is not part of one`;
    this.#view[name] = value;
    return null;
  }
}

/** A value as `writeLink` writes it. Throws InputError. */
function parseOption(key: LinkOption, value: string): unknown {
  const { initial, parse } = TRAIN_OPTIONS[key];
  if (initial === null && value === "") return null;
  if (typeof initial === "boolean" && value !== "true" && value !== "false")
    throw new InputError(`${key}: expected true or false, got ${quote(value)}`);
  const parsed = parse(value, key);
  return parsed === 0 ? 0 : parsed; // of "-0", too
}
