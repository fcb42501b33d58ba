/** `microgpt import`: a model of another program's folder as a run. */
import { showPath } from "../errors.ts";
import { grouped, jsonLine } from "../run/format.ts";
import { importRun, readModelFolder } from "../run/import.ts";
import { countParameters } from "../training/engine.ts";

/** Where the run is made. */
export interface ImportFlags {
  /** The name of the run; null: the folder's, and a number. */
  readonly name: string | null;
  /** The directory of runs. */
  readonly runsDir: string;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/** `microgpt import FOLDER`. Throws InputError, and makes nothing, for a folder that is not a model of ours. */
export async function importFolder(folder: string, { name, runsDir, json }: ImportFlags): Promise<number> {
  const model = await readModelFolder(folder);
  const run = await importRun(model, folder, runsDir, name);
  const { config, tokenizer } = model;
  const parameters = countParameters(config);
  const text = `${grouped(parameters)} parameters, ${grouped(tokenizer.vocabSize)} tokens (${tokenizer.kind})  ${showPath(run)}\n`;
  process.stdout.write(json ? jsonLine({ event: "imported", run, parameters, ...config }) : text);
  return 0;
}
