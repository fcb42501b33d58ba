/**
 * `README.md` of a folder: the model card. Says what the model is and how good it is, how three tools load it, and what it
 * cannot do. The licence of the data is the one thing that it leaves to a person.
 */
import { countParameters } from "../training/engine.ts";
import { bosName } from "../text/tokenizers/hugging-face.ts";
import type { DataSize } from "../library/training-data.ts";
import { bytesOf } from "./model.ts";
import type { ExportedModel } from "./model.ts";

/** How a tool opens the model. */
export interface Tool {
  /** The tool's name, as a heading. */
  readonly name: string;
  /** The language of `code`, as Markdown knows it. */
  readonly language: string;
  /** Lines that run in the folder. */
  readonly code: string;
}

/** What a card says of its format. */
export interface CardFormat {
  /** How three tools open the model. */
  readonly tools: readonly Tool[];
  /** What happens past the block, and other limits: sentences. */
  readonly limits: readonly string[];
}

/** The card as bytes. */
export function cardOf(model: ExportedModel, { tools, limits }: CardFormat): Uint8Array {
  const rows = factsOf(model, MARKDOWN).map(([what, value]) => `| ${what} | ${value} |`);
  const lines = [
    "---",
    "library_name: transformers",
    "pipeline_tag: text-generation",
    "tags: [microgpt]",
    "---",
    "",
    `# ${inline(model.name)}`,
    "",
    "A small GPT, trained from scratch by [microgpt](https://github.com/microgpt-ts/microgpt): a base model, which continues texts",
    "like those of its data. It follows no instructions.",
    "",
    "| | |",
    "|---|---|",
    ...rows,
    "",
    "## Load it",
    "",
    ...tools.flatMap(({ name, language, code }) => [`${name}:`, "", `\`\`\`${language}`, code.trim(), "```", ""]),
    "## Limits",
    "",
    ...limits.map((limit) => `- ${limit}`),
    "",
    "## Licence",
    "",
    "This model can repeat passages of its data, so the terms of the data apply to it. microgpt does not know them: before you share",
    "the model, write here where the data came from and under which terms.",
    "",
  ];
  return bytesOf(lines.join("\n"));
}

/** A whole number with commas. */
export const count = (value: number): string => value.toLocaleString("en-US");
const loss = (value: number): string => value.toFixed(4);

/** A text of unknown origin within a line of Markdown. */
export const inline = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ").replace(/[\\`*_[\]<>|#]/g, "\\$&");

/** How a text of unknown origin, and a token, are written in the place where the facts are shown. */
export interface FactStyle {
  /** A name. */
  readonly text: (text: string) => string;
  /** A token. */
  readonly code: (token: string) => string;
}

const MARKDOWN: FactStyle = { text: inline, code: (token) => `\`${token}\`` };

/** What the model is and how good it is, in the order of the card. */
export function factsOf(model: ExportedModel, style: FactStyle): [what: string, value: string][] {
  const { config, tokenizer, step, heldOutLoss, training } = model;
  const { numSteps, bitsPerByte, baselines } = training;
  const measured = training.heldOutLoss ?? heldOutLoss;
  const facts: [string, string | null][] = [
    ["data", dataText(training.data.map(style.text), training.size)],
    [
      "tokenizer",
      `${tokenizer.kind}, ${count(tokenizer.vocabSize)} tokens; every text begins with ${style.code(bosName(tokenizer))}`,
    ],
    [
      "parameters",
      `${count(countParameters(config))}: ${config.nLayer} deep, ${config.nEmbd} wide, ${config.nHead} heads`,
    ],
    ["context", `${count(config.blockSize)} tokens`],
    ["weights", step === 0 ? null : `of step ${count(step)}${numSteps === null ? "" : ` of ${count(numSteps)}`}`],
    ["held-out loss", measured === null ? "not measured" : `${loss(measured)} nats per token`],
    ["bits per byte", bitsPerByte === null ? null : `${loss(bitsPerByte)}, of all held-out text`],
    [
      "baselines",
      baselines === null
        ? null
        : `uniform ${loss(baselines.uniform)}, unigram ${loss(baselines.unigram)}, bigram ${loss(baselines.bigram)} bits per byte`,
    ],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

function dataText(names: readonly string[], size: DataSize | null): string {
  const shown = names.slice(0, 5);
  const more = names.length > shown.length ? ` and ${count(names.length - shown.length)} more` : "";
  const named = `${shown.join(", ")}${more}`;
  if (size === null) return named;
  const { unit, train, heldOut, tokens } = size;
  return `${named}: ${count(train)} ${unit}s to learn, ${count(heldOut)} held out; ${count(tokens)} tokens`;
}
