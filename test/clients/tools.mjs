// The programs of this folder's package as sides of `npm run bench export`: each opens an exported model, and says where its
// logits or probabilities come from and how it reads tokens one by one.

/** The cache of a graph before the first token. */
function emptyCache(Tensor, { nHead, nEmbd, nLayer }) {
  const names = Array.from({ length: nLayer }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
  return Object.fromEntries(
    names.map((name) => [name, new Tensor("float32", new Float32Array(), [1, nHead, 0, nEmbd / nHead])]),
  );
}

/** ONNX Runtime with the graph of a folder, on one thread. */
export async function onnxRuntime(folder, config) {
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const session = await InferenceSession.create(`${folder}/onnx/model.onnx`, options);
  const row = (values) => new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
  const start = emptyCache(Tensor, config);
  const read = async (tokens, past, cache) => {
    const { logits, ...present } = await session.run({
      input_ids: row(tokens),
      position_ids: row(tokens.map((_, i) => past + i)),
      attention_mask: row(new Array(past + tokens.length).fill(1)),
      ...Object.fromEntries(Object.entries(cache).map(([name, tensor]) => [`past_key_values.${name}`, tensor])),
    });
    const next = Object.fromEntries(Object.keys(start).map((name) => [name, present[`present.${name}`]]));
    return { logits: Array.from(logits.data.slice(-config.vocabSize)), cache: next };
  };
  return {
    logits: async (prompt) => (await read(prompt, 0, start)).logits,
    async write(tokens) {
      let cache = start;
      for (const [i, token] of tokens.entries()) ({ cache } = await read([token], i, cache));
    },
    close: () => session.release(),
  };
}

/** transformers.js with a folder, on one thread: `generate` itself, greedy, as long as the tokens. */
export async function transformersJs(parent, name) {
  const { AutoModelForCausalLM, Tensor, env } = await import("@huggingface/transformers");
  env.localModelPath = parent;
  const options = { dtype: "fp32", local_files_only: true, session_options: { intraOpNumThreads: 1 } };
  const model = await AutoModelForCausalLM.from_pretrained(name, options);
  const inputs = (tokens) => {
    const row = (values) => new Tensor("int64", BigInt64Array.from(values, BigInt), [1, tokens.length]);
    return { input_ids: row(tokens), attention_mask: row(tokens.map(() => 1)) };
  };
  return {
    async logits(prompt) {
      const { logits } = await model(inputs(prompt));
      return Array.from(logits.data.slice(-logits.dims[2]));
    },
    async write(tokens) {
      const length = { min_new_tokens: tokens.length - 1, max_new_tokens: tokens.length - 1 };
      await model.generate({ ...inputs(tokens.slice(0, 1)), ...length, do_sample: false });
    },
    close: () => model.dispose(),
  };
}

/** llama.cpp with a GGUF file, on one thread. Gives probabilities in place of logits. */
export async function llamaCpp(file, config) {
  const { getLlama } = await import("node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: 1 });
  const model = await llama.loadModel({ modelPath: file });
  const context = await model.createContext({ contextSize: config.blockSize + 8, threads: 1 });
  const sequence = context.getSequence();
  const whole = { temperature: 1, topK: 0, topP: 1, minP: 0 };
  return {
    async probabilities(prompt) {
      await sequence.clearHistory();
      const last = [prompt.at(-1), { generateNext: { probabilities: true, options: whole } }];
      const answers = await sequence.controlledEvaluate([...prompt.slice(0, -1), last]);
      const known = answers.at(-1).next.probabilities;
      return Array.from({ length: config.vocabSize }, (_, id) => known.get(id) ?? 0);
    },
    async write(tokens) {
      await sequence.clearHistory();
      for (const token of tokens) {
        await sequence.controlledEvaluate([[token, { generateNext: { token: true, options: { temperature: 0 } } }]]);
      }
    },
    close: () => llama.dispose(),
  };
}
