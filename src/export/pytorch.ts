/**
 * The format `pytorch`: the native weights and the architecture as a file of Python, for PyTorch alone and for
 * transformers with `trust_remote_code`. Nothing is converted, so it computes what our engine does.
 */
import { toJsonText } from "../library/json-text.ts";
import type { Config } from "../microgpt.ts";
import { cardOf } from "./card.ts";
import type { Tool } from "./card.ts";
import { sharedConfig, tokenizerFiles, tokenizerLimits, tokenizerRefusals } from "./hugging-face.ts";
import { bytesOf } from "./model.ts";
import type { ExportedModel, Format } from "./model.ts";
import { ownFile } from "./own.ts";
import { MODELING, TRAINING } from "./pytorch-source.ts";
import { safetensorsOf } from "./weights.ts";

/** The format. */
export const pytorch: Format = {
  output: { kind: "folder" },
  help: "weights and the architecture in sixty lines of PyTorch, for torch alone and transformers",
  refusals: tokenizerRefusals,
  files: async (model) => {
    return new Map([
      ["config.json", bytesOf(toJsonText(configOf(model)))],
      ["model.safetensors", safetensorsOf(model.weights, torchName)],
      ["modeling_microgpt.py", bytesOf(MODELING)],
      ["train_microgpt.py", bytesOf(TRAINING)],
      ...tokenizerFiles(model),
      ...(await ownFile(model)),
      ["README.md", cardOf(model, { tools: TOOLS, limits: [...limitsOf(model.config), ...tokenizerLimits(model)] })],
    ]);
  },
};

/** `layer0.attn_wq` → `layers.0.attn_wq.weight`: a list of blocks, and modules of one weight each. */
export const torchName = (name: string): string => `${name.replace(/^layer(\d+)\./, "layers.$1.")}.weight`;

/** The other way. Transformers saves the weights with `gpt.` in front; our own names stay as they are. */
export const nativeName = (name: string): string =>
  name
    .replace(/^gpt\./, "")
    .replace(/^layers\.(\d+)\./, "layer$1.")
    .replace(/\.weight$/, "");

const configOf = (model: ExportedModel): object => {
  const { nEmbd, nHead, nLayer, blockSize } = model.config;
  return {
    architectures: ["MicrogptForCausalLM"],
    model_type: "microgpt",
    auto_map: {
      AutoConfig: "modeling_microgpt.MicrogptConfig",
      AutoModelForCausalLM: "modeling_microgpt.MicrogptForCausalLM",
    },
    n_embd: nEmbd,
    n_head: nHead,
    n_layer: nLayer,
    block_size: blockSize,
    ...sharedConfig(model),
  };
};

const TOOLS: readonly Tool[] = [
  {
    name: "transformers",
    language: "python",
    code: `
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(".", trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(".", trust_remote_code=True)
print(tokenizer.decode(model.generate(**tokenizer("", return_tensors="pt"), do_sample=True, temperature=0.5)[0], skip_special_tokens=True))`,
  },
  {
    name: "PyTorch alone",
    language: "python",
    code: `
from modeling_microgpt import load
model = load(".")
print(model.generate([model.bos], max_tokens=20, temperature=0.5))`,
  },
  {
    name: "PyTorch on several processes, to train on with a text, one document per line (needs the package tokenizers)",
    language: "sh",
    code: "torchrun --nproc-per-node 2 train_microgpt.py my-text.txt --steps 100 --out trained.safetensors",
  },
];

const limitsOf = ({ blockSize }: Config): string[] => [
  `The model sees at most ${blockSize} tokens: past them, \`modeling_microgpt.py\` slides its window by one token and reads it again, as microgpt does. There is no key-value cache.`,
  "The tokenizer, too, is loaded with `trust_remote_code=True`: transformers looks the architecture up first.",
];
