/**
 * `--interactive`: asks for the text, then the preset, and for the other options that apply only where more questions are
 * wanted. It asks again after a wrong answer. Where answers are piped in, each line is one, and the first wrong one ends it.
 */
import { cancel, intro, isCancel, outro, text } from "@clack/prompts";
import { checkOptions, flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import { PRESET_NAMES, PRESETS } from "../options/presets.ts";
import type { PresetName } from "../options/presets.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError, quote } from "../errors.ts";
import { tableFormat } from "../node/tables.ts";
import { printable } from "../run/format.ts";
import { withNamedPreset } from "../run/presets.ts";
import type { PresetRequest } from "../run/presets.ts";
import type { PipedLines } from "./piped.ts";
import { isText } from "./typed-words.ts";

/** Options, and which of them were typed or answered. */
export interface Answers {
  /** Defaults and answers. */
  readonly options: TrainOptions;
  /** The preset, and the options that count more. */
  readonly request: PresetRequest;
}

/** A question. */
interface Question {
  readonly message: string;
  /** The answer that Enter gives. */
  readonly initial: string;
  /** An answer → its value. Throws InputError. */
  readonly parse: (typed: string) => unknown;
}

/** Puts a question. Resolves to null if a person cancelled. */
type Ask = (question: Question) => Promise<string | null>;

/**
 * Asks at the terminal, or, where answers are piped in, takes a line per question. @param given what was typed; it is not
 * asked for. @param piped the answers; null: a person answers.
 * Resolves to null if the user cancelled (Ctrl-C). Throws InputError for a wrong answer in a pipe, or without any.
 */
export async function askOptions(given: Answers, piped: PipedLines | null): Promise<Answers | null> {
  if (piped === null) intro("microgpt train: Enter takes the value in brackets");
  const answers = await askAll(given, piped === null ? askPerson : askPipe(piped));
  if (answers === null) cancel("Nothing was trained.");
  else if (piped === null) outro("Training.");
  return answers;
}

async function askAll(given: Answers, ask: Ask): Promise<Answers | null> {
  const withText = await askText(given, ask);
  const chosen = withText === null ? null : await askPreset(withText, ask);
  if (chosen === null) return null;
  const more = await ask({
    message: "more: yes asks for each option [no]",
    initial: "no",
    parse: (typed) => oneOf("more", typed, ["yes", "no", "y", "n"]),
  });
  if (more === null) return null;
  return more.startsWith("y") ? await askEach(chosen, ask) : chosen;
}

/** Asks for the text, unless one was typed. */
async function askText(given: Answers, ask: Ask): Promise<Answers | null> {
  if (isOwnText(given)) return given;
  const message = "text: a file, folder, pattern or address [the bundled names]";
  const answer = await ask({ message, initial: "", parse: textOf });
  if (answer === null || answer === "") return answer === null ? null : given;
  return { ...given, options: { ...given.options, data: [answer] } };
}

const isOwnText = ({ options: { data, urls, urlFile } }: Answers): boolean =>
  data.length > 0 || urls.length > 0 || urlFile !== null;

function textOf(typed: string): string {
  if (typed !== "-" && (typed === "" || isText(typed))) return typed;
  throw new InputError(`text: ${quote(typed, 300)} does not exist; expected a file, folder, pattern or address`);
}

/** Asks for the preset, where the text is the user's own and none was typed. */
async function askPreset(given: Answers, ask: Ask): Promise<Answers | null> {
  if (!isOwnText(given) || given.request.preset !== null) return given;
  const names = ["auto", ...PRESET_NAMES];
  const answer = await ask({
    message: `preset: sizes that suit the text: ${names.join(", ")} [auto]`,
    initial: "auto",
    parse: (typed) => oneOf("preset", typed, names),
  });
  if (answer === null) return null;
  const preset: PresetName | null = PRESET_NAMES.find((name) => name === answer) ?? null;
  return { ...given, request: { ...given.request, preset } };
}

function oneOf(what: string, typed: string, names: readonly string[]): string {
  if (names.includes(typed)) return typed;
  throw new InputError(`${what}: expected one of ${names.join(", ")}; got ${quote(typed)}`);
}

/** What text and time choose, or the text alone, where it is not typed. */
const BY_TEXT: ReadonlySet<string> = new Set([
  ...Object.keys(PRESETS.book),
  "bpeMerges",
  "learningRate",
  "dropout",
  "weightDecay",
  "numSteps",
]);

/** Asks for each option that has one value, was not typed, and applies. What the text decides stays open at Enter. */
async function askEach({ options, request }: Answers, ask: Ask): Promise<Answers | null> {
  const { preset } = request;
  const typed = new Set(request.typed);
  const isByText = preset === null && isOwnText({ options, request });
  const answers = new Map<string, unknown>(Object.entries(withNamedPreset(options, request)));
  const isOpen = (key: string): boolean => isByText && !typed.has(key) && BY_TEXT.has(key);
  for (const key of [...answers.keys()].filter(isOpen)) answers.delete(key);
  for (const [key, option] of Object.entries(TRAIN_OPTIONS)) {
    if (typed.has(key) || option.placeholder === "" || option.placeholder.endsWith("…")) continue;
    if (!(APPLIES[key]?.(Object.fromEntries(answers)) ?? true)) continue;
    // An option without a default says in its help what omitting it means.
    const value = answers.get(key);
    const shown = typeof value === "number" || typeof value === "string" ? String(value) : "";
    const initial = isOpen(key) ? "by the text" : shown;
    const message = `${flagOf(key).slice(2)}: ${option.help}${initial === "" ? "" : ` [${initial}]`}`;
    const parse = (one: string): unknown => (one === "" || one === initial ? null : option.parse(one, flagOf(key)));
    const answer = await ask({ message, initial, parse });
    if (answer === null) return null;
    if (answer === initial) continue;
    answers.set(key, parse(answer));
    typed.add(key);
  }
  return { options: checkOptions(TRAIN_OPTIONS, Object.fromEntries(answers)), request: { typed, preset } };
}

/** Which options apply, given the answers so far; those that are not listed always do. */
const APPLIES: Readonly<Record<string, (answers: Readonly<Record<string, unknown>>) => boolean>> = {
  encoding: ({ data }) => listOf(data).length > 0,
  urlFile: () => false, // the text was asked for
  field: ({ data }) => listOf(data).some((path) => tableFormat(path) !== null),
  cacheDir: ({ data, urls }) => listOf(urls).length > 0 || listOf(data).some((path) => /^https?:/i.test(path)),
  bpeMerges: ({ tokenizer }) => tokenizer !== "char" && tokenizer !== "word",
  seconds: ({ tokens }) => tokens === null,
  evalInterval: ({ valFraction }) => valFraction !== 0,
  evalDocuments: ({ valFraction }) => valFraction !== 0,
  precision: ({ engine }) => engine === "auto" || engine === "webgpu",
  threads: ({ engine }) => engine !== "atomic" && engine !== "webgpu",
  keepC: ({ engine }) => engine === "native",
};

const listOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value : []);

/** Asks a person; asks again after a wrong answer. */
async function askPerson({ message, initial, parse }: Question): Promise<string | null> {
  const answer = await text({
    message,
    defaultValue: initial,
    placeholder: initial,
    validate: (value) => complaint(() => parse(value || initial)),
  });
  return isCancel(answer) ? null : answer;
}

/** Takes the next line of a pipe, and prints it after its question; where the pipe has ended, the default. */
function askPipe(piped: PipedLines): Ask {
  let isFirst = true;
  return async ({ message, initial, parse }) => {
    const line = await piped.next();
    if (line === null && isFirst)
      throw new InputError("--interactive needs a terminal; give the options as flags instead");
    isFirst = false;
    const answer = (line ?? "").trim();
    process.stderr.write(`${message} ${printable(answer)}\n`);
    parse(answer || initial); // throws where it is wrong
    return answer || initial;
  };
}

function complaint(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}
