/**
 * The format `onnx`: the graph itself for ONNX Runtime, in Node, Python and pages, and a folder that transformers.js opens.
 * Nothing is converted, so it computes what our engine does.
 */
import { toJsonText } from "../library/json-text.ts";
import type { Config } from "../microgpt.ts";
import { cardOf } from "./card.ts";
import type { Tool } from "./card.ts";
import { sharedConfig, tokenizerFiles, tokenizerLimits, tokenizerRefusals } from "./hugging-face.ts";
import { bytesOf } from "./model.ts";
import type { ExportedModel, Format } from "./model.ts";
import { onnxOf } from "./onnx-graph.ts";
import { ownFile } from "./own.ts";

/** The format. */
export const onnx: Format = {
  output: { kind: "folder" },
  help: "the graph with a key-value cache, for ONNX Runtime and transformers.js",
  refusals: tokenizerRefusals,
  files: async (model) =>
    new Map([
      ["onnx/model.onnx", onnxOf(model.config, model.weights)],
      ["config.json", bytesOf(toJsonText(configOf(model)))],
      ...tokenizerFiles(model),
      ...(await ownFile(model)),
      ["README.md", cardOf(model, { tools: TOOLS, limits: [...limitsOf(model.config), ...tokenizerLimits(model)] })],
    ]),
};

/** transformers.js knows architectures by name, and takes from this one the shapes of the cache alone. */
function configOf(model: ExportedModel): object {
  const { nEmbd, nHead, nLayer, blockSize } = model.config;
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    n_embd: nEmbd,
    n_head: nHead,
    n_layer: nLayer,
    n_positions: blockSize,
    ...sharedConfig(model),
  };
}

const TOOLS: readonly Tool[] = [
  {
    name: "transformers.js, in Node or a page, with the folder under `models/mine`",
    language: "js",
    code: [
      'import { env, pipeline } from "@huggingface/transformers";',
      'env.localModelPath = "models/";',
      'const write = await pipeline("text-generation", "mine", { dtype: "fp32", local_files_only: true });',
      'console.log(await write("", { max_new_tokens: 20, do_sample: true, temperature: 0.5, top_k: 0 }));',
    ].join("\n"),
  },
  {
    name: "ONNX Runtime in Python",
    language: "python",
    code: [
      "import onnxruntime",
      'session = onnxruntime.InferenceSession("onnx/model.onnx")',
      "print([(value.name, value.shape) for value in session.get_inputs()])",
    ].join("\n"),
  },
  {
    name: "ONNX Runtime in Node",
    language: "js",
    code: [
      'import { InferenceSession } from "onnxruntime-node";',
      'const session = await InferenceSession.create("onnx/model.onnx");',
      "console.log(session.inputNames, session.outputNames);",
    ].join("\n"),
  },
];

const limitsOf = ({ blockSize }: Config): string[] => [
  `The model sees at most ${blockSize} tokens: past them ONNX Runtime says "out of data bounds".`,
];
