/**
 * The model as a graph of ONNX, opset 17: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. The same steps as
 * `tensor/model.ts`, with a cache of keys and values as inputs and outputs, as transformers.js expects them:
 *
 *   input_ids, position_ids [B, T], attention_mask [B, S], past_key_values.L.key, .value [B, H, S − T, C / H]
 *   → logits [B, T, V], present.L.key, .value [B, H, S, C / H]
 *
 * B texts, T new tokens of S; a mask of 0 hides padding. L is a layer.
 */
import type { Config } from "../microgpt.ts";
import type { Tensors } from "../training/engine.ts";
import { encodeMessage } from "./protobuf.ts";
import type { Field } from "./protobuf.ts";
import { floatsOf } from "./weights.ts";

const EPSILON = 1e-5;
/** Added to the scores of what a query must not see; −∞ would give NaN where it must see nothing, as padding. */
const HIDDEN = -1e30;
/** Numbers of the format: element types, kinds of attributes, versions. */
const [FLOAT, INT64, BOOL] = [1, 7, 9];
const [INT_ATTRIBUTE, INTS_ATTRIBUTE] = [2, 7];
const [IR_VERSION, OPSET] = [8, 17];

type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** Collects nodes, weights, inputs and outputs. */
class Graph {
  readonly #nodes: Field[] = [];
  readonly #initializers: Field[] = [];
  readonly #inputs: Field[] = [];
  readonly #outputs: Field[] = [];

  /** A node with one output, whose name is returned. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}, output?: string): string {
    const name = output ?? `${operator}_${this.#nodes.length}`;
    this.#nodes.push({
      field: 1,
      message: [
        ...inputs.map((text) => ({ field: 1, text })),
        { field: 2, text: name },
        { field: 3, text: `node_${this.#nodes.length}` },
        { field: 4, text: operator },
        ...Object.entries(attributes).map(([key, value]) => ({ field: 5, message: attribute(key, value) })),
      ],
    });
    return name;
  }

  /** A constant of 32-bit floats. */
  floats(name: string, shape: readonly number[], data: Float32Array): string {
    return this.#constant(name, shape, FLOAT, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** A constant list of integers; a scalar without `shape`. */
  integers(name: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#constant(name, shape, INT64, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  input(name: string, type: number, shape: readonly (string | number)[]): string {
    this.#inputs.push({ field: 11, message: valueInfo(name, type, shape) });
    return name;
  }

  output(name: string, shape: readonly (string | number)[]): void {
    this.#outputs.push({ field: 12, message: valueInfo(name, FLOAT, shape) });
  }

  /** The file. */
  encode(): Uint8Array {
    const name = { field: 2, text: "microgpt" };
    return encodeMessage([
      { field: 1, integer: IR_VERSION },
      name,
      { field: 7, message: [...this.#nodes, name, ...this.#initializers, ...this.#inputs, ...this.#outputs] },
      {
        field: 8,
        message: [
          { field: 1, text: "" },
          { field: 2, integer: OPSET },
        ],
      },
    ]);
  }

  #constant(name: string, shape: readonly number[], type: number, bytes: Uint8Array): string {
    const dims = shape.map((integer) => ({ field: 1, integer }));
    const message = [...dims, { field: 2, integer: type }, { field: 8, text: name }, { field: 9, bytes }];
    this.#initializers.push({ field: 5, message });
    return name;
  }
}

function attribute(name: string, value: number | readonly number[]): Field[] {
  const isList = typeof value !== "number";
  const numbers = isList ? value.map((integer) => ({ field: 8, integer })) : [{ field: 3, integer: value }];
  return [{ field: 1, text: name }, ...numbers, { field: 20, integer: isList ? INTS_ATTRIBUTE : INT_ATTRIBUTE }];
}

function valueInfo(name: string, type: number, shape: readonly (string | number)[]): Field[] {
  const dims = shape.map((size) => ({
    field: 1,
    message: [typeof size === "number" ? { field: 1, integer: size } : { field: 2, text: size }],
  }));
  const tensor = [
    { field: 1, integer: type },
    { field: 2, message: dims },
  ];
  return [
    { field: 1, text: name },
    { field: 2, message: [{ field: 1, message: tensor }] },
  ];
}

/** The file of a model. */
export function onnxOf(config: Config, weights: Tensors): Uint8Array {
  return new OnnxModel(config, weights).encode();
}

class OnnxModel {
  readonly #graph = new Graph();
  readonly #config: Config;
  readonly #weights: Tensors;
  /** Heads, numbers per head. */
  readonly #heads: readonly [count: number, size: number];
  readonly #epsilon: string;
  readonly #scale: string;
  readonly #split: string;
  readonly #join: string;

  constructor(config: Config, weights: Tensors) {
    this.#config = config;
    this.#weights = weights;
    const { nEmbd, nHead } = config;
    this.#heads = [nHead, nEmbd / nHead];
    this.#epsilon = this.#graph.floats("epsilon", [], Float32Array.of(EPSILON));
    this.#scale = this.#graph.floats("scale", [], Float32Array.of((nEmbd / nHead) ** -0.5));
    this.#split = this.#graph.integers("split", [0, 0, nHead, nEmbd / nHead]); // 0: as it was
    this.#join = this.#graph.integers("join", [0, 0, nEmbd]);
  }

  encode(): Uint8Array {
    const graph = this.#graph;
    const { vocabSize, nEmbd, nLayer, blockSize } = this.#config;
    const ids = graph.input("input_ids", INT64, ["batch", "tokens"]);
    const mask = graph.input("attention_mask", INT64, ["batch", "all_tokens"]);
    const positions = graph.input("position_ids", INT64, ["batch", "tokens"]);
    const [wte, wpe] = [this.#table("wte", vocabSize), this.#table("wpe", blockSize)];
    const embedded = graph.node("Add", [graph.node("Gather", [wte, ids]), graph.node("Gather", [wpe, positions])]);
    let x = this.#norm(embedded); // [B, T, C]
    const hidden = this.#hidden(ids, mask); // [B, 1, T, S]
    for (let layer = 0; layer < nLayer; layer++) x = this.#block(x, hidden, layer);
    this.#multiply(x, "lm_head", nEmbd, "logits");
    graph.output("logits", ["batch", "tokens", vocabSize]);
    return graph.encode();
  }

  #block(x: string, hidden: string, layer: number): string {
    const graph = this.#graph;
    const { nEmbd } = this.#config;
    const name = (short: string): string => `layer${layer}.${short}`;
    const normed = this.#norm(x);
    const project = (short: string): string => {
      const product = this.#multiply(normed, name(short), nEmbd);
      return graph.node("Transpose", [graph.node("Reshape", [product, this.#split])], { perm: [0, 2, 1, 3] });
    };
    const query = project("attn_wq"); // [B, H, T, C / H]
    const [key, value] = ["key", "value"].map((kind) => this.#cached(project(`attn_w${kind[0]}`), kind, layer));
    const keys = graph.node("Transpose", [key], { perm: [0, 1, 3, 2] });
    const scores = graph.node("Mul", [graph.node("MatMul", [query, keys]), this.#scale]); // [B, H, T, S]
    const weights = graph.node("Softmax", [graph.node("Add", [scores, hidden])], { axis: -1 });
    const heads = graph.node("Transpose", [graph.node("MatMul", [weights, value])], { perm: [0, 2, 1, 3] });
    const attended = graph.node("Reshape", [heads, this.#join]); // [B, T, C]
    const after = graph.node("Add", [this.#multiply(attended, name("attn_wo"), nEmbd), x]);
    const units = graph.node("Relu", [this.#multiply(this.#norm(after), name("mlp_fc1"), nEmbd)]); // [B, T, 4·C]
    return graph.node("Add", [this.#multiply(units, name("mlp_fc2"), 4 * nEmbd), after]);
  }

  /** Keys or values of earlier tokens and of the new ones [B, H, S, C / H]. */
  #cached(added: string, kind: string, layer: number): string {
    const [count, size] = this.#heads;
    const past = this.#graph.input(`past_key_values.${layer}.${kind}`, FLOAT, ["batch", count, "past_tokens", size]);
    const present = this.#graph.node("Concat", [past, added], { axis: 2 }, `present.${layer}.${kind}`);
    this.#graph.output(present, ["batch", count, "all_tokens", size]);
    return present;
  }

  /** x / √(mean of x² + ε) */
  #norm(x: string): string {
    const graph = this.#graph;
    const square = graph.node("ReduceMean", [graph.node("Mul", [x, x])], { axes: [-1], keepdims: 1 });
    return graph.node("Div", [x, graph.node("Sqrt", [graph.node("Add", [square, this.#epsilon])])]);
  }

  /** x · weightᵀ; the weight is stored transposed, [inputs, outputs]. */
  #multiply(x: string, name: string, inputs: number, output?: string): string {
    const data = floatsOf(this.#weights.get(name)!);
    const outputs = data.length / inputs;
    const transposed = new Float32Array(data.length);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) transposed[i * outputs + o] = data[o * inputs + i];
    return this.#graph.node("MatMul", [x, this.#graph.floats(name, [inputs, outputs], transposed)], {}, output);
  }

  #table(name: string, rows: number): string {
    return this.#graph.floats(name, [rows, this.#config.nEmbd], floatsOf(this.#weights.get(name)!));
  }

  /** [B, 1, T, S]: 0 where the query sees the key, else `HIDDEN`: keys after it, and padding. */
  #hidden(ids: string, mask: string): string {
    const graph = this.#graph;
    const [zero, one] = [graph.integers("zero", [0], []), graph.integers("one", [1], [])];
    const sizeOf = (of: string): string => graph.node("Gather", [graph.node("Shape", [of]), one]);
    const [tokens, all] = [sizeOf(ids), sizeOf(mask)];
    const keys = graph.node("Range", [zero, all, one]); // [S]
    const queries = graph.node("Range", [graph.node("Sub", [all, tokens]), all, one]); // [T]
    const column = graph.node("Unsqueeze", [queries, graph.integers("last", [1])]); // [T, 1]
    const causal = graph.node("LessOrEqual", [keys, column]); // [T, S]
    const text = graph.node("Unsqueeze", [graph.node("Cast", [mask], { to: BOOL }), graph.integers("middle", [1, 2])]);
    const visible = graph.node("And", [causal, text]); // [B, 1, T, S]
    const [seen, hidden] = [0, HIDDEN].map((value) => graph.floats(`is${value}`, [], Float32Array.of(value)));
    return graph.node("Where", [visible, seen, hidden]);
  }
}
