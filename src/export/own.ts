/**
 * `microgpt.json`, which only microgpt reads: what other programs have no field for. With it, `microgpt import` makes the
 * same model of the folder again, tokenizer and options included.
 */
import { toJsonText } from "../library/run-files.ts";
import { bytesOf } from "./model.ts";
import type { ExportedFiles, ExportedModel } from "./model.ts";

/** The name of the file. */
export const OWN_FILE = "microgpt.json";

/** The file of a model. The options come without names of folders, files and hosts. */
export function ownFile(model: ExportedModel): ExportedFiles {
  const { config, tokenizer, step, heldOutLoss, dataHash, training } = model;
  const options = { ...model.options, data: [], urls: [], urlFile: null, cacheDir: null, allowHost: [] };
  const json = {
    format: "microgpt-export",
    version: 1,
    config,
    step,
    heldOutLoss,
    dataHash,
    training,
    options,
    tokenizer,
  };
  return new Map([[OWN_FILE, bytesOf(toJsonText(json))]]);
}
