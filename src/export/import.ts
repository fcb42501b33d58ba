/**
 * The other way: a folder as named bytes → a model. Three kinds of folders are understood: those of `export --to pytorch`,
 * also after another program has trained the weights on; those of `export --to onnx`; and our own `model.safetensors` with our own `tokenizer.json`. Anything else is refused, with what was found.
 *
 * The bytes may come from anywhere: sizes, names and shapes are checked before use, and nothing in them is executed.
 */
import { InputError, isRecord, quote } from "../errors.ts";
import type { ModelParts } from "../library/model.ts";
import { parseJsonText } from "../library/json-text.ts";
import type { Config } from "../microgpt.ts";
import { checkOptions, TRAIN_OPTIONS } from "../options/config.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { tokenizerFromJson } from "../text/tokenizers/json.ts";
import { parseConfig, readModel, readTensors, sha256, unseal } from "../training/checkpoint.ts";
import type { Tensors } from "../training/engine.ts";
import { weightShapes } from "../training/engine.ts";
import { decodeSafetensors } from "../training/safetensors.ts";
import type { RawTensor, SafetensorsFile } from "../training/safetensors.ts";
import type { ExportedFiles, TrainingFacts } from "./model.ts";
import { OWN_FILE, parseOwnFile, weightsHash } from "./own.ts";
import { readOnnxWeights } from "./onnx-weights.ts";
import { nativeName } from "./pytorch.ts";

/** A model from a folder. */
export interface ImportedModel extends ModelParts {
  /** What is known of its training; null: nothing, or the weights are no longer those that it is known of. */
  readonly training: TrainingFacts | null;
}

const WEIGHTS_FILE = "model.safetensors";
const ONNX_FILE = "onnx/model.onnx";
/** The files that are read, and the most bytes of each. The weights' limit is that of a run's. */
export const IMPORTED_FILES: ReadonlyMap<string, number> = new Map([
  ["config.json", 2 ** 20],
  [OWN_FILE, 2 ** 27],
  ["tokenizer.json", 2 ** 27],
  [WEIGHTS_FILE, 2 ** 30],
  [ONNX_FILE, 2 ** 30],
]);

/** Names that say what a folder is, for a refusal. */
export const TELLING_FILES: readonly string[] = [
  "pytorch_model.bin",
  "model.safetensors.index.json",
  "tf_model.h5",
  ONNX_FILE,
];

const EXPECTED =
  "expected a folder of microgpt export --to pytorch or onnx, or our model.safetensors with our tokenizer.json";

/** Reads a model. Throws InputError that says what was found. @param found which of `TELLING_FILES` are there. */
export async function importModel(files: ExportedFiles, found: readonly string[]): Promise<ImportedModel> {
  refuseForeign(files);
  const bytes = files.get(WEIGHTS_FILE);
  const graph = files.get(ONNX_FILE);
  if (bytes === undefined && graph !== undefined && files.has(OWN_FILE)) {
    return await exported(files, readOnnxWeights(graph));
  }
  if (bytes === undefined) {
    const has = found.length === 0 ? "" : ` but ${found.join(" and ")}`;
    throw new InputError(`it has no ${WEIGHTS_FILE}${has}; ${EXPECTED}`);
  }
  const file = decodeSafetensors(bytes);
  return files.has(OWN_FILE) ? await exported(files, file) : await native(files, file);
}

/** A folder with `microgpt.json`. */
async function exported(files: ExportedFiles, file: SafetensorsFile): Promise<ImportedModel> {
  const own = parseOwnFile(parseJsonText(textOf(files, OWN_FILE), OWN_FILE));
  const weights = weightsOf(file, own.config);
  const tokenizer = tokenizerOf(own.tokenizer, own.config, own.options);
  const options = optionsOf(own.options, own.config, tokenizer);
  const { config, step, heldOutLoss, dataHash, training } = own;
  const parts = { config, tokenizer, weights, options, dataHash };
  if ((await weightsHash(weights)) === own.weightsHash) return { ...parts, step, heldOutLoss, training };
  return { ...parts, step: 0, heldOutLoss: null, training: null }; // another program has trained it on
}

/** Our own `model.safetensors` and `tokenizer.json`, without a run around them. */
async function native(files: ExportedFiles, file: SafetensorsFile): Promise<ImportedModel> {
  const text = textOf(files, "tokenizer.json");
  const json = parseJsonText(text, "tokenizer.json");
  if (isRecord(json) && json.format !== "microgpt-tokenizer") {
    throw new InputError(
      `its tokenizer.json is of another program, and ${OWN_FILE} is missing; copy it from the export`,
    );
  }
  const isSealed = file.metadata.get("format") === "microgpt-model";
  const model = isSealed ? await sealedModel(files, text) : bareModel(files, file);
  const tokenizer = tokenizerOf(json, model.config, {});
  return { ...model, tokenizer, options: optionsOf({}, model.config, tokenizer), training: null };
}

type Weights = Pick<ImportedModel, "config" | "weights" | "step" | "heldOutLoss" | "dataHash">;

/** A run's `model.safetensors`, whose checksum and tokenizer are checked. */
async function sealedModel(files: ExportedFiles, tokenizerText: string): Promise<Weights> {
  const { tokenizerHash, optionsHash: _, ...model } = readModel(await unseal(files.get(WEIGHTS_FILE)!));
  if (tokenizerHash === (await sha256(tokenizerText))) return model;
  throw new InputError("its tokenizer.json is not the one that its model.safetensors was trained with");
}

/** Weights by our names that another program wrote. The heads are in no shape. */
function bareModel(files: ExportedFiles, file: SafetensorsFile): Weights {
  const json = files.has("config.json") ? parseJsonText(textOf(files, "config.json"), "config.json") : {};
  const heads = isRecord(json) ? json.n_head : undefined;
  if (heads === undefined) {
    throw new InputError("nothing in it says how many heads the model has; add a config.json with n_head");
  }
  const names = new Map(Array.from(file.tensors, ([name, { shape }]) => [nativeName(name), shape]));
  const [wte = [], wpe = []] = [names.get("wte"), names.get("wpe")];
  const layers = [...names.keys()].filter((name) => /^layer\d+\.attn_wq$/.test(name)).length;
  const config = parseConfig({ vocabSize: wte[0], nEmbd: wte[1], nHead: heads, nLayer: layers, blockSize: wpe[0] });
  return { config, weights: weightsOf(file, config), step: 0, heldOutLoss: null, dataHash: "" };
}

function refuseForeign(files: ExportedFiles): void {
  if (!files.has("config.json") || files.has(OWN_FILE)) return;
  const json = parseJsonText(textOf(files, "config.json"), "config.json");
  if (!isRecord(json)) throw new InputError(`its config.json is not an object; ${EXPECTED}`);
  if (json.format === "microgpt-run") throw new InputError("it is a run already; name it where a command takes a run");
  const { model_type: type } = json;
  if (typeof type === "string" && type !== "microgpt") {
    throw new InputError(`it holds a model of type ${quote(type)}; ${EXPECTED}`);
  }
}

function textOf(files: ExportedFiles, name: string): string {
  const bytes = files.get(name);
  if (bytes === undefined) throw new InputError(`it has no ${name}; ${EXPECTED}`);
  return new TextDecoder().decode(bytes);
}

/** The weights by our names. Throws InputError for a tensor that is missing, too many or misshapen. */
function weightsOf({ tensors }: SafetensorsFile, config: Config): Tensors {
  const named = new Map<string, RawTensor>(Array.from(tensors, ([name, tensor]) => [nativeName(name), tensor]));
  if (named.size !== tensors.size) throw new InputError(`${WEIGHTS_FILE}: two tensors have names of the same weight`);
  // Counted before shapes are made: a file with one tensor may claim a million layers.
  const expected = 3 + 6 * config.nLayer;
  if (named.size !== expected) {
    throw new InputError(`${WEIGHTS_FILE}: it has ${named.size} tensors, its config needs ${expected}; ${EXPECTED}`);
  }
  return readTensors("", weightShapes(config), named);
}

function tokenizerOf(json: unknown, { vocabSize }: Config, { reference }: { readonly reference?: unknown }): Tokenizer {
  const tokenizer = tokenizerFromJson(json, { reference: reference === true });
  if (tokenizer.vocabSize !== vocabSize) {
    throw new InputError(
      `its tokenizer has ${tokenizer.vocabSize} tokens, its weights ${vocabSize}; they do not belong together`,
    );
  }
  return tokenizer;
}

/** Options of the run that is made. Its text is not there: `-` says that it is none that can be read again. */
function optionsOf(json: Readonly<Record<string, unknown>>, config: Config, { kind }: Tokenizer): ResolvedOptions {
  const { nEmbd, nHead, nLayer, blockSize } = config;
  const sizes = { nEmbd, nHead, nLayer, blockSize, tokenizer: kind };
  const own = { ...json, ...sizes, data: ["-"], urls: [], urlFile: null, cacheDir: null, allowHost: [] };
  return resolveOptions(checkOptions(TRAIN_OPTIONS, own));
}
