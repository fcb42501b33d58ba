/**
 * Where prompts come from: a file, a pipe, or a terminal, until `quit`, `exit`, `q`, Ctrl-C or Ctrl-D. What a line does is
 * in `chat.ts`.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { splitLines, strip } from "../text/dataset.ts";
import { showPath } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { TextSource } from "../node/text.ts";
import { printable } from "../run/format.ts";
import type { Reporter } from "../run/reporter.ts";
import { encodePrompt } from "../library/prompt.ts";
import { openWriter } from "../run/write.ts";
import type { Writer } from "../run/write.ts";
import { Chat } from "./chat.ts";
import type { ChatScreen, ChatSettings } from "./chat.ts";
import { PipedLines } from "./piped.ts";
import { createReporter } from "./reporters.ts";
import { paint } from "./terminal.ts";

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

/** Whether a person types. */
export const isTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

/** `microgpt chat RUN`. Throws InputError if the run has no weights. */
export async function chat(
  path: string,
  settings: ChatSettings & { readonly seed: number },
  json: boolean,
): Promise<number> {
  const run = Run.open(path);
  const reporter = createReporter(json);
  const writer = await openWriter(run, settings.seed, (message) => reporter.warn(message));
  if (!json && isTerminal()) {
    await chatAtTerminal(writer, settings, reporter, run.options.documents !== "line");
  } else {
    const lines = new PipedLines();
    await answerAll(new Chat(writer, settings, reporter), lines).finally(() => lines.close());
  }
  return 0;
}

/** Takes what is piped in, line by line, to its end or to a line that says goodbye; blank lines are skipped. */
export async function answerAll(conversation: Chat, lines: PipedLines): Promise<void> {
  for (let line = await lines.first(); line !== null; line = await lines.next()) {
    const prompt = strip(line);
    if (prompt !== "" && !(await conversation.take(prompt))) return;
  }
}

/** Asks the terminal to mark where a pasted text begins and ends, or to do so no more; a dumb one would show it. */
function markPastes(marked: boolean): void {
  if (process.env.TERM !== "dumb") process.stdout.write(`\u001b[?2004${marked ? "h" : "l"}`);
}

/**
 * Takes lines from a terminal until the user leaves. The arrow keys move in the line and through earlier ones.
 * @param keepsLines whether the pasted lines are one prompt; else each is one.
 */
export async function chatAtTerminal(
  writer: Writer,
  settings: ChatSettings,
  reporter: Reporter,
  keepsLines: boolean,
): Promise<void> {
  const conversation = new Chat(writer, settings, reporter, SCREEN);
  process.stdout.write(
    "\nType the beginning of a text; the model continues it. /help lists commands; leave with quit, Ctrl-C or Ctrl-D.\n",
  );
  const terminal = createInterface({ input: process.stdin, output: process.stdout, removeHistoryDuplicates: true });
  let isPasting = false;
  const watchPastes = (_: unknown, { name }: { readonly name?: string }): void => {
    if (name === "paste-start" || name === "paste-end") isPasting = name === "paste-start";
  };
  process.stdin.on("keypress", watchPastes);
  markPastes(true);
  const pasted: string[] = [];
  let work: Promise<unknown> = Promise.resolve();
  let hasLeft = false;
  terminal.on("line", (line) => {
    pasted.push(line);
    if (isPasting && keepsLines) return;
    const text = pasted.splice(0).join("\n");
    work = work.then(async () => {
      if (hasLeft) return;
      const stays = await conversation.take(text);
      if (!hasLeft && stays) terminal.prompt();
      else terminal.close();
    });
    work.catch(() => terminal.close()); // the await below throws it
  });
  terminal.on("SIGINT", () => terminal.close());
  terminal.on("close", () => (hasLeft = true));
  terminal.prompt();
  await once(terminal, "close");
  process.stdin.off("keypress", watchPastes);
  markPastes(false);
  await work;
}

/** A completion without a number, its prompt dimmed; messages between the lines. */
const SCREEN: ChatScreen = {
  show: ({ completion, text }) => {
    const given = text.slice(0, text.length - completion.length);
    process.stdout.write(`${given === "" ? "" : paint("dim", printable(given))}${printable(completion)}\n`);
  },
  warn: (message) => void process.stdout.write(`${message}\n`),
};
