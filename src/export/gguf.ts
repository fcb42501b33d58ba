/**
 * The format `gguf`: one file for llama.cpp and what is built on it. The weights are those of `gpt2-untied`, since llama.cpp
 * knows GPT-2; the tokenizer is within. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 *   "GGUF", version 3, number of tensors, number of entries
 *   entries   key, type, value                     what the model is, its tokenizer
 *   tensors   name, dimensions, type, offset
 *   data      each tensor at a multiple of 32 bytes
 */
import { isRecord } from "../errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { byteNames, toHuggingFace } from "../text/tokenizers/hugging-face.ts";
import { compileGpt2 } from "./gpt2-weights.ts";
import type { Gpt2 } from "./gpt2-weights.ts";
import { bytesOf } from "./model.ts";
import type { ExportedModel, Format } from "./model.ts";
import { floatsOf } from "./weights.ts";

/** The format. */
export const gguf: Format = {
  output: { kind: "file", ending: ".gguf" },
  help: "one file for llama.cpp and what is built on it; char (ASCII alone) and byte-bpe",
  refusals: ({ tokenizer }) => tokenizerRefusals(tokenizer),
  files: (model) => Promise.resolve(new Map([[`${model.name}.gguf`, fileOf(model)]])),
};

function tokenizerRefusals(tokenizer: Tokenizer): string[] {
  const { kind } = tokenizer;
  if (kind === "word" || kind === "bpe") {
    return [
      `llama.cpp has no tokenizer that splits text as ${kind} does; train with --tokenizer byte-bpe, or export --to gpt2`,
    ];
  }
  if (kind === "byte-bpe") return [];
  const foreign = (tokenizer.toJSON().tokens ?? []).filter((token) => token > "\u007f");
  if (foreign.length === 0) return [];
  const named = foreign.slice(0, 5).join(" ");
  return [
    `llama.cpp reads bytes, and ${named}${foreign.length > 5 ? " …" : ""} have several; train with --tokenizer byte-bpe, or export --to gpt2`,
  ];
}

const MAGIC = "GGUF";
const VERSION = 3;
/** Tensors begin at multiples of this many bytes. */
const ALIGNMENT = 32;
/** Numbers of the format's value types, and of its one tensor type here. */
const [UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY] = [4, 5, 6, 7, 8, 9];
const F32 = 0;
/** Kinds of tokens: an ordinary one, and one that text never becomes. */
const [NORMAL, CONTROL] = [1, 3];

/** A number, a text or a switch, or a list of numbers or of texts. */
type Value =
  | { readonly type: number; readonly value: string | number | boolean }
  | { readonly of: number; readonly values: readonly (string | number)[] };

function fileOf(model: ExportedModel): Uint8Array {
  const compiled = compileGpt2(model.config, model.weights, false);
  const tensors = tensorsOf(compiled);
  const writer = new Writer();
  const entries = [...modelEntries(model, compiled), ...tokenizerEntries(model.tokenizer)];
  writer.bytes(bytesOf(MAGIC)).uint32(VERSION).uint64(tensors.length).uint64(entries.length);
  for (const [key, value] of entries) writer.text(key).value(value);
  let offset = 0;
  for (const { name, dimensions, data } of tensors) {
    writer.text(name).uint32(dimensions.length);
    for (const size of dimensions) writer.uint64(size);
    writer.uint32(F32).uint64(offset);
    offset += Math.ceil(data.byteLength / ALIGNMENT) * ALIGNMENT;
  }
  for (const { data } of tensors) {
    writer.align(ALIGNMENT).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return writer.align(ALIGNMENT).finish();
}

function modelEntries({ name, config }: ExportedModel, { width, layers, inner, epsilon }: Gpt2): [string, Value][] {
  const count = (value: number): Value => ({ type: UINT32, value });
  return [
    ["general.architecture", { type: STRING, value: "gpt2" }],
    ["general.name", { type: STRING, value: name }],
    ["general.alignment", count(ALIGNMENT)],
    ["general.file_type", count(F32)],
    ["gpt2.block_count", count(layers)],
    ["gpt2.context_length", count(config.blockSize)],
    ["gpt2.embedding_length", count(width)],
    ["gpt2.feed_forward_length", count(inner)],
    ["gpt2.attention.head_count", count(config.nHead)],
    ["gpt2.attention.layer_norm_epsilon", { type: FLOAT32, value: epsilon }],
  ];
}

/** GPT-2's byte-level BPE: a name for each byte, and merges; characters are a vocabulary without merges. */
function tokenizerEntries(tokenizer: Tokenizer): [string, Value][] {
  const { bos, unk, vocabSize } = tokenizer;
  const { tokens, merges } = namesOf(tokenizer);
  const types = Array.from({ length: vocabSize }, (_, id) => (id === bos || id === unk ? CONTROL : NORMAL));
  return [
    ["tokenizer.ggml.model", { type: STRING, value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: STRING, value: "gpt-2" }],
    ["tokenizer.ggml.tokens", { of: STRING, values: tokens }],
    ["tokenizer.ggml.token_type", { of: INT32, values: types }],
    ["tokenizer.ggml.merges", { of: STRING, values: merges }],
    ["tokenizer.ggml.bos_token_id", { type: UINT32, value: bos }],
    ["tokenizer.ggml.eos_token_id", { type: UINT32, value: bos }],
    ["tokenizer.ggml.add_bos_token", { type: BOOL, value: true }],
  ];
}

/** The tokens by id, and the merges as pairs of names. */
function namesOf(tokenizer: Tokenizer): { tokens: string[]; merges: string[] } {
  const { model } = toHuggingFace(tokenizer);
  if (!isRecord(model) || !isRecord(model.vocab) || !Array.isArray(model.merges)) {
    throw new TypeError("gguf: tokenizer.json has no vocabulary");
  }
  const tokens = new Array<string>(tokenizer.vocabSize);
  for (const [name, id] of Object.entries(model.vocab)) tokens[Number(id)] = name;
  if (tokenizer.kind === "char") {
    const names = byteNames();
    for (const [id, character] of (tokenizer.toJSON().tokens ?? []).entries()) {
      tokens[id] = names[character.charCodeAt(0)];
    }
  }
  return { tokens, merges: model.merges.map((pair: unknown) => (Array.isArray(pair) ? pair.join(" ") : String(pair))) };
}

interface GgufTensor {
  readonly name: string;
  /** The fastest first: columns, then rows. */
  readonly dimensions: readonly number[];
  readonly data: Float32Array;
}

/** transformers' names → llama.cpp's. */
const NAMES: Readonly<Record<string, string>> = {
  wte: "token_embd",
  wpe: "position_embd",
  ln_f: "output_norm",
  lm_head: "output",
  ln_1: "attn_norm",
  "attn.c_attn": "attn_qkv",
  "attn.c_proj": "attn_output",
  ln_2: "ffn_norm",
  "mlp.c_fc": "ffn_up",
  "mlp.c_proj": "ffn_down",
};

/** `h.1.attn.c_attn` → `blk.1.attn_qkv`. */
const ggufName = (name: string): string => {
  const [, block, part] = /^h\.(\d+)\.(.*)$/.exec(name) ?? [];
  return block === undefined ? NAMES[name] : `blk.${block}.${NAMES[part]}`;
};

function tensorsOf({ matrices, vectors }: Gpt2): GgufTensor[] {
  return [
    ...Array.from(matrices, ([name, tensor]) => ({
      name: `${ggufName(name)}.weight`,
      dimensions: tensor.shape.toReversed(),
      data: floatsOf(tensor),
    })),
    ...Array.from(vectors, ([name, data]) => {
      const [, layer, kind] = /^(.*)\.(weight|bias)$/.exec(name)!;
      return { name: `${ggufName(layer)}.${kind}`, dimensions: [data.length], data };
    }),
  ];
}

/** Bytes, little-endian, one after another. */
class Writer {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  bytes(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }

  uint32(value: number): this {
    return this.bytes(new Uint8Array(Uint32Array.of(value).buffer));
  }

  uint64(value: number): this {
    return this.bytes(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  text(value: string): this {
    const encoded = bytesOf(value);
    return this.uint64(encoded.length).bytes(encoded);
  }

  value(value: Value): this {
    if ("value" in value) return this.uint32(value.type).#scalar(value.type, value.value);
    this.uint32(ARRAY).uint32(value.of).uint64(value.values.length);
    for (const item of value.values) this.#scalar(value.of, item);
    return this;
  }

  #scalar(type: number, value: string | number | boolean): this {
    if (typeof value === "string") return this.text(value);
    if (typeof value === "boolean") return this.bytes(Uint8Array.of(value ? 1 : 0));
    return type === FLOAT32 ? this.bytes(new Uint8Array(Float32Array.of(value).buffer)) : this.uint32(value);
  }

  /** Zeros up to a multiple. */
  align(multiple: number): this {
    return this.bytes(new Uint8Array((multiple - (this.#length % multiple)) % multiple));
  }

  finish(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}
