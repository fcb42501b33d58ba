/**
 * `microgpt.json`, which only microgpt reads: what other programs have no field for. With it, `microgpt import` makes the
 * same model of a folder again, tokenizer and options included.
 */
import { InputError, isRecord, quote } from "../errors.ts";
import { toJsonText } from "../library/json-text.ts";
import { isDataSize } from "../library/training-data.ts";
import type { Config } from "../microgpt.ts";
import { isBaselines } from "../text/baselines.ts";
import { parseConfig, sha256 } from "../training/checkpoint.ts";
import type { Tensors } from "../training/engine.ts";
import { bytesOf } from "./model.ts";
import type { ExportedFiles, ExportedModel, TrainingFacts } from "./model.ts";
import { floatsOf } from "./weights.ts";

/** The name of the file. */
export const OWN_FILE = "microgpt.json";

/** What the file says, except tokenizer and options, which are not checked here. */
export interface OwnFile {
  /** The model's sizes. */
  readonly config: Config;
  /** What is known of the weights with this hash (`weightsHash`): those of another training are another model. */
  readonly weightsHash: string;
  /** The step that they are from. */
  readonly step: number;
  /** Their held-out loss; null if nothing was held out. */
  readonly heldOutLoss: number | null;
  /** SHA-256 of the training data, in hex. */
  readonly dataHash: string;
  /** What is known of the training. */
  readonly training: TrainingFacts;
  /** As in `config.json` of a run. */
  readonly options: Readonly<Record<string, unknown>>;
  /** As in `tokenizer.json` of a run. */
  readonly tokenizer: unknown;
}

/** A model's options without the names of folders, files and hosts. */
export const portableOptions = ({ options }: Pick<ExportedModel, "options">): ExportedModel["options"] => ({
  ...options,
  data: [],
  urls: [],
  urlFile: null,
  cacheDir: null,
  allowHost: [],
});

/** The file of a model. */
export async function ownFile(model: ExportedModel): Promise<ExportedFiles> {
  const { config, tokenizer, weights, step, heldOutLoss, dataHash, training } = model;
  const own: OwnFile = {
    config,
    weightsHash: await weightsHash(weights),
    step,
    heldOutLoss,
    dataHash,
    training,
    options: { ...portableOptions(model) },
    tokenizer,
  };
  return new Map([[OWN_FILE, bytesOf(toJsonText({ format: "microgpt-export", version: 1, ...own }))]]);
}

/** SHA-256 of the weights as 32-bit floats, one matrix after the other, in hex. */
export async function weightsHash(weights: Tensors): Promise<string> {
  const floats = [...weights.values()].map(floatsOf);
  const bytes = new Uint8Array(floats.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let position = 0;
  for (const { buffer, byteOffset, byteLength } of floats) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), position);
    position += byteLength;
  }
  return await sha256(bytes);
}

/** Checks the content of the file. Throws InputError that names the field. */
export function parseOwnFile(json: unknown): OwnFile {
  if (!isRecord(json) || json.format !== "microgpt-export") refuse("it is not of microgpt export");
  if (json.version !== 1) refuse(`version ${quote(String(json.version))} is not 1; update microgpt`);
  const { step, heldOutLoss, dataHash, weightsHash: hash, options, tokenizer } = json;
  if (!isCount(step)) refuse("`step` must be a whole number");
  if (!isLoss(heldOutLoss)) refuse("`heldOutLoss` must be a number or null");
  if (!isHash(dataHash)) refuse("`dataHash` must be 64 hexadecimal digits");
  if (!isHash(hash)) refuse("`weightsHash` must be 64 hexadecimal digits");
  if (!isRecord(options)) refuse("`options` must be an object");
  const config = parseConfig(json.config);
  return {
    config,
    weightsHash: hash,
    step,
    heldOutLoss,
    dataHash,
    training: parseFacts(json.training),
    options,
    tokenizer,
  };
}

/** Far above what a person names; a card shows five. */
const MAX_NAMES = 10_000;

/** Checks what a file says of a training. Throws InputError that names the field. */
export function parseFacts(json: unknown): TrainingFacts {
  if (!isRecord(json)) refuse("`training` must be an object");
  const { data, size, numSteps, heldOutLoss, bitsPerByte, baselines } = json;
  if (!isNames(data)) refuse("`training.data` must be a list of names");
  if (size !== null && !isDataSize(size)) refuse("`training.size` must have unit, train, heldOut and tokens");
  if (numSteps !== null && !isCount(numSteps)) refuse("`training.numSteps` must be a whole number or null");
  if (!isLoss(heldOutLoss) || !isLoss(bitsPerByte)) refuse("`training` must have losses, or null for them");
  if (baselines !== null && !isBaselines(baselines)) refuse("`training.baselines` must be three losses, or null");
  return { data, size, numSteps, heldOutLoss, bitsPerByte, baselines };
}

const isCount = (json: unknown): json is number => Number.isSafeInteger(json) && Number(json) >= 0;
const isLoss = (json: unknown): json is number | null => json === null || Number.isFinite(json);
const isHash = (json: unknown): json is string => typeof json === "string" && /^[0-9a-f]{64}$/.test(json);
const isNames = (json: unknown): json is string[] =>
  Array.isArray(json) && json.length <= MAX_NAMES && json.every((name: unknown) => typeof name === "string");

function refuse(what: string): never {
  throw new InputError(`${OWN_FILE}: ${what}`);
}
