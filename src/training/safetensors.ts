/**
 * The safetensors format, nothing of microgpt's own: `checkpoint.ts` says which tensors and metadata a file has.
 * Specification: https://github.com/huggingface/safetensors (README, "Format").
 *
 *   8 bytes           header bytes            data
 *   header length     JSON, then spaces       tensors end to end, without holes
 *   (little-endian)   {"wte": {"dtype": "F32", "shape": [27, 16], "data_offsets": [0, 1728]}, …, "__metadata__": {…}}
 *
 * Files come from anywhere, so `decodeSafetensors` trusts nothing: limits bound its work, errors name the field, and
 * every size is checked against the file's before anything is allocated.
 */
import { InputError, isRecord, quote } from "../errors.ts";

/** Bytes per number of each type. */
const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

/** A number format, by its name in the file. */
export type Dtype = keyof typeof DTYPE_BYTES;

/** A tensor as bytes. */
export interface RawTensor {
  /** The number format. */
  readonly dtype: Dtype;
  /** Dimensions; the product is the count of numbers. */
  readonly shape: readonly number[];
  /** The numbers, little-endian; a view into the file's bytes. */
  readonly bytes: Uint8Array;
}

/** The content of a file. */
export interface SafetensorsFile {
  /** Name → tensor, in order. */
  readonly tensors: ReadonlyMap<string, RawTensor>;
  /** The header's `__metadata__`, in order. */
  readonly metadata: ReadonlyMap<string, string>;
}

const LENGTH_BYTES = 8;
/** The format allows 100 MB; microgpt writes about 100 bytes per tensor and 10 KB of metadata. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
const MAX_TENSORS = 100_000;
const MAX_DIMENSIONS = 8;
const MAX_NAME_BYTES = 512;
const MAX_METADATA_CHARACTERS = 2 ** 20;
/** Names with a special meaning on JavaScript objects, in case a caller copies the map into one. */
const FORBIDDEN_NAMES = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Writes tensors in the order given. The data starts at a multiple of 8, so that readers can view it in place. Throws
 * InputError for what `decodeSafetensors` would reject: a forbidden name, or a shape that does not fit the bytes.
 */
export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {};
  if (metadata.size > 0) header.__metadata__ = Object.fromEntries(readMetadata(Object.fromEntries(metadata)));
  let offset = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    const entry = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    readEntry(name, entry);
    header[name] = entry;
    offset += bytes.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(json, LENGTH_BYTES);
  let position = LENGTH_BYTES + headerBytes;
  for (const { bytes } of tensors.values()) {
    file.set(bytes, position);
    position += bytes.length;
  }
  return file;
}

/** Reads a file's bytes; the tensors are views of them. Throws InputError that says what is wrong and where. */
export function decodeSafetensors(file: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(file);
  const metadata = readMetadata(header.__metadata__);
  const tensors = new Map<string, RawTensor>();
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  if (entries.length > MAX_TENSORS) refuse(`it lists ${entries.length} tensors, more than ${MAX_TENSORS}`);
  const placed = entries.map(([name, entry]) => ({ name, ...readEntry(name, entry) }));
  // In order of their offsets, each tensor must start where the one before ended: no hole, no overlap, no rest.
  let cursor = 0;
  for (const { name, begin, end } of placed.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== cursor) refuse(`tensor ${quote(name)} starts at data byte ${begin}, expected ${cursor}`);
    cursor = end;
  }
  const dataBytes = file.length - dataStart;
  if (cursor !== dataBytes) refuse(`the tensors need ${cursor} bytes of data, the file has ${dataBytes}`);
  for (const { name, dtype, shape, begin, end } of placed) {
    tensors.set(name, { dtype, shape, bytes: file.subarray(dataStart + begin, dataStart + end) });
  }
  return { tensors, metadata };
}

/** First bytes of formats that are often mistaken for this one. */
const KNOWN_FORMATS: readonly (readonly [magic: readonly number[], name: string])[] = [
  [[0x80, 0x02], "a Python pickle"],
  [[0x80, 0x03], "a Python pickle"],
  [[0x80, 0x04], "a Python pickle"],
  [[0x80, 0x05], "a Python pickle"],
  [[0x50, 0x4b], "a zip archive (PyTorch's own format, perhaps)"],
  [[0x89, 0x48, 0x44, 0x46], "an HDF5 file"],
  [[0x47, 0x47, 0x55, 0x46], "a GGUF file"],
  [[0x1f, 0x8b], "a gzip archive"],
  // A protobuf whose first field is the ONNX version, 3 to 15, and whose second is another field of onnx.proto.
  ...[0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42].flatMap((field) =>
    Array.from({ length: 13 }, (_, i) => [[0x08, 3 + i, field], "an ONNX model"] as const),
  ),
];

/**
 * The other format that the first 9 bytes belong to, or null. A safetensors file has a header length of at most 16 MiB
 * and then `{` or white space. A file of another format may meet one of the two by chance (GGUF with 32 tensors), but
 * not both.
 */
export function recogniseFormat(start: Uint8Array): string | null {
  const isShort = start[3] <= 1 && start.subarray(4, LENGTH_BYTES).every((byte) => byte === 0);
  if (isShort && isHeaderStart(start[LENGTH_BYTES])) return null;
  const known = KNOWN_FORMATS.find(([magic]) => magic.every((byte, i) => start[i] === byte));
  return known === undefined ? null : known[1];
}

const isHeaderStart = (byte: number | undefined): boolean =>
  byte === 0x7b || byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

function readHeader(file: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  const format = recogniseFormat(file);
  if (format !== null) refuse(`it is ${format}, which microgpt never opens`);
  if (file.length < LENGTH_BYTES) refuse(`it has ${file.length} bytes, expected at least 8, the header length`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  const available = file.length - LENGTH_BYTES;
  if (length === 0n) refuse("bytes 0–7 give a header of 0 bytes");
  if (length > BigInt(MAX_HEADER_BYTES)) refuse(`bytes 0–7 give a header of ${length} bytes, more than 16 MiB`);
  if (length > BigInt(available)) refuse(`bytes 0–7 give a header of ${length} bytes, the file has ${available} more`);
  if (!isHeaderStart(file[LENGTH_BYTES])) refuse("byte 8, where the header starts, is not `{`");
  const dataStart = LENGTH_BYTES + Number(length);
  const json = parseHeader(file.subarray(LENGTH_BYTES, dataStart));
  if (!isRecord(json)) refuse("the header is not a JSON object");
  return { header: json, dataStart };
}

function parseHeader(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("the header is not UTF-8");
  }
  scanHeader(text);
  try {
    return JSON.parse(text);
  } catch {
    return refuse("the header is not JSON");
  }
}

/**
 * Rejects what JSON.parse would accept silently: a repeated name, a number that is not a plain integer (`1e3`, `-0`),
 * deep nesting. Looks only at strings, brackets, colons and numbers; JSON.parse then checks the syntax.
 */
function scanHeader(text: string): void {
  const keys: Set<string>[] = [];
  let lastString: string | null = null;
  const pattern = /["{}[\]:]|-?[0-9][0-9.eE+-]*/g;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    let token = match[0];
    if (token === '"') {
      pattern.lastIndex = stringEnd(text, match.index);
      token = text.slice(match.index, pattern.lastIndex);
    } else if (token === "{" || token === "[") {
      keys.push(new Set());
      if (keys.length > 3) refuse("the header is nested more than 3 deep");
    } else if (token === "}" || token === "]") {
      keys.pop();
    } else if (token === ":") {
      if (lastString !== null) addKey(keys.at(-1), lastString);
    } else if (!/^(?:0|[1-9][0-9]{0,15})$/.test(token)) {
      refuse(`the header has the number ${quote(token, 30)}; sizes are whole, written in digits, below 2^53`);
    }
    lastString = token.startsWith('"') ? token : null;
  }
}

/**
 * The offset after the string that starts at `start`. A loop, because a regular expression takes quadratic time on an
 * unterminated string: it tries again at every escaped quote.
 */
function stringEnd(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end + 1;
}

function addKey(keys: Set<string> | undefined, literal: string): void {
  let name: unknown;
  try {
    name = JSON.parse(literal);
  } catch {
    name = literal; // JSON.parse of the whole header will reject it
  }
  if (keys?.has(String(name))) refuse(`the header names ${quote(String(name))} twice`);
  keys?.add(String(name));
  // All tensors and `__metadata__`; `decodeSafetensors` checks the exact count.
  if (keys !== undefined && keys.size > MAX_TENSORS + 1) refuse(`the header lists more than ${MAX_TENSORS} names`);
}

function readMetadata(json: unknown): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (json === undefined) return metadata;
  if (!isRecord(json)) refuse("`__metadata__` is not an object");
  let characters = 0;
  for (const [key, value] of Object.entries(json)) {
    if (typeof value !== "string") refuse(`\`__metadata__\` ${quote(key)} must be a string`);
    if (FORBIDDEN_NAMES.has(key)) refuse(`\`__metadata__\` has the forbidden name ${quote(key)}`);
    if (!key.isWellFormed() || !value.isWellFormed()) refuse(`\`__metadata__\` ${quote(key)} has half a character`);
    characters += key.length + value.length;
    metadata.set(key, value);
  }
  if (characters > MAX_METADATA_CHARACTERS) refuse(`\`__metadata__\` has ${characters} characters, more than 2^20`);
  return metadata;
}

interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const FIELDS = ["dtype", "shape", "data_offsets"];

function readEntry(name: string, json: unknown): TensorEntry {
  checkName(name);
  const where = `tensor ${quote(name)}`;
  if (!isRecord(json)) refuse(`${where} is not an object`);
  for (const field of FIELDS) if (!Object.hasOwn(json, field)) refuse(`${where} lacks \`${field}\``);
  const extra = Object.keys(json).find((field) => !FIELDS.includes(field));
  if (extra !== undefined) refuse(`${where} has the unknown field ${quote(extra)}`);
  const { dtype, shape, data_offsets: offsets } = json;
  if (typeof dtype !== "string") refuse(`${where}: \`dtype\` must be a string`);
  if (!isDtype(dtype)) refuse(`${where} has the unknown dtype ${quote(dtype)}`);
  if (!isSizes(shape)) refuse(`${where}: \`shape\` must be a list of whole numbers from 0 to 2^53`);
  if (shape.length > MAX_DIMENSIONS) refuse(`${where} has ${shape.length} dimensions, more than ${MAX_DIMENSIONS}`);
  if (!isSizes(offsets) || offsets.length !== 2) refuse(`${where}: \`data_offsets\` must be two whole numbers`);
  const [begin, end] = offsets;
  if (begin > end) refuse(`${where}: \`data_offsets\` begin at ${begin}, after their end ${end}`);
  const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
  if (bytes !== end - begin) refuse(`${where} has a shape of ${bytes} bytes but ${end - begin} bytes of data`);
  return { dtype, shape, begin, end };
}

function checkName(name: string): void {
  if (FORBIDDEN_NAMES.has(name) || name === "__metadata__") refuse(`a tensor has the forbidden name ${quote(name)}`);
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES) refuse(`a tensor's name is longer than 512 bytes`);
  if (/[\u0000-\u001f\u007f-\u009f/\\]/u.test(name) || !name.isWellFormed()) {
    refuse(`the tensor name ${quote(name)} has a path separator, a control character or half a character`);
  }
}

function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BYTES, name);
}

function isSizes(json: unknown): json is number[] {
  return Array.isArray(json) && json.every((size: unknown) => Number.isSafeInteger(size) && Number(size) >= 0);
}

function refuse(what: string): never {
  throw new InputError(`safetensors: ${what}`);
}
