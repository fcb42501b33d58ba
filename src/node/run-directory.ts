/**
 * A run is a directory. It holds all that a training was told, has learnt and has written:
 *
 *   config.json      the options            checkpoints/step-000200.safetensors   to go on from; the newest and the best
 *   tokenizer.json   ids and characters     model.safetensors                     the best weights alone
 *   metrics.jsonl    a line a step          samples.txt                           a text a line, or between blank lines
 *   pages/           texts from the web, or piped in, to learn from again
 *
 * The promise: once a save is reported, no kill and no power cut loses it; a damaged file is noticed, never used.
 */
import * as fs from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Checkpoint, ModelFile } from "../training/checkpoint.ts";
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel, sha256 } from "../training/checkpoint.ts";
import { checkOptions, TRAIN_OPTIONS } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { InputError, showPath } from "../errors.ts";
import {
  checkpointName,
  configTextOf,
  optionsTextOf,
  parseConfigText,
  parseJsonText,
  stepOfCheckpoint,
  tokenizerTextOf,
  toJsonText,
} from "../library/run-files.ts";
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
import { createDirectoryAtomically } from "./atomic-directory.ts";

export class Run {
  readonly path: string;
  /** What the training was told. */
  readonly options: ResolvedOptions;
  readonly tokenizer: Tokenizer;
  /** tokenizer.json to the letter, and the options as config.json has them, but for where the data lies: what is hashed. */
  readonly tokenizerText: string;
  readonly optionsText: string;
  #lock: Lock | null = null;

  private constructor(path: string, optionsJson: Readonly<Record<string, unknown>>, tokenizerText: string) {
    this.path = path;
    this.options = resolveOptions(readOptions(join(path, "config.json"), optionsJson));
    this.optionsText = optionsTextOf(optionsJson);
    this.tokenizerText = tokenizerText;
    this.tokenizer = tokenizerFromJson(parseJsonText(tokenizerText, join(path, "tokenizer.json")));
  }

  /**
   * Makes `runsDirectory/name` and locks it. Without a name the first free one of `stem-1`, `stem-2`, … is taken.
   * The directory appears under its name complete. Throws InputError: it exists, or can't be written.
   */
  static create(
    runsDirectory: string,
    name: string | null,
    stem: string,
    options: ResolvedOptions,
    tokenizer: Tokenizer,
    fetched: readonly FetchedText[] = [],
  ): Run {
    const tokenizerText = tokenizerTextOf(tokenizer);
    const path = createDirectoryAtomically(runsDirectory, name, stem, "microgpt resume", (hidden) => {
      makeDirectory(join(hidden, "checkpoints"));
      writeDurably(join(hidden, "config.json"), configTextOf(options));
      writeDurably(join(hidden, "tokenizer.json"), tokenizerText);
      // The same tokenizer as other tools read it: theirs has this name, too, so it is in a folder of its own.
      makeDirectory(join(hidden, "hugging-face"));
      writeDurably(join(hidden, "hugging-face", "tokenizer.json"), toJsonText(toHuggingFace(tokenizer)));
      saveFetched(join(hidden, "pages"), fetched);
      Lock.take(join(hidden, ".lock"));
    });
    const run = new Run(path, { ...options }, tokenizerText);
    run.#lock = Lock.adopt(join(path, ".lock"));
    return run;
  }

  /** Opens a run to read from it. Throws InputError that names the file at fault. */
  static open(path: string): Run {
    const status = fs.statSync(path, { throwIfNoEntry: false });
    if (status === undefined) throw new InputError(`${showPath(path)}: there is no such run`);
    if (!status.isDirectory()) throw new InputError(`${showPath(path)} is no run; a run is a directory`);
    const configPath = join(path, "config.json");
    if (!fs.existsSync(configPath)) throw new InputError(`${showPath(path)} is no run: it has no config.json`);
    const tokenizerText = readWhole(join(path, "tokenizer.json")).toString("utf8");
    return new Run(path, parseConfigText(readWhole(configPath, 2 ** 20).toString("utf8"), configPath), tokenizerText);
  }

  /** Opens a run to go on with it: locked, and tidied of what a killed process left. */
  static openToTrain(path: string): Run {
    const run = Run.open(path);
    try {
      run.#lock = Lock.take(join(path, ".lock"));
      for (const directory of [path, run.#checkpoints]) removeTemporaries(directory);
    } catch (error) {
      run.close();
      throw writeError(path, 0, error);
    }
    return run;
  }

  /** The texts that can't be had again, as they were when the run began. Throws InputError if they are gone. */
  fetched(): FetchedText[] {
    return loadFetched(join(this.path, "pages"));
  }

  /** Gives the lock back. */
  close(): void {
    this.#lock?.release();
    this.#lock = null;
  }

  /** Saves a checkpoint; when this resolves it is on the disk. Only then older ones go, but the newest `keep` and the best. */
  async saveCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.mustHoldLock();
    const { step, best } = checkpoint.progress;
    writeDurably(join(this.#checkpoints, checkpointName(step)), await encodeCheckpoint(checkpoint));
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
   * The newest checkpoint that verifies; null if there is none yet. `warn` hears of each damaged one that is passed over.
   * Throws InputError if there are checkpoints and none verifies.
   */
  async loadCheckpoint(warn: (message: string) => void): Promise<Checkpoint | null> {
    const steps = this.#steps();
    for (const step of steps) {
      const path = join(this.#checkpoints, checkpointName(step));
      try {
        return await this.loadCheckpointAt(step);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        warn(`${showPath(path)} can't be used (${error.message})`);
      }
    }
    if (steps.length === 0) return null;
    throw new InputError(`${showPath(this.path)} has no checkpoint that is whole; it can't go on`);
  }

  /** The checkpoint of one step. Throws InputError if there is none or it is damaged. */
  async loadCheckpointAt(step: number): Promise<Checkpoint> {
    return await decodeCheckpoint(readSafetensors(join(this.#checkpoints, checkpointName(step))));
  }

  async saveModel(model: ModelFile): Promise<void> {
    this.mustHoldLock();
    writeDurably(join(this.path, "model.safetensors"), await encodeModel(model));
  }

  /** Throws InputError if model.safetensors is missing or damaged. */
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

  saveSamples(samples: readonly string[]): void {
    const end = this.options.documents === "line" ? "\n" : "\n\n";
    writeDurably(join(this.path, "samples.txt"), samples.map((sample) => sample + end).join(""));
  }

  get metricsPath(): string {
    return join(this.path, "metrics.jsonl");
  }

  get #checkpoints(): string {
    return join(this.path, "checkpoints");
  }

  /** The steps that have a checkpoint, newest first. */
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

  /** Throws InputError if the run is not this process's any more: deleted, or taken over. Nothing may be written then. */
  mustHoldLock(): void {
    if (this.#lock?.isHeld() === true) return;
    throw new InputError(
      `${showPath(this.path)}: its lock is gone, so it was deleted or taken over; the training stops`,
    );
  }
}

/** A name for runs of these texts: `names` for `data/names.txt`, `www-gutenberg-org` for a page of it. */
export function stemOf(paths: readonly string[], urls: readonly string[] = []): string {
  const name = paths.length > 0 ? basename(paths[0]).replace(/\.[^.]*$/, "") : stemOfUrl(urls[0]);
  return name.replace(/[^\p{L}\p{N}_-]/gu, "-").replace(/^-+/, "") || "run";
}

const stemOfUrl = (url: string | undefined): string =>
  url === undefined ? "names" : URL.canParse(url) && new URL(url).hostname !== "" ? new URL(url).hostname : "pages";

/** A run as typed: a path, or the name of one in `runsDirectory`. */
export function findRun(typed: string, runsDirectory: string): string {
  const named = join(runsDirectory, typed);
  return fs.existsSync(typed) || !fs.existsSync(named) ? resolve(typed) : named;
}

/** Checks the first bytes before the rest is read: a model in another format may be large, and is never opened. */
function readSafetensors(path: string): Buffer {
  const format = fs.existsSync(path) && fs.statSync(path).isFile() ? recogniseFormat(readStart(path, 9)) : null;
  if (format !== null) throw new InputError(`it is ${format}; expected a safetensors file`);
  return readWhole(path);
}

function readOptions(path: string, json: Readonly<Record<string, unknown>>): TrainOptions {
  try {
    return checkOptions(TRAIN_OPTIONS, json);
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
  }
}
