/**
 * Reads the weights out of `model.onnx`, as `onnx-graph.ts` writes it: the initializers of its graph that have our names. The
 * graph itself is not read. The bytes may come from anywhere: every length is checked before use.
 */
import { InputError } from "../errors.ts";
import type { RawTensor, SafetensorsFile } from "../training/safetensors.ts";

const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];
const FLOAT = 1;

/** The weights in [rows, columns], under our names. Throws InputError for bytes that are not such a file. */
export function readOnnxWeights(bytes: Uint8Array): SafetensorsFile {
  const tensors = new Map<string, RawTensor>();
  for (const graph of messagesOf(bytes, 7)) {
    for (const initializer of messagesOf(graph, 5)) {
      const { name, type, shape, data } = tensorOf(initializer);
      if (!/^(?:wte|wpe|lm_head|layer\d+\..+)$/.test(name)) continue; // the graph's own constants
      if (type !== FLOAT || shape.length !== 2 || 4 * shape[0] * shape[1] !== data.length) {
        refuse(`${JSON.stringify(name.slice(0, 40))} is not a matrix of 32-bit floats`);
      }
      if (tensors.has(name)) refuse(`it has ${JSON.stringify(name.slice(0, 40))} twice`);
      const isTable = name === "wte" || name === "wpe";
      tensors.set(name, isTable ? { dtype: "F32", shape, bytes: data } : transposed(shape, data));
    }
  }
  return { tensors, metadata: new Map() };
}

/** [inputs, outputs], as a product of ONNX takes it → [outputs, inputs]. */
function transposed([rows, columns]: readonly number[], data: Uint8Array): RawTensor {
  const from = new Float32Array(data.slice().buffer);
  const to = new Float32Array(from.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
  return { dtype: "F32", shape: [columns, rows], bytes: new Uint8Array(to.buffer) };
}

interface OnnxTensor {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

function tensorOf(bytes: Uint8Array): OnnxTensor {
  let [name, type, data] = ["", 0, new Uint8Array()];
  const shape: number[] = [];
  for (const { field, integer, content } of fieldsOf(bytes)) {
    if (field === 1) shape.push(integer);
    else if (field === 2) type = integer;
    else if (field === 8) name = new TextDecoder().decode(content);
    else if (field === 9) data = new Uint8Array(content);
  }
  return { name, type, shape, data };
}

/** The messages of one field. */
function* messagesOf(bytes: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const { field, content, type } of fieldsOf(bytes)) if (field === wanted && type === LENGTH) yield content;
}

interface ReadField {
  readonly field: number;
  readonly type: number;
  /** Of a number; else 0. */
  readonly integer: number;
  /** Of a text, bytes or a message; else empty. */
  readonly content: Uint8Array;
}

const NOTHING = new Uint8Array();

/** The fields of a message of Protocol Buffers, one after another. */
function* fieldsOf(bytes: Uint8Array): Generator<ReadField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 53; factor *= 128) {
      if (at >= bytes.length) refuse("it ends within a number");
      const byte = bytes[at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    while (at < bytes.length && bytes[at++] >= 0x80); // a negative number: of no use here
    return -1;
  };
  const take = (length: number): Uint8Array => {
    if (length < 0 || length > bytes.length - at) refuse("it ends too early");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, type] = [Math.floor(tag / 8), tag % 8];
    if (type === VARINT) yield { field, type, integer: varint(), content: NOTHING };
    else if (type === LENGTH) yield { field, type, integer: 0, content: take(varint()) };
    else if (type === FIXED32 || type === FIXED64) take(type === FIXED32 ? 4 : 8);
    else refuse("it is not a message of Protocol Buffers");
  }
}

function refuse(what: string): never {
  throw new InputError(`onnx/model.onnx: ${what}; export it again`);
}
