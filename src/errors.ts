/**
 * What a person can mend: a wrong option, a missing file, a damaged run. The message is one sentence that says
 * what is wrong, where, and what to do; the command line prints it alone and exits with `exitCode`.
 * Every other error is a fault of ours and keeps its stack trace.
 */
export class InputError extends Error {
  /** 2: bad input. 3: the training itself failed (a loss that is no number). 1: the machine did (a full disk). */
  readonly exitCode: 1 | 2 | 3;

  constructor(message: string, exitCode: 1 | 2 | 3 = 2) {
    super(message);
    this.name = "InputError";
    this.exitCode = exitCode;
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

/** JSON from outside that is an object (not null, not a list). */
export function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
