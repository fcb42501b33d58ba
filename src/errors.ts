/**
 * `InputError`, the one error that the user can fix, and helpers for values from outside: how a message shows them, and
 * how JSON is checked. The command line prints an error of any other class with its stack trace.
 */

/** Code of an `InputError` → exit code of the command line. Programs branch on the code, never on the message. */
const EXIT_CODES = {
  /** A wrong option, a missing or damaged file. */
  "bad-input": 2,
  /** The name is taken: a run or a sweep of this name exists. */
  exists: 2,
  /** Another process is writing to the run. */
  "in-use": 2,
  /** Training diverged: the loss or a gradient is not finite. */
  diverged: 3,
  /** The machine failed, such as a full disk or a file that cannot be written. */
  machine: 1,
} as const;

/** What kind of error it is: `bad-input`, `exists`, `in-use`, `diverged` or `machine`. */
export type InputErrorCode = keyof typeof EXIT_CODES;

/**
 * An error that the user can fix: a wrong option, a missing file, a damaged run. The message is one sentence that says
 * where, what is wrong, and what to do. The command line prints it without a stack trace and exits with `exitCode`.
 * @example
 * throw new InputError("--num-steps: got -1, expected 1 or more");
 */
export class InputError extends Error {
  /** What kind of error it is; decides the exit code. */
  readonly code: InputErrorCode;

  /** `message` is what the user reads. */
  constructor(message: string, code: InputErrorCode = "bad-input") {
    super(message);
    this.name = "InputError";
    this.code = code;
  }

  /** Exit code of the command line: 2 for bad input, 3 for a diverged training, 1 for a failed machine. */
  get exitCode(): 1 | 2 | 3 {
    return EXIT_CODES[this.code];
  }
}

/**
 * Makes text of unknown origin safe for an error message: quotes it, escapes control characters and direction marks,
 * and cuts it after `limit` UTF-16 code units.
 * @example
 * quote("a\u001b[31m"); // "\"a\\u001b[31m\"": the escape character is spelled out
 */
export function quote(text: string, limit: number = 60): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** A path or other name for an error message: as it is if it has only ordinary characters, otherwise quoted. */
export const showPath = (path: string): string => (/^[\w./~+@:=,-]+$/.test(path) ? path : quote(path, 300));

/** Whether JSON from outside is an object: not null, not an array. */
export function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
