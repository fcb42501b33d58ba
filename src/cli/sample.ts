/**
 * `microgpt sample` and `microgpt complete`: text from the model of a run.
 */
import type { SampleOptions } from "../options/train-options.ts";
import { InputError, quote } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { encodePrompt } from "../library/prompt.ts";
import { openWriter, sampleText, samplesOf } from "../run/write.ts";
import type { Completion } from "../library/prompt.ts";
import type { WrittenText } from "../run/write.ts";
import { generate } from "../training/sample.ts";
import type { Draw } from "../training/sample.ts";
import type { SampleReport } from "../run/reporter.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { encodedDocuments } from "../library/encode.ts";
import { createReporter } from "./reporters.ts";
import { readPiped, runSources } from "../run/sources.ts";
import { TextSource } from "../node/text.ts";
import { paint } from "./terminal.ts";
import { jsonLine, percent, printable } from "../run/format.ts";

/** `microgpt sample RUN`. */
export async function sample(path: string, options: SampleOptions, json: boolean): Promise<number> {
  const run = Run.open(path);
  const reporter = createReporter(json);
  const writer = await openWriter(run, options.seed, (message) => reporter.warn(message));
  const texts: WrittenText[] = [];
  while (texts.length < options.numSamples) texts.push(await sampleText(writer, options));
  reporter.samples(await markedOf(run, texts));
  return 0;
}

/** `microgpt complete RUN PREFIX`. @param typed the prefix; `-`: all of standard input, without its last line break. */
export async function complete(
  path: string,
  typed: string,
  options: SampleOptions,
  flags: { readonly probs: boolean; readonly json: boolean },
): Promise<number> {
  const reporter = createReporter(flags.json);
  const warn = (message: string): void => reporter.warn(message);
  const writer = await openWriter(Run.open(path), options.seed, warn);
  const prompt = encodePrompt(writer, typed === "-" ? await readPrefix() : typed, warn);
  const maxTokens = options.maxTokens ?? writer.engine.config.blockSize;
  for (let i = 0; i < options.numSamples; i++) {
    const draws: Draw[] = [];
    for await (const draw of generate(writer.engine, prompt.ids, maxTokens, writer.random, options, prompt.open))
      draws.push(draw);
    printCompletion(writer.tokenizer, prompt.ids, draws, flags);
  }
  return 0;
}

async function readPrefix(): Promise<string> {
  const piped = await readPiped("complete RUN -");
  return TextSource.bytes("standard input", piped, null)
    .text()
    .replace(/\r?\n$/, "");
}

/** A completion for a terminal, the prompt dimmed. */
export const showCompletion = ({ prompt, more }: Completion): string =>
  (prompt === "" ? "" : paint("dim", printable(prompt))) + printable(more);

/** The texts with their marks, or without where the run's data is missing. */
async function markedOf(run: Run, texts: readonly WrittenText[]): Promise<SampleReport[]> {
  try {
    return samplesOf(texts, encodedDocuments(run.options, await runSources(run), run.tokenizer), run.tokenizer);
  } catch (error) {
    if (error instanceof InputError) return texts.map(({ text }) => ({ text, known: null, near: null }));
    throw error;
  }
}

function printCompletion(
  tokenizer: Tokenizer,
  prompt: readonly number[],
  draws: readonly Draw[],
  { probs, json }: { readonly probs: boolean; readonly json: boolean },
): void {
  const ids = draws.map(({ token }) => token);
  const text = tokenizer.decode([...prompt, ...ids]);
  const named = (token: number): string => (token === tokenizer.bos ? "end" : quote(tokenizer.token(token)));
  if (json) {
    const likeliest = (draw: Draw): object =>
      draw.likeliest.map((one) => ({ ...one, text: tokenizer.token(one.token) }));
    const tokens = draws.map((draw) => {
      const { token, probability } = draw;
      return { token, probability, text: tokenizer.token(token), likeliest: likeliest(draw) };
    });
    process.stdout.write(jsonLine({ event: "completion", text, ...(probs ? { tokens } : {}) }));
    return;
  }
  process.stdout.write(`${printable(text)}\n`);
  if (draws.every(({ token }) => token === tokenizer.bos))
    process.stderr.write("microgpt: the model ends the text here, so it adds nothing; another --seed may\n");
  if (!probs) return;
  for (const { token, probability, likeliest } of draws) {
    const others = likeliest.map((one) => `${named(one.token)} ${percent(one.probability).padStart(6)}`).join("  ");
    process.stdout.write(
      `  ${named(token).padEnd(6)} ${percent(probability).padStart(6)}  ${paint("dim", `of ${others}`)}\n`,
    );
  }
}
