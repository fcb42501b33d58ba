/**
 * `--interactive`: asks for every option that was not given, showing its default; asks again after a wrong answer.
 */
import { cancel, intro, isCancel, outro, text } from "@clack/prompts";
import { checkOptions, flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";

/**
 * Asks at the terminal. @param options defaults and what was given; @param given the keys not to ask for.
 * Resolves to null if the user cancelled (Ctrl-C). Throws InputError without a terminal.
 */
export async function askOptions(options: TrainOptions, given: ReadonlySet<string>): Promise<TrainOptions | null> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new InputError("--interactive needs a terminal; give the options as flags instead");
  }
  intro("microgpt train: Enter takes the value in brackets");
  const answers: Record<string, unknown> = { ...options };
  for (const [key, option] of Object.entries(TRAIN_OPTIONS)) {
    if (given.has(key) || option.placeholder === "" || option.placeholder.endsWith("…")) continue;
    // An option without a default says in its help what omitting it means.
    const shown = String(answers[key]);
    const initial = answers[key] === null ? "" : shown;
    const parse = (typed: string): unknown => (typed === "" ? null : option.parse(typed, flagOf(key)));
    const answer = await text({
      message: `${flagOf(key).slice(2)}: ${option.help}${initial === "" ? "" : ` [${initial}]`}`,
      defaultValue: initial,
      placeholder: initial,
      validate: (value) => complaint(() => parse(value || initial)),
    });
    if (isCancel(answer)) {
      cancel("Nothing was trained.");
      return null;
    }
    answers[key] = parse(answer);
  }
  outro("Training.");
  return checkOptions(TRAIN_OPTIONS, answers);
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
