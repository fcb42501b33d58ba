/**
 * What was typed, before commander parses it: unique prefixes of options become whole (`--num-st` → `--num-steps`, as
 * Python's argparse has it), other programs' names of options get a hint, and words where a command is expected are texts.
 */
import * as fs from "node:fs";
import type { Command } from "commander";
import { InputError, quote } from "../errors.ts";
import { nearNames } from "../node/near-names.ts";
import { adviceOn } from "../options/near-misses.ts";
import { parsePattern } from "../run/folders.ts";

/** The names of the commands that are listed in the help. */
export const commandNames = (program: Command): string[] =>
  program
    .createHelp()
    .visibleCommands(program)
    .map((command) => command.name());

/** The command of the first word; the default command where that is none. */
export function commandOf(program: Command, [first]: readonly string[]): Command | undefined {
  const named = (name: string | undefined): Command | undefined =>
    program.commands.find((command) => command.name() === name);
  return named(first) ?? named("train");
}

/** The words with their options made whole. Throws InputError for a prefix of several, and for another program's name. */
export function wholeOptions(words: readonly string[], program: Command): string[] {
  const command = commandOf(program, words);
  const own = command?.options ?? [];
  const known = [...own, ...program.options].flatMap(({ long }) => (long == null ? [] : [long])).concat("--help");
  const whole: string[] = [];
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--") return [...whole, ...words.slice(i)];
    const [name, value] = split(words[i]);
    const option = name.startsWith("--") ? wholeName(name, known) : name;
    whole.push(option + value);
    const takesNext = value === "" && own.some(({ long, required }) => long === option && required);
    if (takesNext && i + 1 < words.length) whole.push(words[++i]);
  }
  return whole;
}

/** `--name=x` → `--name`, `=x`. */
function split(word: string): readonly [name: string, value: string] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word, ""] : [word.slice(0, at), word.slice(at)];
}

function wholeName(typed: string, known: readonly string[]): string {
  if (known.includes(typed)) return typed;
  const meant = [...new Set(known.filter((name) => name.startsWith(typed)))];
  if (meant.length === 1) return meant[0];
  if (meant.length > 1) throw new InputError(`${quote(typed)} may be ${listed(meant)}; write more of it`);
  const advice = adviceOn(
    typed.slice(2),
    known.map((name) => name.slice(2)),
  );
  if (advice !== null) throw new InputError(`${quote(typed)} is not an option; ${advice}`);
  return typed; // commander says what is near
}

const listed = (names: readonly string[]): string =>
  names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

/** Whether a word names a text: a file or folder that is there, a pattern, an address, or standard input. */
export const isText = (word: string): boolean =>
  word === "-" || /^(?:https?|file):/i.test(word) || fs.existsSync(word) || parsePattern(word) !== null;

/** Throws InputError for a word in the place of a command that is neither a command nor a text. */
export function checkFirstWords(words: readonly string[], commands: readonly string[]): void {
  const stray = words.find((word) => !isText(word));
  if (stray === undefined) return;
  const near = nearNames(stray, commands);
  const advice =
    near.length > 0 ? `did you mean ${listed(near)}?` : `the commands are ${commands.join(", ")}; see microgpt --help`;
  throw new InputError(`${quote(stray)} is not a command, and no such file exists; ${advice}`);
}

/** `--data` takes every word up to the next option. Throws InputError where the last is no text, but a word for `what`. */
export function checkLastData(data: readonly string[], what: string, usage: string): void {
  const last = data.at(-1);
  if (data.length < 2 || last === undefined || isText(last)) return;
  throw new InputError(
    `--data ${quote(last)}: no such file; --data takes every word after it, so put ${what} first: ${usage}`,
  );
}
