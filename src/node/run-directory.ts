/**
 * A run is a directory with everything that one training needs and produces:
 *
 *   runs/names-1/
 *   ├─ config.json         the options
 *   ├─ tokenizer.json      the vocabulary and merges        hugging-face/tokenizer.json   the same for other tools
 *   ├─ checkpoints/        step-000200.safetensors, …       to resume from: the newest and the best
 *   ├─ model.safetensors   the best weights alone
 *   ├─ metrics.jsonl       a line per step and per evaluation; metrics.csv and tensorboard/ with --log
 *   ├─ samples.txt         a text per line, or between blank lines
 *   ├─ samples.json        the same, each with its mark
 *   ├─ result.json         the outcome                      cost.json   its time and memory (both: result.ts)
 *   ├─ imported.json       what was known of a model that came from a folder; it has no texts and no checkpoints
 *   ├─ pages/              copies of texts from the web or standard input, for a resumed training
 *   └─ .lock               the process that is training
 *
 * All files except the growing metrics are written in the order of files.ts:
 *
 *   write to a temporary sibling → fsync → rename over the name → fsync of the directory
 *
 * So each is complete or absent, and once a save is reported, neither a kill nor a power cut loses it. A damaged
 * checkpoint is detected, never used.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Checkpoint, ModelFile } from "../training/checkpoint.ts";
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel, sha256 } from "../training/checkpoint.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { InputError, showPath } from "../errors.ts";
import { parseJsonText, toJsonText } from "../library/json-text.ts";
import { checkConfig, configTextOf, extendedConfig, optionsTextAt, parseConfigText } from "../library/run-config.ts";
import type { ConfigJson } from "../library/run-config.ts";
import { checkpointName, stepOfCheckpoint, tokenizerTextOf } from "../library/run-files.ts";
import { METRICS_NAME } from "../library/run-metrics.ts";
import { recogniseFormat } from "../training/safetensors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { toHuggingFace } from "../text/tokenizers/hugging-face.ts";
import { tokenizerFromJson } from "../text/tokenizers/json.ts";
import {
  makeDirectory,
  readError,
  readStart,
  readWhole,
  removeTemporaries,
  writeDurably,
  writeError,
} from "./files.ts";
import { loadFetched, saveFetched } from "./fetched.ts";
import type { FetchedText } from "./fetched.ts";
import { Lock } from "./lock.ts";
import type { TakeOver } from "./lock.ts";
import { createDirectoryAtomically } from "./atomic-directory.ts";
import { writeSamples } from "./samples.ts";
import type { Sample } from "./samples.ts";

/** What was known of an imported model; only an imported run has it. */
export const IMPORTED_FILE = "imported.json";

/** A run on the disk. */
export class Run {
  /** Its directory. */
  readonly path: string;
  /** The tokenizer in tokenizer.json. */
  readonly tokenizer: Tokenizer;
  /** tokenizer.json, byte for byte: its hash is in every checkpoint. */
  readonly tokenizerText: string;
  /** The content of config.json, which keeps options of older versions as they were written. */
  #config: ConfigJson;
  #options: ResolvedOptions;
  #lock: Lock | null = null;

  private constructor(path: string, config: ConfigJson, tokenizerText: string) {
    this.path = path;
    this.#config = config;
    this.#options = readOptions(join(path, "config.json"), config);
    this.tokenizerText = tokenizerText;
    this.tokenizer = tokenizerFromJson(parseJsonText(tokenizerText, join(path, "tokenizer.json")), this.options);
  }

  /** The options in config.json, resolved. */
  get options(): ResolvedOptions {
    return this.#options;
  }

  /** What is hashed of the options for a file of this step (`optionsTextAt`). */
  optionsTextAt(step: number): string {
    return optionsTextAt(this.#config, step);
  }

  /**
   * Changes the number of steps in config.json: when this returns, it is on the disk. The plan of the steps up to the
   * newest checkpoint, of step `done`, stays in the history, so that all of them can be repeated. null: there is none yet.
   */
  extend(done: number | null, numSteps: number): void {
    this.mustHoldLock();
    const path = join(this.path, "config.json");
    const config = extendedConfig(this.#config, done, numSteps);
    readOptions(path, config); // what is written can be read
    writeDurably(path, configTextOf(config));
    this.extendInMemory(done, numSteps);
  }

  /** As `extend`, for a process that only reads the run. */
  extendInMemory(done: number | null, numSteps: number): void {
    const config = extendedConfig(this.#config, done, numSteps);
    this.#options = readOptions(join(this.path, "config.json"), config);
    this.#config = config;
  }

  /**
   * Makes `runsDirectory/name` and locks it; a null name becomes the first free one of `stem-1`, `stem-2`, … The
   * directory appears under its name complete. Throws InputError if the name exists (code "exists") or cannot be written
   * ("machine").
   * @param more further files: path in the run → content.
   */
  static create(
    runsDirectory: string,
    name: string | null,
    stem: string,
    options: ResolvedOptions,
    tokenizer: Tokenizer,
    fetched: readonly FetchedText[] = [],
    more: ReadonlyMap<string, Uint8Array | string> = new Map(),
  ): Run {
    const tokenizerText = tokenizerTextOf(tokenizer);
    const { path, lock } = createDirectoryAtomically(runsDirectory, name, stem, "microgpt resume", (hidden) => {
      makeDirectory(join(hidden, "checkpoints"));
      writeDurably(join(hidden, "config.json"), configTextOf(options));
      writeDurably(join(hidden, "tokenizer.json"), tokenizerText);
      // Hugging Face's file has the same name as ours, so it is in a folder of its own.
      makeDirectory(join(hidden, "hugging-face"));
      writeDurably(join(hidden, "hugging-face", "tokenizer.json"), toJsonText(toHuggingFace(tokenizer)));
      saveFetched(join(hidden, "pages"), fetched);
      for (const [file, content] of more) writeDurably(join(hidden, file), content);
    });
    const run = new Run(path, { ...options }, tokenizerText);
    run.#lock = lock;
    return run;
  }

  /** Opens a run for reading. Throws InputError that names the file at fault. */
  static open(path: string): Run {
    const status = fs.statSync(path, { throwIfNoEntry: false });
    if (status === undefined) throw new InputError(`${showPath(path)}: there is no such run`);
    if (!status.isDirectory()) throw new InputError(`${showPath(path)} is not a run; a run is a directory`);
    const configPath = join(path, "config.json");
    if (!fs.existsSync(configPath)) throw new InputError(`${showPath(path)} is not a run: it has no config.json`);
    const tokenizerText = readWhole(join(path, "tokenizer.json")).toString("utf8");
    return new Run(path, parseConfigText(readWhole(configPath, 2 ** 20).toString("utf8"), configPath), tokenizerText);
  }

  /** Opens a run and locks it, as `lock`. */
  static openToTrain(path: string, takeOver: TakeOver = "dead"): Run {
    const run = Run.open(path);
    run.lock(takeOver);
    return run;
  }

  /** Throws InputError (code "in-use") if another process has the run, so that `lock` would throw. */
  checkFree(takeOver: TakeOver = "dead"): void {
    Lock.check(join(this.path, ".lock"), takeOver);
  }

  /**
   * Locks the run, to resume it, and removes temporary files of killed processes. Throws InputError, with code "in-use"
   * if another process has it.
   */
  lock(takeOver: TakeOver = "dead"): void {
    try {
      this.#lock = Lock.take(join(this.path, ".lock"), takeOver);
      for (const directory of this.#isLinked ? [this.path] : [this.path, this.#checkpoints])
        removeTemporaries(directory);
    } catch (error) {
      this.close();
      throw writeError(this.path, 0, error);
    }
  }

  /** The texts that cannot be read again, as they were when the run began. Throws InputError if they are missing. */
  fetched(): FetchedText[] {
    if (this.isImported) {
      throw new InputError(
        `${showPath(this.path)} was imported, without its texts; to train it on with a text: microgpt train --from ${showPath(this.path)}`,
      );
    }
    return loadFetched(join(this.path, "pages"));
  }

  /** Whether the model came from a folder (`run/import.ts`). */
  get isImported(): boolean {
    return fs.existsSync(join(this.path, IMPORTED_FILE));
  }

  /** Releases the lock. */
  close(): void {
    this.#lock?.release();
    this.#lock = null;
  }

  /**
   * Saves a checkpoint; when this resolves, it is on the disk. Older ones are removed only after that, except the
   * newest `keep` and the best; in a linked directory none is removed.
   */
  async saveCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.mustHoldLock();
    const { step, best } = checkpoint.progress;
    writeDurably(join(this.#checkpoints, checkpointName(step)), await encodeCheckpoint(checkpoint));
    if (this.#isLinked) return;
    const older = this.#steps().filter((saved) => saved <= step && saved !== best?.step);
    for (const saved of older.slice(this.options.keep)) this.#removeCheckpoint(saved);
  }

  #removeCheckpoint(step: number): void {
    const path = join(this.#checkpoints, checkpointName(step));
    try {
      fs.rmSync(path);
    } catch (error) {
      throw writeError(path, 0, error);
    }
  }

  /**
   * The newest intact checkpoint; null if there is none yet. Calls `warn` for each damaged one that it skips, and for a
   * linked directory. Throws InputError if there are checkpoints and all are damaged.
   */
  async loadCheckpoint(warn: (message: string) => void): Promise<Checkpoint | null> {
    if (this.#isLinked) warn(`${showPath(this.#checkpoints)} is a symbolic link: no old checkpoint is removed there`);
    const steps = this.#steps();
    for (const step of steps) {
      const path = join(this.#checkpoints, checkpointName(step));
      try {
        return await this.loadCheckpointAt(step);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        warn(`${showPath(path)} is skipped (${error.message})`);
      }
    }
    if (steps.length === 0) return null;
    throw new InputError(`${showPath(this.path)} has no intact checkpoint; it cannot be resumed`);
  }

  /** The checkpoint of one step. Throws InputError if it is missing or damaged. */
  async loadCheckpointAt(step: number): Promise<Checkpoint> {
    return await decodeCheckpoint(readSafetensors(join(this.#checkpoints, checkpointName(step))));
  }

  /** Writes model.safetensors; when this resolves, it is on the disk. */
  async saveModel(model: ModelFile): Promise<void> {
    this.mustHoldLock();
    writeDurably(join(this.path, "model.safetensors"), await encodeModel(model));
  }

  /** Reads model.safetensors. Throws InputError if it is missing, damaged, or was trained with another tokenizer. */
  async loadModel(): Promise<ModelFile> {
    const path = join(this.path, "model.safetensors");
    try {
      const model = await decodeModel(readSafetensors(path));
      if (model.tokenizerHash === (await sha256(this.tokenizerText))) return model;
      throw new InputError("the tokenizer.json beside it is not the one it was trained with");
    } catch (error) {
      throw error instanceof InputError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
    }
  }

  /**
   * The weights to generate text with: the best or, before the first evaluation, those of the newest checkpoint, which
   * `note` is told. Throws InputError if there are neither, or as `loadModel`.
   */
  async loadWeights(note: (message: string) => void): Promise<ModelFile> {
    if (fs.existsSync(join(this.path, "model.safetensors"))) return await this.loadModel();
    const checkpoint = await this.loadCheckpoint(note);
    if (checkpoint === null) {
      throw new InputError(
        `${showPath(this.path)} has no weights yet; microgpt resume ${showPath(this.path)} makes some`,
      );
    }
    if (checkpoint.tokenizerHash !== (await sha256(this.tokenizerText))) {
      throw new InputError(`${showPath(this.path)}: its tokenizer.json is not the one it was trained with`);
    }
    const { state, progress, random: _, ...origin } = checkpoint;
    const { step } = progress;
    note(
      `${showPath(this.path)} has not been evaluated yet; using the weights of its newest checkpoint, of step ${step}`,
    );
    return { ...origin, weights: state.weights, step, heldOutLoss: null };
  }

  /** Writes samples.json and samples.txt. */
  saveSamples(samples: readonly Sample[]): void {
    this.mustHoldLock();
    writeSamples(this.path, samples, this.options.documents);
  }

  /** The path of metrics.jsonl. */
  get metricsPath(): string {
    return join(this.path, METRICS_NAME);
  }

  get #checkpoints(): string {
    return join(this.path, "checkpoints");
  }

  /** Whether `checkpoints` is a symbolic link. What it leads to may hold files of another run, so nothing is removed there. */
  get #isLinked(): boolean {
    return fs.lstatSync(this.#checkpoints, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  }

  /** The step of the newest checkpoint, which may be damaged; null: there is none yet. */
  get savedStep(): number | null {
    return this.#steps().at(0) ?? null;
  }

  /** Steps that have a checkpoint, the newest first. */
  #steps(): number[] {
    try {
      return fs
        .readdirSync(this.#checkpoints)
        .flatMap((name) => stepOfCheckpoint(name) ?? [])
        .toSorted((a, b) => b - a);
    } catch (error) {
      throw readError(this.#checkpoints, error);
    }
  }

  /** Throws InputError if this process no longer holds the run, which was deleted or taken over. */
  mustHoldLock(): void {
    if (this.#lock?.isHeld() === true) return;
    throw new InputError(
      `${showPath(this.path)}: its lock is gone, so it was deleted or taken over; the training stops`,
    );
  }
}

/**
 * Reads a safetensors file. Checks its first bytes before, so that a large file of another format is not read whole.
 */
function readSafetensors(path: string): Buffer {
  const format = fs.existsSync(path) && fs.statSync(path).isFile() ? recogniseFormat(readStart(path, 9)) : null;
  if (format !== null) throw new InputError(`it is ${format}; expected a safetensors file`);
  return readWhole(path);
}

function readOptions(path: string, config: ConfigJson): ResolvedOptions {
  try {
    return checkConfig(config);
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
  }
}
