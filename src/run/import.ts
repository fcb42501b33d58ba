/** A folder of another program → a run, to sample from and to train on. What a folder must hold: `export/import.ts`. */
import * as fs from "node:fs";
import { basename, join, resolve } from "node:path";
import { InputError, showPath } from "../errors.ts";
import { IMPORTED_FILES, importModel, TELLING_FILES } from "../export/import.ts";
import type { ImportedModel } from "../export/import.ts";
import { toJsonText } from "../library/json-text.ts";
import { optionsTextOf } from "../library/run-config.ts";
import { tokenizerTextOf } from "../library/run-files.ts";
import { readStart, readWhole } from "../node/files.ts";
import { untilDone } from "../node/output.ts";
import { IMPORTED_FILE, Run } from "../node/run-directory.ts";
import { stemOf } from "../node/run-name.ts";
import { encodeModel, sha256 } from "../training/checkpoint.ts";
import { recogniseFormat } from "../training/safetensors.ts";

/** Reads the folder of a model. Throws InputError that names the folder, and says what was found in it. */
export async function readModelFolder(folder: string): Promise<ImportedModel> {
  const status = fs.statSync(folder, { throwIfNoEntry: false });
  if (status === undefined) throw new InputError(`${showPath(folder)}: there is no such folder`);
  if (!status.isDirectory()) throw new InputError(`${showPath(folder)} is not a folder; name the folder of a model`);
  const has = (name: string): boolean => fs.existsSync(join(folder, name));
  try {
    const names = [...IMPORTED_FILES].filter(([name]) => has(name));
    const files = names.map(([name, limit]) => [name, readLimited(folder, name, limit)] as const);
    return await importModel(new Map(files), TELLING_FILES.filter(has));
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${showPath(folder)}: ${error.message}`, error.code) : error;
  }
}

/** Checks the first bytes before, so that a large file of another format is not read whole. */
function readLimited(folder: string, name: string, limit: number): Uint8Array {
  const path = join(folder, name);
  const isFile = fs.statSync(path).isFile();
  const format = isFile && name.endsWith(".safetensors") ? recogniseFormat(readStart(path, 9)) : null;
  if (format !== null) throw new InputError(`${name} is ${format}; expected a safetensors file`);
  return readWhole(path, limit);
}

/** Makes a run of a model, complete or not at all. Throws InputError as `Run.create`. Returns its path. */
export async function importRun(
  model: ImportedModel,
  folder: string,
  runsDir: string,
  name: string | null,
): Promise<string> {
  const { config, tokenizer, weights, options, step, heldOutLoss, dataHash, training } = model;
  const hashes = {
    tokenizerHash: await sha256(tokenizerTextOf(tokenizer)),
    optionsHash: await sha256(optionsTextOf({ ...options })),
  };
  const file = await encodeModel({ config, weights, step, heldOutLoss, dataHash, ...hashes });
  const imported = { format: "microgpt-import", version: 1, training };
  const files = new Map<string, Uint8Array | string>([
    ["model.safetensors", file],
    [IMPORTED_FILE, toJsonText(imported)],
  ]);
  const stem = stemOf([basename(resolve(folder))]);
  return untilDone(() => {
    const run = Run.create(runsDir, name, stem, options, tokenizer, [], files);
    run.close();
    return run.path;
  });
}
