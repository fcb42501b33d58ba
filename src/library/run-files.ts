/**
 * A run directory as named bytes in memory, which a page can offer for download and read back. The names and formats
 * are those of a run on disk (`node/run-directory.ts`), so `microgpt resume` can resume it.
 */
import { InputError } from "../errors.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { tokenizerFromJson } from "../text/tokenizers/json.ts";
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel } from "../training/checkpoint.ts";
import type { Checkpoint, ModelFile } from "../training/checkpoint.ts";
import { parseJsonText, toJsonText } from "./json-text.ts";
import { checkConfig, configTextOf, parseConfigText } from "./run-config.ts";

/** Path within the run → bytes. */
export type RunFiles = ReadonlyMap<string, Uint8Array>;

/** What a run holds that another process needs to resume it. */
export interface RunContent {
  /** The options of the training, and its history. */
  readonly options: ResolvedOptions;
  /** Text to ids and back. */
  readonly tokenizer: Tokenizer;
  /** The newest state; null before the first save. */
  readonly checkpoint: Checkpoint | null;
  /** The best weights; null before the first evaluation. */
  readonly model: ModelFile | null;
  /** Training texts that the run keeps because they are not files that can be read again. */
  readonly texts: readonly string[];
}

/** The exact text of `tokenizer.json`; its hash is in every checkpoint. */
export const tokenizerTextOf = (tokenizer: Tokenizer): string => toJsonText(tokenizer);

const CHECKPOINT_NAME = /^step-(\d{6,15})\.safetensors$/;

/** `step-000200.safetensors` */
export const checkpointName = (step: number): string => `step-${String(step).padStart(6, "0")}.safetensors`;

/** The step in a checkpoint's file name; null for any other name. */
export function stepOfCheckpoint(name: string): number | null {
  const digits = CHECKPOINT_NAME.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** The newest checkpoint of a run's files, and its step; null: there is none. */
export function newestCheckpoint(files: RunFiles): { readonly step: number; readonly name: string } | null {
  const saved = [...files.keys()].flatMap((name) => {
    const step = name.startsWith("checkpoints/") ? stepOfCheckpoint(name.slice("checkpoints/".length)) : null;
    return step === null ? [] : [{ step, name }];
  });
  return saved.toSorted((a, b) => b.step - a.step).at(0) ?? null;
}

/** A run's content → its files, as they would be on disk. */
export async function encodeRun({ options, tokenizer, checkpoint, model, texts }: RunContent): Promise<RunFiles> {
  const encoder = new TextEncoder();
  // "-": the run reads its texts from `pages/`, as it does for standard input.
  const kept = texts.length === 0 ? options : { ...options, data: ["-"] };
  const files = new Map<string, Uint8Array>([
    ["config.json", encoder.encode(configTextOf(kept))],
    ["tokenizer.json", encoder.encode(tokenizerTextOf(tokenizer))],
  ]);
  for (const [i, text] of texts.entries()) {
    files.set(`pages/${String(i + 1).padStart(4, "0")}.txt`, encoder.encode(text));
  }
  if (texts.length > 0) files.set("pages/pages.json", encoder.encode(toJsonText(texts.map(() => ({ name: "-" })))));
  if (checkpoint !== null) {
    files.set(`checkpoints/${checkpointName(checkpoint.progress.step)}`, await encodeCheckpoint(checkpoint));
  }
  if (model !== null) files.set("model.safetensors", await encodeModel(model));
  return files;
}

/** The files of a run → its content, with the newest checkpoint. Throws InputError that names the file at fault. */
export async function decodeRun(files: RunFiles): Promise<RunContent> {
  const decoder = new TextDecoder();
  const textOf = (name: string): string => {
    const bytes = files.get(name);
    if (bytes === undefined) throw new InputError(`${name} is missing; expected the files of a run`);
    return decoder.decode(bytes);
  };
  const options = checkConfig(parseConfigText(textOf("config.json"), "config.json"));
  const tokenizer = tokenizerFromJson(parseJsonText(textOf("tokenizer.json"), "tokenizer.json"), options);
  const newest = newestCheckpoint(files);
  const model = files.get("model.safetensors");
  const pages = [...files.keys()].filter((name) => /^pages\/\d{4,}\.txt$/.test(name)).toSorted();
  return {
    options,
    tokenizer,
    checkpoint: newest === null ? null : await named(newest.name, decodeCheckpoint(files.get(newest.name)!)),
    model: model === undefined ? null : await named("model.safetensors", decodeModel(model)),
    texts: pages.map((name) => textOf(name)),
  };
}

/** What is read of a file; an InputError gets the file's name. */
async function named<T>(name: string, content: Promise<T>): Promise<T> {
  try {
    return await content;
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${name}: ${error.message}`, error.code) : error;
  }
}
