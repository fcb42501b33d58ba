/**
 * `--interactive`: asks for every option that was not given, showing its default; asks again after a wrong answer. Where
 * answers are piped in, each line is one, and the first wrong one ends it.
 */
import { cancel, intro, isCancel, outro, text } from "@clack/prompts";
import { checkOptions, flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { printable } from "../run/format.ts";
import type { PipedLines } from "./piped.ts";

/**
 * Asks at the terminal, or, where answers are piped in, takes a line per question. @param options defaults and what was
 * given; @param given the keys not to ask for; @param piped the answers; null: a person answers.
 * Resolves to null if the user cancelled (Ctrl-C). Throws InputError for a wrong answer in a pipe, or without any.
 */
export async function askOptions(
  options: TrainOptions,
  given: ReadonlySet<string>,
  piped: PipedLines | null,
): Promise<TrainOptions | null> {
  const answers: Record<string, unknown> = { ...options };
  if (piped === null) intro("microgpt train: Enter takes the value in brackets");
  let asked = 0;
  for (const [key, option] of Object.entries(TRAIN_OPTIONS)) {
    if (given.has(key) || option.placeholder === "" || option.placeholder.endsWith("…")) continue;
    // An option without a default says in its help what omitting it means.
    const shown = String(answers[key]);
    const initial = answers[key] === null ? "" : shown;
    const message = `${flagOf(key).slice(2)}: ${option.help}${initial === "" ? "" : ` [${initial}]`}`;
    const parse = (typed: string): unknown => (typed === "" ? null : option.parse(typed, flagOf(key)));
    const answer =
      piped === null ? await ask(message, initial, parse) : await takeAnswer(piped, message, asked++ === 0);
    if (answer === null) {
      cancel("Nothing was trained.");
      return null;
    }
    answers[key] = parse(answer === "" ? initial : answer);
  }
  if (piped === null) outro("Training.");
  return checkOptions(TRAIN_OPTIONS, answers);
}

/** Asks a person; asks again after a wrong answer. Resolves to null if the person cancelled. */
async function ask(message: string, initial: string, parse: (typed: string) => unknown): Promise<string | null> {
  const answer = await text({
    message,
    defaultValue: initial,
    placeholder: initial,
    validate: (value) => complaint(() => parse(value || initial)),
  });
  return isCancel(answer) ? null : answer;
}

/** The next line of a pipe, told with its question; where the pipe has ended, the default. */
async function takeAnswer(piped: PipedLines, message: string, isFirst: boolean): Promise<string> {
  const line = await piped.next();
  if (line === null && isFirst) {
    throw new InputError("--interactive needs a terminal; give the options as flags instead");
  }
  const answer = (line ?? "").trim();
  process.stderr.write(`${message} ${printable(answer)}\n`);
  return answer;
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
