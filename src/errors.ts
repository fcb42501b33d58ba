/** Kind of `InputError` → exit code of the command line. Programs decide by the kind, never by the message. */
const EXIT_CODES = {
  /** A wrong option, a missing or damaged file. */
  "bad-input": 2,
  /** The name is taken: a run or a sweep of this name exists. */
  exists: 2,
  /** Another process is writing to the run. */
  "in-use": 2,
  /** The training diverged: its loss or its gradients are not finite. */
  diverged: 3,
  /** The machine failed: a full disk, a file that cannot be written. */
  machine: 1,
} as const;

export type InputErrorCode = keyof typeof EXIT_CODES;

/**
 * An error that the user can mend: a wrong option, a missing file, a damaged run. The message is one sentence that says
 * what is wrong, where, and what to do; the command line prints it alone and exits with `exitCode`.
 * Every other error is a bug of ours and keeps its stack trace.
 */
export class InputError extends Error {
  readonly code: InputErrorCode;

  constructor(message: string, code: InputErrorCode = "bad-input") {
    super(message);
    this.name = "InputError";
    this.code = code;
  }

  /** Exit code of the command line: 2 bad input, 3 the training diverged, 1 the machine failed. */
  get exitCode(): 1 | 2 | 3 {
    return EXIT_CODES[this.code];
  }
}

/**
 * A piece of text of unknown origin, made safe for an error message: in quotes, control characters and
 * direction marks escaped, cut after `limit` characters. `quote("a\u001b[31m")` is `"a\u001b[31m"` in plain letters.
 */
export function quote(text: string, limit: number = 60): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** A path, or another name, as an error message shows it: plain where it is plain, else quoted. */
export const showPath = (path: string): string => (/^[\w./~+@:=,-]+$/.test(path) ? path : quote(path, 300));

/** JSON from outside that is an object (not null, not a list). */
export function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
