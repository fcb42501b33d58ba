// One model in every tool that an export is for: bytes on disk, agreement with our engine, and tokens per second, read one by one
// with a cache on one thread, all sides in turn. The tools of `test/clients` need `npm run test:clients` once; those of Python
// the packages torch and transformers.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { FORMATS } from "../dist/export/formats.js";
import { floatsOf } from "../dist/export/weights.js";
import { createTrainer } from "../dist/index-node.js";
import { openEngine } from "../dist/library/engines.js";
import { nodeMachine } from "../dist/run/machine.js";
import { median } from "./measure.mjs";
import { PYTHON } from "./peers/torch.mjs";

const ROUNDS = 7;
const ROUND_MS = 300;
const PROMPTS = 50;
const MODELS = {
  "names, characters, 16 wide, block 16": { numSteps: 300 },
  "names, byte pairs, 64 wide, 4 layers, block 128": {
    tokenizer: "byte-bpe",
    bpeMerges: 200,
    stream: true,
    nEmbd: 64,
    nLayer: 4,
    blockSize: 128,
    batchSize: 8,
    numSteps: 100,
  },
};

export async function run() {
  const directory = fs.mkdtempSync(join(tmpdir(), "microgpt-export-"));
  try {
    for (const [index, [title, options]] of Object.entries(MODELS).entries()) {
      await compare(title, await trained(options, `model-${index}`), join(directory, String(index)));
    }
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

async function trained(options, name) {
  const names = fs
    .readFileSync(new URL("../data/names.txt", import.meta.url), "utf8")
    .trim()
    .split("\n");
  const trainer = await createTrainer(names, { ...options, threads: 1 });
  await trainer.run();
  const model = await trainer.model();
  const { dataHash } = trainer.data;
  trainer.close();
  await model.close();
  const training = { data: ["names.txt"], size: null, numSteps: model.step, heldOutLoss: model.heldOutLoss };
  return {
    name,
    dataHash,
    training: { ...training, bitsPerByte: null, baselines: null },
    config: model.config,
    tokenizer: model.tokenizer,
    weights: model.weights,
    options: model.options,
    step: model.step,
    heldOutLoss: model.heldOutLoss,
    documents: async () => names.map((text) => model.tokenizer.encode(text).ids),
  };
}

async function compare(title, model, directory) {
  console.log(`export: ${title}`);
  const engine = await openEngine(model.config, model.weights, model.options, nodeMachine, () => {});
  const own = {
    name: "ours",
    bytes: [...model.weights.values()].reduce((sum, matrix) => sum + floatsOf(matrix).byteLength, 0),
    logits: async (prompt) => {
      const reader = engine.reader();
      let logits;
      for (const token of prompt) logits = await reader.read(token);
      return Array.from(logits);
    },
    write: (tokens) => own.logits(tokens),
    close: () => engine.close(),
  };
  const sides = [own];
  for (const open of OPENERS) {
    const opened = await open(model, directory).catch((error) => ({ reason: error.message }));
    if (opened.reason === undefined) sides.push(opened);
    else console.log(`  left out: ${opened.reason}`);
  }
  const prompts = promptsOf(model);
  const agreement = [];
  for (const side of sides) agreement.push(await differenceOf(side, own, prompts));
  const rates = await ratesOf(sides, wholeBlock(model));
  for (const [i, { name, bytes }] of sides.entries()) {
    const rate = Math.round(median(rates[i])).toLocaleString("en");
    const times = (median(rates[i]) / median(rates[0])).toFixed(2);
    const size = (bytes / 1000).toLocaleString("en", { maximumFractionDigits: 0 });
    console.log(
      `  ${name.padEnd(34)} ${size.padStart(8)} kB   ${agreement[i]}   ${rate.padStart(8)} tokens/s, ${times}×`,
    );
  }
  for (const side of sides) await side.close();
  console.log("");
}

/** Writes a format into a folder of its own: → its path and its bytes. */
async function written(format, model, directory) {
  const folder = join(directory, format);
  let bytes = 0;
  for (const [name, content] of await FORMATS[format].files(model)) {
    fs.mkdirSync(dirname(join(folder, name)), { recursive: true });
    fs.writeFileSync(join(folder, name), content);
    bytes += content.length;
  }
  return { folder, bytes };
}

const tools = () => import("../test/clients/tools.mjs");

const OPENERS = [
  async (model, directory) => {
    const { folder, bytes } = await written("onnx", model, directory);
    return { name: "onnx, ONNX Runtime", bytes, ...(await (await tools()).onnxRuntime(folder, model.config)) };
  },
  async (model, directory) => {
    const { bytes } = await written("onnx", model, directory);
    return { name: "onnx, transformers.js", bytes, ...(await (await tools()).transformersJs(directory, "onnx")) };
  },
  async (model, directory) => {
    const { folder, bytes } = await written("gguf", model, directory);
    const file = join(folder, `${model.name}.gguf`);
    return { name: "gguf, llama.cpp", bytes, ...(await (await tools()).llamaCpp(file, model.config)) };
  },
  (model, directory) => python("pytorch", "PyTorch, no cache", model, directory),
  (model, directory) => python("gpt2", "transformers", model, directory),
  (model, directory) => python("gpt2-untied", "transformers", model, directory),
];

async function python(format, tool, model, directory) {
  const { folder, bytes } = await written(format, model, directory);
  const script = fileURLToPath(new URL("peers/exported.py", import.meta.url));
  const child = spawn(PYTHON, [script, folder, format], { stdio: ["pipe", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await lines.next()).value ?? '{"reason": "it ended"}');
  const { reason } = await answer();
  if (reason !== undefined) return { reason: `${format}: ${PYTHON}: ${reason}` };
  const ask = (work) => {
    child.stdin.write(`${JSON.stringify(work)}\n`);
    return answer();
  };
  return {
    name: `${format}, ${tool}`,
    bytes,
    close: () => child.stdin.end(),
    logits: (prompt) => ask({ logits: prompt }),
    write: (tokens) => ask({ write: tokens }),
  };
}

/** Prompts of every length that the block has, of random tokens behind BOS. */
function promptsOf({ config, tokenizer }) {
  return Array.from({ length: PROMPTS }, (_prompt, i) => {
    const length = 1 + ((i * 7) % (config.blockSize - 1));
    return [tokenizer.bos, ...Array.from({ length }, (_token, j) => (31 * i + 17 * j) % config.vocabSize)];
  });
}

const wholeBlock = ({ config, tokenizer }) => [
  tokenizer.bos,
  ...Array.from({ length: config.blockSize - 1 }, (_, j) => (17 * j) % config.vocabSize),
];

async function differenceOf(side, own, prompts) {
  let most = 0;
  let same = 0;
  for (const prompt of prompts) {
    const expected = await own.logits(prompt);
    const isChance = side.probabilities !== undefined;
    const theirs = await (isChance ? side.probabilities(prompt) : side.logits(prompt));
    const ours = isChance ? softmax(expected) : expected;
    most = Math.max(most, ...ours.map((value, i) => Math.abs(value - theirs[i])));
    same += theirs.indexOf(Math.max(...theirs)) === ours.indexOf(Math.max(...ours)) ? 1 : 0;
  }
  const what = side.probabilities === undefined ? "logits" : "chances";
  return `${what} within ${most.toExponential(1)}, likeliest ${same}/${prompts.length}`;
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Tokens per second of each side, a list of rounds. */
async function ratesOf(sides, tokens) {
  const rates = sides.map(() => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [i, side] of sides.entries()) {
      const began = performance.now();
      let count = 0;
      do {
        await side.write(tokens);
        count += tokens.length;
      } while (performance.now() - began < ROUND_MS);
      if (round >= 0) rates[i].push((1000 * count) / (performance.now() - began));
    }
  }
  return rates;
}
