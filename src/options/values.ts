/** The kinds of values that an option takes: how text and JSON become one. `config.ts` lists the options. */
import { InputError, quote } from "../errors.ts";

/** A heading of the help. */
export type OptionGroup = "data" | "model" | "training" | "samples" | "run";

/** A row of the table. */
export interface Option<Value> {
  /** The heading that the help lists it under. */
  readonly group: OptionGroup;
  /** What it does, in one line of help. */
  readonly help: string;
  /** The default value. */
  readonly initial: Value;
  /** The value's name in the help, `""` for a switch; with `…` at the end the flag takes several values. */
  readonly placeholder: string;
  /** The names to choose one from; absent: any other kind of value. */
  readonly names?: readonly string[];
  /** Text as typed → value. Throws InputError that says what was given and what is expected. */
  readonly parse: (text: string, flag: string) => Value;
  /** As `parse`, for a JSON value from a file. */
  readonly check: (json: unknown, flag: string) => Value;
}

/** A whole number from `min` to `max`. */
export function integer(group: OptionGroup, initial: number, min: number, max: number, help: string): Option<number> {
  const check = (value: unknown, flag: string): number => {
    if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    throw new InputError(`${flag}: expected a whole number from ${min} to ${max}, got ${quote(String(value))}`);
  };
  // `Number` alone would take "", " 7" and "0x10"; only plain decimal digits are meant.
  const parse = (text: string, flag: string): number => check(/^[+-]?\d+$/.test(text) ? Number(text) : text, flag);
  return { group, help, initial, placeholder: "N", parse, check };
}

/** A number from `min` to `max`. */
export function number(group: OptionGroup, initial: number, min: number, max: number, help: string): Option<number> {
  const check = (value: unknown, flag: string): number => {
    if (typeof value === "number" && value >= min && value <= max) return value;
    throw new InputError(`${flag}: expected a number from ${min} to ${max}, got ${quote(String(value))}`);
  };
  const isNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
  const parse = (text: string, flag: string): number => check(isNumber.test(text) ? Number(text) : text, flag);
  return { group, help, initial, placeholder: "X", parse, check };
}

/** The same, or null, which is the default. */
export function orNull<Value>(option: Option<Value>): Option<Value | null> {
  const check = (json: unknown, flag: string): Value | null => (json === null ? null : option.check(json, flag));
  return { ...option, initial: null, check };
}

/** A switch, off by default. */
export function toggle(group: OptionGroup, help: string): Option<boolean> {
  const check = (json: unknown, name: string): boolean => {
    if (typeof json === "boolean") return json;
    throw new InputError(`${name}: expected true or false, got ${quote(String(json))}`);
  };
  return { group, help, initial: false, placeholder: "", parse: (text, name) => check(text === "true", name), check };
}

/** One of a list of names. */
export function choice<Name extends string>(
  group: OptionGroup,
  initial: Name,
  names: readonly Name[],
  meaning: string,
  placeholder: string = names.join("|"),
): Option<Name> {
  const help = placeholder === names.join("|") ? meaning : `${meaning}: ${names.join(", ")}`;
  const check = (json: unknown, flagName: string): Name => {
    const name = names.find((known) => known === json);
    if (name !== undefined) return name;
    throw new InputError(`${flagName}: expected one of ${names.join(", ")}; got ${quote(String(json))}`);
  };
  return { group, help, initial, placeholder, names, parse: check, check };
}

/** Some of a list of names, each once. */
export function choices<Name extends string>(
  group: OptionGroup,
  names: readonly Name[],
  placeholder: string,
  help: string,
): Option<readonly Name[]> {
  const one = choice(group, names[0], names, help);
  const check = (json: unknown, flag: string): readonly Name[] => {
    if (!Array.isArray(json)) throw new InputError(`${flag}: expected a list, got ${quote(String(json))}`);
    return [...new Set(json.map((name: unknown) => one.check(name, flag)))];
  };
  return { group, help, initial: [], placeholder, parse: (text, flag) => check(text.split(","), flag), check };
}

/** A path that is not empty. */
export function path(group: OptionGroup, placeholder: string, help: string): Option<string> {
  return nonEmpty("path", group, placeholder, help);
}

/** A name that is not empty. */
export function label(group: OptionGroup, placeholder: string, help: string): Option<string> {
  return nonEmpty("name", group, placeholder, help);
}

function nonEmpty(what: string, group: OptionGroup, placeholder: string, help: string): Option<string> {
  const check = (json: unknown, flag: string): string => {
    if (typeof json === "string" && json !== "") return json;
    throw new InputError(`${flag}: expected a ${what}, got ${quote(String(json))}`);
  };
  return { group, help, initial: "", placeholder, parse: check, check };
}

/** Several texts. */
export function texts(
  group: OptionGroup,
  initial: readonly string[],
  placeholder: string,
  help: string,
): Option<readonly string[]> {
  const check = (json: unknown, name: string): readonly string[] => {
    if (Array.isArray(json) && json.every((item) => typeof item === "string")) return json;
    throw new InputError(`${name}: expected a list of texts, got ${quote(String(json))}`);
  };
  return { group, help, initial, placeholder, parse: (text) => [text], check };
}
