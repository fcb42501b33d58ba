/**
 * Prompts after a training: from a file, or typed at the terminal until `quit`, `exit`, `q`, Ctrl-C or Ctrl-D.
 */
import { createInterface } from "node:readline/promises";
import { splitLines } from "../dataset.ts";
import { InputError } from "../errors.ts";
import { showPath } from "../node/files.ts";
import { readText } from "../node/text.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { completeText, encodePrompt } from "./sample.ts";
import type { Writer, WritingOptions } from "./sample.ts";
import { paint, printable } from "./terminal.ts";

/**
 * The prompts of a file, one a line; blank lines and those that start with `#` are not. Throws InputError for one that
 * the tokenizer can't read: before the training, not after it.
 */
export function readPrompts(path: string, tokenizer: Tokenizer): string[] {
  const prompts = splitLines(readText(path)).filter((line) => !line.startsWith("#"));
  for (const prompt of prompts) {
    try {
      encodePrompt(tokenizer, prompt);
    } catch (error) {
      throw error instanceof InputError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
    }
  }
  return prompts;
}

/** Prints each prompt with what the model writes on. */
export async function printCompletions(
  writer: Writer,
  prompts: readonly string[],
  options: WritingOptions,
): Promise<void> {
  process.stdout.write("\n");
  for (const prompt of prompts) {
    const text = await completeText(writer, encodePrompt(writer.tokenizer, prompt), options);
    process.stdout.write(`${paint("dim", printable(prompt))}${printable(text)}\n`);
  }
}

const GOODBYES = new Set(["quit", "exit", "q"]);

/** Asks for prompts and completes them. Needs a terminal. */
export async function promptLoop(writer: Writer, options: WritingOptions): Promise<void> {
  process.stdout.write("\nWrite the beginning of a text; the model goes on. Leave with quit, Ctrl-C or Ctrl-D.\n");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const left = new AbortController();
  terminal.on("close", () => left.abort());
  terminal.on("SIGINT", () => terminal.close());
  while (!left.signal.aborted) {
    const prompt = await terminal.question("> ", { signal: left.signal }).catch(() => null);
    if (prompt === null || GOODBYES.has(prompt.trim())) break;
    try {
      const text = await completeText(writer, encodePrompt(writer.tokenizer, prompt), options);
      process.stdout.write(`${paint("dim", printable(prompt))}${printable(text)}\n`);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      process.stdout.write(`${error.message}\n`);
    }
  }
  terminal.close();
}
