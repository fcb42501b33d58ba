/** A GPT-2 as its paper and transformers' code define it, written for the tests: plain loops over a folder's files. */
import type { ExportedFiles } from "../../src/export/model.ts";
import { decodeSafetensors } from "../../src/training/safetensors.ts";

interface Gpt2Config {
  readonly n_embd: number;
  readonly n_head: number;
  readonly n_layer: number;
  readonly layer_norm_epsilon: number;
  readonly tie_word_embeddings: boolean;
}

/** Logits [vocabulary] after a text, from `config.json` and `model.safetensors`; each stored number is rounded to float32. */
export function gpt2Logits(files: ExportedFiles, tokens: readonly number[]): number[] {
  const config = JSON.parse(new TextDecoder().decode(files.get("config.json"))) as Gpt2Config;
  const file = decodeSafetensors(files.get("model.safetensors")!);
  const { n_embd: width, n_head: heads, n_layer: layers, layer_norm_epsilon: epsilon } = config;
  const numbers = (name: string): Float32Array => {
    const { bytes } = file.tensors.get(name)!;
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  };
  const block = (name: string): Float32Array => numbers(`transformer.${name}`);
  const norm = (x: readonly number[], name: string): number[] => {
    const mean = x.reduce((sum, value) => sum + value, 0) / width;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    const [gain, bias] = [block(`${name}.weight`), block(`${name}.bias`)];
    return x.map((value, i) => Math.fround(((value - mean) / Math.sqrt(variance + epsilon)) * gain[i] + bias[i]));
  };
  /** x · W + b, with W [in, out], as Conv1D has it. */
  const conv = (x: readonly number[], name: string): number[] => {
    const [weight, bias] = [block(`${name}.weight`), block(`${name}.bias`)];
    return Array.from(bias, (b, o) =>
      Math.fround(x.reduce((sum, value, i) => sum + value * weight[i * bias.length + o], b)),
    );
  };
  const add = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => Math.fround(value + b[i]));
  const row = (table: Float32Array, index: number): number[] => [...table.subarray(index * width, (index + 1) * width)];
  let stream = tokens.map((token, t) => add(row(block("wte.weight"), token), row(block("wpe.weight"), t)));
  for (let layer = 0; layer < layers; layer++) {
    const qkv = stream.map((x) => conv(norm(x, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`));
    const attended = qkv.map((own, t) => attend(own, qkv.slice(0, t + 1), width, heads));
    stream = stream.map((x, t) => add(x, conv(attended[t], `h.${layer}.attn.c_proj`)));
    stream = stream.map((x) => {
      const hidden = conv(norm(x, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`).map(gelu);
      return add(x, conv(hidden, `h.${layer}.mlp.c_proj`));
    });
  }
  const last = norm(stream.at(-1)!, "ln_f");
  const head = config.tie_word_embeddings ? block("wte.weight") : numbers("lm_head.weight");
  return Array.from({ length: head.length / width }, (_, token) =>
    last.reduce((sum, value, i) => sum + value * head[token * width + i], 0),
  );
}

/** The attention of one token: its query, and the keys and values of all tokens up to it. */
function attend(own: readonly number[], all: readonly (readonly number[])[], width: number, heads: number): number[] {
  const size = width / heads;
  return Array.from({ length: heads }, (_, head) => {
    const at = head * size;
    const scores = all.map((key) => {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += own[at + i] * key[width + at + i];
      return sum / Math.sqrt(size);
    });
    const largest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return Array.from({ length: size }, (_value, i) =>
      Math.fround(powers.reduce((sum, power, j) => sum + (power / total) * all[j][2 * width + at + i], 0)),
    );
  }).flat();
}

/** `gelu_new`, the tanh form of Hendrycks & Gimpel 2016 that GPT-2 uses. */
const gelu = (x: number): number =>
  Math.fround(0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))));
