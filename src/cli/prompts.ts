/**
 * Prompts after a training: from a file, or typed at the terminal until `quit`, `exit`, `q`, Ctrl-C or Ctrl-D.
 */
import { createInterface } from "node:readline/promises";
import { splitLines, strip } from "../text/dataset.ts";
import { showPath } from "../errors.ts";
import { TextSource } from "../node/text.ts";
import { completeText, encodePrompt } from "../run/write.ts";
import type { Writer, WritingOptions } from "../run/write.ts";
import type { Reporter } from "../run/reporter.ts";
import type { PipedLines } from "./piped.ts";
import { showCompletion } from "./sample.ts";

/**
 * The prompts of a file, one per line, without blank lines and those that start with `#`. Pieces that are not in the
 * vocabulary are warned about now, before the training.
 */
export function readPrompts(
  path: string,
  writer: Pick<Writer, "tokenizer" | "options">,
  warn: (message: string) => void,
): string[] {
  const prompts = readLines(path);
  for (const prompt of prompts) encodePrompt(writer, prompt, (message) => warn(`${showPath(path)}: ${message}`));
  return prompts;
}

/** The same, without checking a vocabulary. */
export const readLines = (path: string): string[] =>
  splitLines(TextSource.file(path).text()).filter((line) => !line.startsWith("#"));

/** Completes prompts one by one, and reports each. */
export class PromptAnswers {
  readonly #writer: Writer;
  readonly #options: WritingOptions;
  readonly #reporter: Reporter;
  #count = 0;

  /** Nothing is reported before the first prompt. */
  constructor(writer: Writer, options: WritingOptions, reporter: Reporter) {
    this.#writer = writer;
    this.#options = options;
    this.#reporter = reporter;
  }

  /** Completes a prompt. */
  async answer(prompt: string): Promise<void> {
    // Unknown pieces are part of the report.
    const encoded = encodePrompt(this.#writer, prompt, () => {});
    const { prompt: given, more } = await completeText(this.#writer, encoded, this.#options);
    const unknown = Object.fromEntries(encoded.unknown);
    this.#reporter.completion({ prompt, completion: more, text: given + more, unknown }, ++this.#count);
  }

  /** Completes what is piped in, line by line, to its end or to a line that says goodbye; blank lines are skipped. */
  async answerAll(lines: PipedLines): Promise<void> {
    for (let line = await lines.first(); line !== null; line = await lines.next()) {
      const prompt = strip(line);
      if (GOODBYES.has(prompt)) return;
      if (prompt !== "") await this.answer(prompt);
    }
  }
}

const GOODBYES = new Set(["quit", "exit", "q"]);

/** Asks for prompts and completes them, until the user leaves. Needs a terminal. */
export async function promptLoop(writer: Writer, options: WritingOptions): Promise<void> {
  process.stdout.write("\nType the beginning of a text; the model continues it. Leave with quit, Ctrl-C or Ctrl-D.\n");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const left = new AbortController();
  terminal.on("close", () => left.abort());
  terminal.on("SIGINT", () => terminal.close());
  while (!left.signal.aborted) {
    const prompt = await terminal.question("> ", { signal: left.signal }).catch(() => null);
    if (prompt === null || GOODBYES.has(prompt.trim())) break;
    const ids = encodePrompt(writer, prompt, (message) => void process.stdout.write(`${message}\n`));
    process.stdout.write(`${showCompletion(await completeText(writer, ids, options))}\n`);
  }
  terminal.close();
}
