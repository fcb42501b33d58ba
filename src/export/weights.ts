/** Weights as other programs read them: 32-bit floats, in a safetensors file without metadata of ours. */
import type { Tensor, Tensors } from "../training/engine.ts";
import { encodeSafetensors } from "../training/safetensors.ts";

/** [rows · columns] as 32-bit floats. An engine with 64 bits loses what no other program would keep. */
export const floatsOf = ({ data }: Tensor): Float32Array =>
  data instanceof Float32Array ? data : Float32Array.from(data);

/** A safetensors file of F32 matrices. @param nameOf the name of a tensor there. */
export function safetensorsOf(weights: Tensors, nameOf: (name: string) => string): Uint8Array {
  const tensors = Array.from(weights, ([name, tensor]) => {
    const { buffer, byteOffset, byteLength } = floatsOf(tensor);
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return [nameOf(name), { dtype: "F32", shape: tensor.shape, bytes }] as const;
  });
  // "format" is what transformers asks for.
  return encodeSafetensors({ tensors: new Map(tensors), metadata: new Map([["format", "pt"]]) });
}
