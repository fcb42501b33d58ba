/**
 * `--interactive`: asks for every option that was not given, with its default; an answer out of range is asked again.
 */
import { cancel, intro, isCancel, outro, text } from "@clack/prompts";
import { checkOptions, flagOf, TRAIN_OPTIONS } from "../config.ts";
import type { TrainOptions } from "../config.ts";
import { InputError } from "../errors.ts";

/**
 * Asks at the terminal. @param options defaults and what was given; @param given the keys not to ask for.
 * Resolves to null if the person gave up (Ctrl-C). Throws InputError without a terminal.
 */
export async function askOptions(options: TrainOptions, given: ReadonlySet<string>): Promise<TrainOptions | null> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new InputError("--interactive needs a terminal; give the options as flags instead");
  }
  intro("microgpt train: Enter takes the value in brackets");
  const answers: Record<string, unknown> = { ...options };
  for (const [key, option] of Object.entries(TRAIN_OPTIONS)) {
    if (given.has(key) || option.placeholder === "" || option.placeholder.endsWith("…")) continue;
    // What has no default may stay open.
    const known = answers[key];
    const initial = typeof known === "string" || typeof known === "number" ? String(known) : "";
    const answer = await text({
      message: `${flagOf(key).slice(2)}: ${option.help}${initial === "" ? "" : ` [${initial}]`}`,
      defaultValue: initial,
      placeholder: initial,
      validate: (value) => complaint(() => option.parse(value || initial, flagOf(key)), !value && initial === ""),
    });
    if (isCancel(answer)) {
      cancel("Nothing was trained.");
      return null;
    }
    if (answer !== "") answers[key] = option.parse(answer, flagOf(key));
  }
  outro("Training.");
  return checkOptions(TRAIN_OPTIONS, answers);
}

function complaint(parse: () => unknown, isOpen: boolean): string | undefined {
  if (isOpen) return undefined;
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}
