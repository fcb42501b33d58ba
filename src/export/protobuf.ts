/** Writes messages of Protocol Buffers: https://protobuf.dev/programming-guides/encoding. It has the field types of ONNX only. */
import { bytesOf } from "./model.ts";

/** A field of a message: its number, and its value. */
export type Field =
  | { readonly field: number; readonly integer: number }
  | { readonly field: number; readonly float: number }
  | { readonly field: number; readonly text: string }
  | { readonly field: number; readonly bytes: Uint8Array }
  | { readonly field: number; readonly message: readonly Field[] };

const [VARINT, LENGTH, FIXED32] = [0, 2, 5];

/** The bytes of a message. */
export function encodeMessage(fields: readonly Field[]): Uint8Array {
  const chunks = fields.flatMap(chunksOf);
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function chunksOf(value: Field): Uint8Array[] {
  const { field } = value;
  if ("integer" in value) return [varint(field * 8 + VARINT), varint(value.integer)];
  if ("float" in value) return [varint(field * 8 + FIXED32), new Uint8Array(Float32Array.of(value.float).buffer)];
  const content = "text" in value ? bytesOf(value.text) : "bytes" in value ? value.bytes : encodeMessage(value.message);
  return [varint(field * 8 + LENGTH), varint(content.length), content];
}

/** A whole number in base 128, the lowest digits first; negative ones as 64 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
