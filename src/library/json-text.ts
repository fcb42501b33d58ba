/** JSON as the files of a run have it. */
import { InputError, showPath } from "../errors.ts";

/** JSON as in every file of a run: two spaces per level, a newline at the end. */
export const toJsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Parses JSON. Throws InputError that names the file. @param path for messages. */
export function parseJsonText(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${showPath(path)} is damaged: it is not JSON`);
  }
}
