/**
 * A conversation with a model: each line is a prompt, which the model continues, or a command such as `/temperature 0.8`.
 * It neither reads lines nor prints: `prompts.ts` reads them, a reporter prints. The model is a base model: it continues a
 * text, and does not answer questions.
 */
import { InputError, quote } from "../errors.ts";
import { SAMPLE_OPTIONS } from "../options/config.ts";
import type { SampleOptions } from "../options/train-options.ts";
import { Random } from "../random.ts";
import type { CompletionReport, Reporter } from "../run/reporter.ts";
import { encodePrompt, nextTokensOf } from "../library/prompt.ts";
import { completeText } from "../run/write.ts";
import type { Writer } from "../run/write.ts";

/** What commands set. */
export interface ChatSettings extends Omit<SampleOptions, "numSamples" | "seed"> {
  /** The seed; null: the generator of the training that has just ended continues. */
  readonly seed: number | null;
}

/** The commands that set something, and what. */
const SETTINGS: Readonly<Record<string, keyof ChatSettings>> = {
  "/temperature": "temperature",
  "/top-k": "topK",
  "/top-p": "topP",
  "/length": "maxTokens",
  "/seed": "seed",
};

/** Other commands, and their lines of help. */
const OTHERS = {
  "/why": "the next tokens after the last prompt, or after /why TEXT, with their probabilities",
  "/help": "this list",
  "/quit": "leave; so do quit, exit and q",
} as const;

const GOODBYES = new Set(["/quit", "/exit", "quit", "exit", "q"]);

/** How completions are shown, where it is not the reporter's way. */
export interface ChatScreen {
  /** Shows a completion. */
  readonly show: (completion: CompletionReport) => void;
  /** Says what is not in the vocabulary, before the completion. */
  readonly warn: (message: string) => void;
}

/** A conversation with a model. */
export class Chat {
  #writer: Writer;
  #settings: ChatSettings;
  readonly #reporter: Reporter;
  readonly #screen: ChatScreen;
  #last = "";

  /** @param screen null: completions are reported, and numbered. */
  constructor(writer: Writer, settings: ChatSettings, reporter: Reporter, screen: ChatScreen | null = null) {
    this.#writer = writer;
    this.#settings = settings;
    this.#reporter = reporter;
    let count = 0;
    const show = (completion: CompletionReport): void => reporter.completion(completion, ++count);
    this.#screen = screen ?? { show, warn: () => {} }; // unknown pieces are part of the report
  }

  /** Continues a prompt, or does what a command says. Resolves to whether the conversation continues. */
  async take(line: string): Promise<boolean> {
    const [command, ...words] = line.trim().split(/\s+/);
    if (GOODBYES.has(line.trim())) return false;
    if (!command.startsWith("/")) await this.complete(line);
    else if (command.startsWith("//")) await this.complete(line.replace("//", "/"));
    else await this.#obey(command, words.join(" "), line.trim().slice(command.length + 1));
    return true;
  }

  /** Continues a prompt, whatever it looks like. */
  async complete(prompt: string): Promise<void> {
    this.#last = prompt;
    const encoded = encodePrompt(this.#writer, prompt, this.#screen.warn);
    const { prompt: given, more } = await completeText(this.#writer, encoded, this.#settings);
    const unknown = Object.fromEntries(encoded.unknown);
    this.#screen.show({ prompt, completion: more, text: given + more, unknown });
  }

  async #obey(command: string, value: string, text: string): Promise<void> {
    if (Object.hasOwn(SETTINGS, command)) this.#set(command, SETTINGS[command], value);
    else if (command === "/why") await this.#why(text === "" ? this.#last : text);
    else if (command === "/help") for (const line of helpLines(this.#settings)) this.#reporter.note(line);
    else {
      this.#reporter.note(
        `${quote(command)} is not a command; /help lists them, and a prompt that begins with / is written with //`,
      );
    }
  }

  #set(command: string, key: keyof ChatSettings, value: string): void {
    if (value !== "") {
      try {
        this.#settings = { ...this.#settings, [key]: parse(command, key, value) };
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        return this.#reporter.note(error.message);
      }
      const { seed } = this.#settings;
      if (key === "seed" && seed !== null) this.#writer = { ...this.#writer, random: new Random(seed) };
    }
    this.#reporter.note(`${command.slice(1)} ${shown(this.#settings[key])}`);
  }

  async #why(prompt: string): Promise<void> {
    const encoded = encodePrompt(this.#writer, prompt, this.#screen.warn);
    this.#reporter.nextTokens({ prompt, ...(await nextTokensOf(this.#writer, encoded, this.#settings)) });
  }
}

/** A typed value; `off` where an option has no default. Throws InputError. */
function parse(command: string, key: keyof ChatSettings, value: string): number | null {
  const { initial, parse: parseValue } = SAMPLE_OPTIONS[key];
  return value === "off" && initial === null ? null : parseValue(value, command);
}

const shown = (value: number | null): string => (value === null ? "off" : String(value));

function helpLines(settings: ChatSettings): string[] {
  const own = Object.entries(SETTINGS).map(([command, key]) => {
    const { help, placeholder } = SAMPLE_OPTIONS[key];
    return [`${command} ${placeholder}`, `${help} (now ${shown(settings[key])})`];
  });
  const lines = [...own, ...Object.entries(OTHERS)];
  const width = Math.max(...lines.map(([usage]) => usage.length));
  return [
    "any other line is the beginning of a text",
    ...lines.map(([usage, help]) => `${usage.padEnd(width)}  ${help}`),
  ];
}
