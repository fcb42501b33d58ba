// The engine, one training step at a time, beside PyTorch on the same data, with the same weights to start from; rounds
// of both take turns. Then the kernels beside the peak of a loop of multiply-adds, and generation.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import {
  f32x4,
  i32,
  ModuleBuilder,
  relaxedMultiplyAdd,
  repeatWhile,
  sequence,
} from "../dist/backend/wasm-assembler.js";
import { wasmBackend } from "../dist/backend/wasm.js";
import { generateTokens, initTensors, Random, TensorEngine } from "../dist/index.js";
import { startNodeThread } from "../dist/node/wasm-thread.js";
import { median } from "./measure.mjs";
import { TorchPeer } from "./peers/torch.mjs";

const NAMES = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
const THREADS = availableParallelism();

/** name, configuration, documents a batch, threads of ours; names: real names; else full windows of random tokens. */
const CONFIGURATIONS = [
  ["names, batch 1", NAMES, 1, 1],
  ["names, batch 16, d16", NAMES, 16, 1],
  ["names, batch 16, d32", { ...NAMES, nEmbd: 32 }, 16, 1],
  ["names, batch 16, d64", { ...NAMES, nEmbd: 64 }, 16, 1],
  ["names, batch 16, d128", { ...NAMES, nEmbd: 128 }, 16, 1],
  ["names, batch 64", NAMES, 64, THREADS],
  ["char", { vocabSize: 80, nEmbd: 64, nHead: 8, nLayer: 2, blockSize: 256 }, 32, THREADS],
  ["BPE", { vocabSize: 1080, nEmbd: 64, nHead: 8, nLayer: 3, blockSize: 128 }, 32, THREADS],
  ["word", { vocabSize: 12000, nEmbd: 64, nHead: 8, nLayer: 3, blockSize: 128 }, 32, THREADS],
  ["large", { vocabSize: 2080, nEmbd: 256, nHead: 16, nLayer: 6, blockSize: 512 }, 4, THREADS],
  ["shakespeare", { vocabSize: 65, nEmbd: 384, nHead: 6, nLayer: 6, blockSize: 256 }, 4, THREADS],
];

/** Multiply-adds of a step's matrix products and attention, times two: forward once, backward twice. */
function flopsOf({ vocabSize, nEmbd, nLayer }, batch, blockSize) {
  const lengths = batch.map((tokens) => Math.min(blockSize, tokens.length - 1));
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const pairs = lengths.reduce((sum, length) => sum + (length * (length + 1)) / 2, 0);
  return 6 * tokens * (12 * nLayer * nEmbd ** 2 + vocabSize * nEmbd) + 12 * nLayer * nEmbd * pairs;
}

function makeBatches(name, { vocabSize, blockSize }, batchSize) {
  const random = new Random(1);
  const count = name.startsWith("names") ? 64 : 4;
  const names = readFileSync(new URL("../data/names.txt", import.meta.url), "utf8")
    .trim()
    .split("\n");
  const ofName = (text) => [
    26,
    ...[...text.toLowerCase()].map((c) => Math.min(25, Math.max(0, c.charCodeAt(0) - 97))),
    26,
  ];
  const anyName = () => ofName(names[random.randbelow(names.length)]);
  const window = () => Array.from({ length: blockSize + 1 }, () => random.randbelow(vocabSize));
  return Array.from({ length: count }, () =>
    Array.from({ length: batchSize }, () => (name.startsWith("names") ? anyName() : window())),
  );
}

async function openEngine(config, batchSize, threads, weights, blas = null) {
  const backend = wasmBackend({ strictMath: false, threads, startThread: threads > 1 ? startNodeThread : null, blas });
  const engine = await TensorEngine.create(backend, config, { maxTokens: batchSize * config.blockSize });
  await engine.loadWeights(weights);
  return engine;
}

/** Steps of ours: → milliseconds a step. */
async function ourSteps(engine, batches, state, count) {
  const started = performance.now();
  for (let i = 0; i < count; i++, state.step++) {
    const update = { step: state.step, learningRate: 0.001, weightDecay: 0, clipNorm: null };
    const { loss } = await engine.step([batches[state.step % batches.length]], update);
    state.losses.push(loss);
  }
  return (performance.now() - started) / count;
}

async function compare([name, config, batchSize, threads]) {
  const weights = initTensors(config, new Random(42), Float32Array);
  const batches = makeBatches(name, config, batchSize);
  const engine = await openEngine(config, batchSize, threads, weights);
  const { peer, reason } = await TorchPeer.start({
    config,
    batches,
    threads,
    learningRate: 0.001,
    numSteps: 1e9,
    weights: Object.fromEntries([...weights].map(([key, { data }]) => [key, [...data]])),
  });
  const state = { step: 0, losses: [] };
  const perRound = name.startsWith("names") ? 20 : 1;
  const rounds = name.startsWith("names") ? 15 : 7;
  const [ours, theirs] = [[], []];
  const warmUp = name.startsWith("names") ? 50 : 2;
  await ourSteps(engine, batches, state, warmUp);
  const first = peer === null ? [] : (await peer.steps(warmUp)).losses;
  for (let round = 0; round < rounds; round++) {
    ours.push(await ourSteps(engine, batches, state, perRound));
    if (peer !== null) theirs.push((await peer.steps(perRound)).ms / perRound);
  }
  // Theirs is scheduled to fall to 0 over 1e9 steps: constant, as ours. The first losses must be the same.
  const apart = Math.max(0, ...first.slice(0, 2).map((loss, i) => Math.abs(loss - state.losses[i])));
  if (apart > 1e-3)
    throw new Error(`bench: ${name}: PyTorch's first losses are ${apart} from ours; not the same model`);
  const ms = median(ours);
  const flops = flopsOf(config, batches[0], config.blockSize);
  const line = [
    name.padEnd(22),
    `${ms.toFixed(3)} ms`.padStart(13),
    `${((1000 * ms) / batchSize).toFixed(1)} µs`.padStart(14),
    (flops / ms / 1e6).toFixed(1).padStart(9),
    peer === null ? `no PyTorch: ${reason}` : `${median(theirs).toFixed(3)} ms`.padStart(13),
    peer === null ? "" : `${(median(theirs) / ms).toFixed(2)}×`.padStart(9),
    `${(engine.bytes / 1e6).toFixed(1)} MB`.padStart(11),
  ];
  console.log(`  ${line.join("")}  ${threads} thread${threads === 1 ? "" : "s"}`);
  engine.close();
  peer?.close();
}

/** GFLOP/s of this core: 12 chains of four-lane multiply-adds, nothing from memory. */
function peak() {
  const module = new ModuleBuilder();
  const rounds = 1e7;
  module.function("peak", ["i32"], (locals, pointer) => {
    const chains = locals.many("v128", 12);
    const [count] = locals.many("i32", 1);
    return sequence(
      count.set(i32.const(0)),
      ...chains.map((chain) => chain.set(f32x4.load(pointer.get))),
      repeatWhile(
        i32.less(count.get, i32.const(rounds)),
        sequence(
          ...chains.map((chain, i) => chain.set(relaxedMultiplyAdd(chains[(i + 1) % 12].get, chain.get, chain.get))),
          count.increase(i32.const(1)),
        ),
      ),
      ...chains.map((chain, i) => f32x4.store(pointer.get, chain.get, 16 * i)),
    );
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const bytes = module.build({ pages: 1, maxPages: 1, shared: false });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const times = Array.from({ length: 8 }, () => {
    const started = performance.now();
    exports.peak(0);
    return performance.now() - started;
  });
  return (12 * 8 * rounds) / Math.min(...times) / 1e6;
}

/** Tokens a second of one stream, by the engine's own reader and with the whole of `generate` around it. */
async function generation() {
  const engine = await openEngine(NAMES, 1, 1, initTensors(NAMES, new Random(42), Float32Array));
  const [read, generated] = [[], []];
  for (let round = 0; round < 9; round++) {
    let started = performance.now();
    for (let text = 0; text < 500; text++) {
      const reader = engine.reader();
      for (let position = 0; position < 16; position++) await reader.read((7 * position + text) % 27);
    }
    read.push((500 * 16) / (performance.now() - started));
    started = performance.now();
    let count = 0;
    const random = new Random(round);
    for (let text = 0; text < 500; text++) {
      count += (await generateTokens(engine, [], 16, random, { temperature: 1, topK: null, topP: null })).length + 1;
    }
    generated.push(count / (performance.now() - started));
  }
  const rate = (list) => `${Math.round(1000 * median(list)).toLocaleString("en-US")} tokens/s`;
  console.log(`  generation, names, one stream: reading ${rate(read)}; with sampling ${rate(generated)}\n`);
}

export async function run() {
  console.log(
    `engine: a training step, ours beside PyTorch eager, rounds in turn; peak of a core ${peak().toFixed(1)} GFLOP/s`,
  );
  console.log("  configuration                step    a document  GFLOP/s      PyTorch    ratio     memory");
  const only = process.env.MICROGPT_BENCH;
  for (const configuration of CONFIGURATIONS) {
    if (only === undefined || configuration[0].includes(only)) await compare(configuration);
  }
  await generation();
}
