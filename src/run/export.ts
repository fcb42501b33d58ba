/** From a run to what is exported, and from there to the disk. The formats themselves are in `export/`. */
import { basename, join } from "node:path";
import { InputError, isRecord, showPath } from "../errors.ts";
import { FORMATS, formatNamed } from "../export/formats.ts";
import type { ExportedModel, Format, TrainingFacts } from "../export/model.ts";
import { parseFacts } from "../export/own.ts";
import { dataHashOf, encodedDocuments } from "../library/encode.ts";
import { parseJsonText } from "../library/json-text.ts";
import { readWhole } from "../node/files.ts";
import { checkFolder, writeFolder, writeOutput } from "../node/output.ts";
import type { OutputTarget } from "../node/output.ts";
import { loadResult } from "../node/result.ts";
import { IMPORTED_FILE } from "../node/run-directory.ts";
import type { Run } from "../node/run-directory.ts";
import { nodeHasher } from "../node/text.ts";
import { Random } from "../random.ts";
import { readModelPage } from "./model-page.ts";
import { runSources } from "./sources.ts";

/** The model that `sample` would use, with what is known of it. Throws InputError if the run has none. */
export async function exportedModel(run: Run, note: (message: string) => void): Promise<ExportedModel> {
  const { tokenizer, options } = run;
  const model = await run.loadWeights(note);
  return {
    ...model,
    name: basename(run.path),
    tokenizer,
    options,
    training: factsOf(run, model.step),
    documents: () => documentsOf(run, model.dataHash),
    page: readModelPage,
  };
}

/** What the files of a run say of its training. */
function factsOf(run: Run, step: number): TrainingFacts {
  if (run.isImported) return importedFacts(run);
  const result = loadResult(run.path);
  const measured = result?.measured.findLast(({ bestStep }) => bestStep === step);
  return {
    data: dataNames(run.options),
    size: result?.data ?? null,
    numSteps: result?.numSteps ?? null,
    heldOutLoss: measured?.heldOutLoss ?? null,
    bitsPerByte: measured?.bitsPerByte ?? null,
    baselines: result?.baselines ?? null,
  };
}

/** What the folder of an imported run said. */
function importedFacts({ path }: Run): TrainingFacts {
  const file = join(path, IMPORTED_FILE);
  const json = parseJsonText(readWhole(file, 2 ** 20).toString("utf8"), file);
  if (!isRecord(json) || json.format !== "microgpt-import") throw new InputError(`${showPath(file)} is damaged`);
  return json.training === null ? UNKNOWN : parseFacts(json.training);
}

const UNKNOWN: TrainingFacts = {
  data: ["not known: trained on by another program"],
  size: null,
  numSteps: null,
  heldOutLoss: null,
  bitsPerByte: null,
  baselines: null,
};

function dataNames({ data, urls }: Run["options"]): string[] {
  const names = [...data.map((path) => (path === "-" ? "standard input" : basename(path))), ...urls];
  return names.length > 0 ? names : ["names.txt (first names, bundled with microgpt)"];
}

async function documentsOf(run: Run, dataHash: string): Promise<Iterable<readonly number[]> | string> {
  const { options, tokenizer } = run;
  try {
    const sources = await runSources(run);
    const hash = dataHashOf(options, sources, { random: new Random(options.seed), newHasher: nodeHasher });
    if (hash === dataHash) return { [Symbol.iterator]: () => encodedDocuments(options, sources, tokenizer) };
    return "the data has changed since the training";
  } catch (error) {
    if (error instanceof InputError) return "the data was not at hand when the page was made";
    throw error;
  }
}

/** A format, and where it goes. */
export interface PlannedExport {
  /** The format's name. */
  readonly name: string;
  /** The format. */
  readonly format: Format;
  /** The folder or file to be made; `-`: standard output. */
  readonly path: string;
}

/**
 * Where each format goes: to `out`, or into the folder `out` where there are several; without it, beside each other in
 * the working directory, named after the run. Throws InputError for a format that is unknown or named twice.
 */
export function planExports(names: readonly string[], out: string | null, run: string): PlannedExport[] {
  if (names.length === 0) {
    throw new InputError(`--to: no format is named; expected one of ${Object.keys(FORMATS).join(", ")}`);
  }
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined) throw new InputError(`--to: ${repeated} is named twice; name each format once`);
  if (names.length > 1 && out === "-") {
    throw new InputError("--out -: standard output takes one format; name a folder, or one --to");
  }
  return names.map((name) => {
    const format = formatNamed(name);
    const own = format.output.kind === "folder" ? `${run}-${name}` : `${run}${format.output.ending}`;
    return { name, format, path: names.length === 1 ? (out ?? own) : join(out ?? "", own) };
  });
}

/** Throws InputError for everything that a format cannot say, and for a folder that exists: before anything is written. */
export function checkExports(plans: readonly PlannedExport[], model: ExportedModel): void {
  const refused = plans.flatMap(({ name, format }) => format.refusals(model).map((why) => `--to ${name}: ${why}`));
  if (refused.length > 0) throw new InputError(refused.join("; also "));
  for (const { format, path } of plans) if (format.output.kind === "folder") checkFolder(path);
}

/** An export that is on the disk. */
export interface WrittenExport {
  /** Where it went. */
  readonly target: OutputTarget;
  /** Its files. */
  readonly files: readonly string[];
  /** Bytes of all of them. */
  readonly bytes: number;
}

/** Makes the files of a format and writes them: all or none. Throws InputError if they cannot be written. */
export async function writeExport({ format, path }: PlannedExport, model: ExportedModel): Promise<WrittenExport> {
  const files = await format.files(model);
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  const names = [...files.keys()];
  if (format.output.kind === "folder") {
    writeFolder(path, files);
    return { target: "file", files: names, bytes };
  }
  const [content] = files.values();
  return { target: writeOutput(path, content), files: names, bytes };
}
