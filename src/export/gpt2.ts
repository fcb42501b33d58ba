/**
 * The formats `gpt2` and `gpt2-untied`: the model compiled into a plain GPT-2 (`gpt2-weights.ts`), for every program that
 * knows that architecture; no code of ours is needed. Programs that ignore or forbid a head of its own (vLLM, SGLang,
 * mlx-lm) need `gpt2`; others can have the smaller `gpt2-untied`.
 */
import { toJsonText } from "../library/json-text.ts";
import type { Config } from "../microgpt.ts";
import { encodeSafetensors } from "../training/safetensors.ts";
import type { RawTensor } from "../training/safetensors.ts";
import { cardOf } from "./card.ts";
import type { Tool } from "./card.ts";
import { compileGpt2 } from "./gpt2-weights.ts";
import type { Gpt2 } from "./gpt2-weights.ts";
import { sharedConfig, tokenizerFiles, tokenizerLimits, tokenizerRefusals } from "./hugging-face.ts";
import { bytesOf } from "./model.ts";
import type { ExportedModel, Format } from "./model.ts";

/** With the token table as its head. */
export const gpt2: Format = formatOf(true, "compiled into a plain GPT-2 with a tied head, for all that knows GPT-2");
/** With a head of its own. */
export const gpt2Untied: Format = formatOf(
  false,
  "the same with a head of its own: a fifth of the bytes, for transformers",
);

function formatOf(isTied: boolean, help: string): Format {
  return {
    output: { kind: "folder" },
    help,
    refusals: tokenizerRefusals,
    files: async (model) => {
      const compiled = compileGpt2(model.config, model.weights, isTied);
      return new Map([
        ["config.json", bytesOf(toJsonText(configOf(model, compiled)))],
        ["model.safetensors", weightsFile(compiled)],
        ...tokenizerFiles(model),
        ["README.md", cardOf(model, { tools: TOOLS, limits: [...limitsOf(model.config), ...tokenizerLimits(model)] })],
      ]);
    },
  };
}

function configOf(model: ExportedModel, { width, layers, inner, epsilon, isTied }: Gpt2): object {
  const { nHead, blockSize } = model.config;
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    n_embd: width,
    n_head: nHead,
    n_layer: layers,
    n_inner: inner,
    n_positions: blockSize,
    n_ctx: blockSize,
    activation_function: "gelu_new",
    layer_norm_epsilon: epsilon,
    scale_attn_weights: true,
    embd_pdrop: 0,
    attn_pdrop: 0,
    resid_pdrop: 0,
    ...sharedConfig(model),
    tie_word_embeddings: isTied,
  };
}

/** The weights with transformers' names and shapes: its `Conv1D` has [in, out]. */
function weightsFile({ matrices, vectors }: Gpt2): Uint8Array {
  const tensors = new Map<string, RawTensor>();
  const add = (name: string, shape: readonly number[], data: Float32Array): void => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.set(name === "lm_head.weight" ? name : `transformer.${name}`, { dtype: "F32", shape, bytes });
  };
  for (const [name, { shape, data }] of matrices) {
    const isConv1d = name.startsWith("h.");
    const floats = Float32Array.from(data);
    add(`${name}.weight`, isConv1d ? shape.toReversed() : shape, isConv1d ? transposed(floats, shape) : floats);
  }
  for (const [name, data] of vectors) add(name, [data.length], data);
  return encodeSafetensors({ tensors, metadata: new Map([["format", "pt"]]) });
}

/** [rows, columns] → [columns, rows]. */
function transposed(data: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c];
  return result;
}

const TOOLS: readonly Tool[] = [
  {
    name: "transformers",
    language: "python",
    code: `
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForCausalLM.from_pretrained(".")
print(tokenizer.decode(model.generate(**tokenizer("", return_tensors="pt"), do_sample=True, temperature=0.5, top_k=0)[0], skip_special_tokens=True))`,
  },
  {
    name: "vLLM",
    language: "sh",
    code: "vllm serve . --dtype float32",
  },
  {
    name: "mlx-lm, on a Mac",
    language: "sh",
    code: 'mlx_lm.generate --model . --prompt ""',
  },
];

const limitsOf = ({ blockSize }: Config): string[] => [
  `The model sees at most ${blockSize} tokens; programs stop there, or fail (IndexError in transformers).`,
  "Use float32. bfloat16 rounds as it rounds any model; float16 overflows, and gives NaN.",
  "Its weights are those of another architecture, with constants up to 2^41: to train on, export with `--to pytorch`.",
];
