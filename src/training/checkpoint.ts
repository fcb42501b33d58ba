/**
 * Checkpoints, with everything that a training needs to resume bit for bit, and model files, with the weights alone;
 * both are safetensors files.
 *
 * Both have a SHA-256 of themselves in their metadata, so that a truncated or changed file is detected. Tensors have
 * the engine's own precision and no time of day is written: the same training gives the same bytes.
 */
import type { Tensor, Tensors, TrainingState } from "./engine.ts";
import { weightShapes } from "./engine.ts";
import { InputError, isRecord, quote } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import { isRandomState } from "../random.ts";
import type { RandomState } from "../random.ts";
import { sha256Of } from "../text/sha256.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import type { RawTensor, SafetensorsFile } from "./safetensors.ts";
import type { Evaluation, Progress } from "./train.ts";

/** The run that a file belongs to. A resumed training refuses other data and another tokenizer. */
export interface Origin {
  /** The model. */
  readonly config: Config;
  /** SHA-256 of the documents, in hex. */
  readonly dataHash: string;
  /** SHA-256 of tokenizer.json, in hex. */
  readonly tokenizerHash: string;
  /** SHA-256 of the options without the data's paths, in hex. */
  readonly optionsHash: string;
}

/** A state of a training. */
export interface Checkpoint extends Origin {
  /** Steps done, and so the position in the data. */
  readonly progress: Progress;
  /** The state of the run's generator. */
  readonly random: RandomState;
  /** Weights and Adam's means. */
  readonly state: TrainingState;
}

/** A model file: the weights of one step. */
export interface ModelFile extends Origin {
  /** The weights. */
  readonly weights: Tensors;
  /** The step that the weights are of. */
  readonly step: number;
  /** Their held-out loss; null where nothing was held out. */
  readonly heldOutLoss: number | null;
}

const CHECKPOINT_FORMAT = "microgpt-checkpoint";
const MODEL_FORMAT = "microgpt-model";
const FORMAT_VERSION = "1";
const HASH_KEY = "sha256";
/** Stands in for the hash while the file is hashed. */
const NO_HASH = "0".repeat(64);
/** The hash is the first metadata entry, so its offset is the same in every file: right after the header's length. */
const HASH_PREFIX = `{"__metadata__":{"${HASH_KEY}":"`;
const HASH_SPAN = { prefix: 8, start: 8 + HASH_PREFIX.length, end: 8 + HASH_PREFIX.length + NO_HASH.length };

/** → the bytes of `step-N.safetensors`. Throws InputError (exit code 3) if a number in it is not finite. */
export async function encodeCheckpoint(checkpoint: Checkpoint): Promise<Uint8Array<ArrayBuffer>> {
  const { state, progress, random } = checkpoint;
  const tensors = new Map([
    ...rawTensors("", state.weights),
    ...rawTensors("adam.mean.", state.adamMean),
    ...rawTensors("adam.meanSquare.", state.adamMeanSquare),
  ]);
  const metadata = new Map([
    ...originEntries(CHECKPOINT_FORMAT, checkpoint),
    ["progress", JSON.stringify(progress)],
    ["random", JSON.stringify(random)],
  ] as const);
  return await seal({ tensors, metadata });
}

/** Reads and verifies a checkpoint's bytes. Throws InputError that names what is wrong. */
export async function decodeCheckpoint(bytes: Uint8Array): Promise<Checkpoint> {
  const { tensors, metadata } = await unseal(bytes);
  const origin = readOrigin(CHECKPOINT_FORMAT, metadata);
  const shapes = expectedShapes(origin.config, tensors.size, 3);
  const state = {
    weights: readTensors("", shapes, tensors),
    adamMean: readTensors("adam.mean.", shapes, tensors),
    adamMeanSquare: readTensors("adam.meanSquare.", shapes, tensors),
  };
  return { ...origin, progress: readProgress(metadata), random: readRandom(metadata), state };
}

/** → the bytes of `model.safetensors`. Throws InputError (exit code 3) if a weight is not finite. */
export async function encodeModel(
  model: ModelFile,
  extra: ReadonlyMap<string, string> = new Map(),
): Promise<Uint8Array<ArrayBuffer>> {
  const { weights, step, heldOutLoss } = model;
  const metadata = new Map([
    ...originEntries(MODEL_FORMAT, model),
    ["step", String(step)],
    ["heldOutLoss", JSON.stringify(heldOutLoss)],
    ...extra,
  ] as const);
  return await seal({ tensors: rawTensors("", weights), metadata });
}

/** Reads and verifies a model's bytes. Throws InputError that names what is wrong. */
export async function decodeModel(bytes: Uint8Array): Promise<ModelFile> {
  return readModel(await unseal(bytes));
}

/** The same for a file that was unsealed; its metadata may hold more. */
export function readModel({ tensors, metadata }: SafetensorsFile): ModelFile {
  const origin = readOrigin(MODEL_FORMAT, metadata);
  const shapes = expectedShapes(origin.config, tensors.size, 1);
  const step = readJson(metadata, "step");
  const heldOutLoss = readJson(metadata, "heldOutLoss");
  if (!isCount(step)) throw new InputError("model: `step` must be a whole number");
  if (!isLoss(heldOutLoss)) throw new InputError("model: `heldOutLoss` must be a number or null");
  return { ...origin, weights: readTensors("", shapes, tensors), step, heldOutLoss };
}

/** SHA-256 in hex: by the Web Crypto API if available, otherwise in TypeScript. */
export async function sha256(bytes: Uint8Array<ArrayBuffer> | string): Promise<string> {
  // Pages without a secure origin have no `subtle`, whatever its type says.
  const subtle: SubtleCrypto | undefined = globalThis.crypto.subtle;
  if (subtle === undefined) return sha256Of(bytes);
  const input = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const digest = new Uint8Array(await subtle.digest("SHA-256", input));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The file with its own hash in it: hashed with zeros instead of the hash, which then overwrites them. */
export async function seal({ tensors, metadata }: SafetensorsFile): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = encodeSafetensors({ tensors, metadata: new Map([[HASH_KEY, NO_HASH], ...metadata]) });
  bytes.set(new TextEncoder().encode(await sha256(bytes)), HASH_SPAN.start);
  return bytes;
}

/**
 * Reads what `seal` wrote. Checks the hash before anything else, so that any damage is reported as damage, wherever
 * it is. Throws InputError.
 */
export async function unseal(bytes: Uint8Array): Promise<SafetensorsFile> {
  const text = new TextDecoder("latin1").decode(bytes.subarray(HASH_SPAN.prefix, HASH_SPAN.end));
  if (!text.startsWith(HASH_PREFIX)) {
    decodeSafetensors(bytes); // may throw a more specific error
    throw new InputError("checksum: not found at its offset; the file is damaged, or written by another program");
  }
  const copy = new Uint8Array(bytes);
  copy.fill(0x30, HASH_SPAN.start, HASH_SPAN.end); // "0"
  if ((await sha256(copy)) !== text.slice(HASH_PREFIX.length)) {
    throw new InputError("checksum: the bytes are not what was written; the file is damaged");
  }
  return decodeSafetensors(bytes);
}

function originEntries(format: string, { config, ...hashes }: Origin): (readonly [string, string])[] {
  return [
    ["format", format],
    ["version", FORMAT_VERSION],
    ["config", JSON.stringify(config)],
    ["dataHash", hashes.dataHash],
    ["tokenizerHash", hashes.tokenizerHash],
    ["optionsHash", hashes.optionsHash],
  ];
}

function readOrigin(format: string, metadata: ReadonlyMap<string, string>): Origin {
  const found = metadata.get("format");
  if (found !== format) throw new InputError(`${format}: the file's format is ${quote(found ?? "nothing")}`);
  const version = metadata.get("version");
  if (version !== FORMAT_VERSION) {
    throw new InputError(`${format}: version ${quote(version ?? "none")} is not ${FORMAT_VERSION}; update microgpt`);
  }
  const config = parseConfig(readJson(metadata, "config"));
  const hash = (key: keyof Origin): string => metadata.get(key) ?? "";
  return {
    config,
    dataHash: hash("dataHash"),
    tokenizerHash: hash("tokenizerHash"),
    optionsHash: hash("optionsHash"),
  };
}

/** Far above any model of ours; keeps products of sizes below 2^53. */
const MAX_CONFIG = 2 ** 20;

/** Checks a configuration from outside. Throws InputError that names the field. */
export function parseConfig(json: unknown): Config {
  if (!isRecord(json)) throw new InputError("config: it must be an object");
  const size = (key: keyof Config): number => {
    const value = json[key];
    if (isCount(value) && value >= 1 && value <= MAX_CONFIG) return value;
    // A list or an object is not shown: it may be too deep to print, or have no text at all.
    const got = typeof value === "number" || typeof value === "string" ? `, got ${quote(String(value))}` : "";
    throw new InputError(`config: \`${key}\` must be a whole number from 1 to ${MAX_CONFIG}${got}`);
  };
  const config = {
    vocabSize: size("vocabSize"),
    nEmbd: size("nEmbd"),
    nHead: size("nHead"),
    nLayer: size("nLayer"),
    blockSize: size("blockSize"),
  };
  if (config.nEmbd % config.nHead !== 0) {
    throw new InputError(`config: nHead ${config.nHead} does not divide nEmbd ${config.nEmbd}`);
  }
  return config;
}

function readProgress(metadata: ReadonlyMap<string, string>): Progress {
  const json = readJson(metadata, "progress");
  if (!isRecord(json)) throw new InputError("checkpoint: `progress` must be an object");
  // Files written before steps could be skipped lack the two counts.
  const { step, meanLoss, evaluation, best, skipped = 0, skippedInARow = 0 } = json;
  if (!isCount(step)) throw new InputError("checkpoint: `progress.step` must be a whole number");
  if (!isLoss(meanLoss)) throw new InputError("checkpoint: `progress.meanLoss` must be a number or null");
  if (!isCount(skipped) || !isCount(skippedInARow) || skippedInARow > skipped || skipped > step) {
    throw new InputError("checkpoint: `progress.skipped` must count some of the steps, `skippedInARow` some of those");
  }
  const evaluations = { evaluation: readEvaluation(evaluation), best: readEvaluation(best) };
  return { step, skipped, skippedInARow, meanLoss, ...evaluations };
}

function readEvaluation(json: unknown): Evaluation | null {
  if (json === null) return null;
  const { step, heldOutLoss } = isRecord(json) ? json : {};
  if (!isCount(step) || !isLoss(heldOutLoss) || heldOutLoss === null) {
    throw new InputError("checkpoint: an evaluation in `progress` must be a step and its loss");
  }
  return { step, heldOutLoss };
}

function readRandom(metadata: ReadonlyMap<string, string>): RandomState {
  const state = readJson(metadata, "random");
  if (!isRandomState(state)) throw new InputError("checkpoint: `random` is not a generator state");
  return state;
}

function readJson(metadata: ReadonlyMap<string, string>, key: string): unknown {
  try {
    return JSON.parse(metadata.get(key) ?? "");
  } catch {
    throw new InputError(`metadata: \`${key}\` is missing or not JSON`);
  }
}

const isCount = (json: unknown): json is number => Number.isSafeInteger(json) && Number(json) >= 0;
const isLoss = (json: unknown): json is number | null => json === null || Number.isFinite(json);

function rawTensors(prefix: string, tensors: Tensors): Map<string, RawTensor> {
  const raw = new Map<string, RawTensor>();
  for (const [name, { shape, data }] of tensors) {
    if (!data.every(Number.isFinite))
      throw new InputError(`checkpoint: ${prefix}${name} has a NaN; not saved`, "diverged");
    const dtype = data instanceof Float64Array ? "F64" : "F32";
    raw.set(prefix + name, { dtype, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
  }
  return raw;
}

/** Counts tensors before making shapes: a file with one tensor may claim a million layers. */
function expectedShapes(config: Config, found: number, copies: number): ReturnType<typeof weightShapes> {
  const expected = copies * (3 + 6 * config.nLayer);
  if (found !== expected) throw new InputError(`tensors: the file has ${found}, its config needs ${expected}`);
  return weightShapes(config);
}

/**
 * The tensors of these shapes, named with the prefix, in the order of the shapes. Throws InputError for one that is missing,
 * has another shape or number format, or holds a number that is not finite.
 */
export function readTensors(
  prefix: string,
  shapes: ReadonlyMap<string, readonly [number, number]>,
  tensors: ReadonlyMap<string, RawTensor>,
): Tensors {
  const read = new Map<string, Tensor>();
  for (const [name, shape] of shapes) {
    const raw = tensors.get(prefix + name);
    if (raw === undefined) throw new InputError(`tensor ${prefix}${name} is missing`);
    if (raw.shape.length !== 2 || raw.shape[0] !== shape[0] || raw.shape[1] !== shape[1]) {
      throw new InputError(`tensor ${prefix}${name} is [${raw.shape.join(", ")}], expected [${shape.join(", ")}]`);
    }
    const data = numbers(raw, prefix + name);
    if (!data.every(Number.isFinite)) throw new InputError(`tensor ${prefix}${name} has a NaN or an infinite number`);
    read.set(name, { shape, data });
  }
  return read;
}

/** A copy of the numbers, aligned. Every machine that runs JavaScript today is little-endian, as the format is. */
function numbers({ dtype, bytes }: RawTensor, name: string): Float64Array | Float32Array {
  const { buffer } = new Uint8Array(bytes);
  if (dtype === "F64") return new Float64Array(buffer);
  if (dtype === "F32") return new Float32Array(buffer);
  throw new InputError(`tensor ${name} is ${dtype}; expected F32 or F64`);
}
