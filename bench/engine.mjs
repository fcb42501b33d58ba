// The engine, one training step at a time: in WebAssembly, as native code, and PyTorch on the same data from
// the same weights. All sides take turns, each for about a fifth of a second, so that ratios hold on a machine that others use.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { nativeBackend } from "../dist/backend/native/native.js";
import { wasmBackend } from "../dist/backend/wasm/wasm.js";
import { initTensors, Random, TensorEngine } from "../dist/index.js";
import { startNodeThread } from "../dist/node/threads.js";
import { median } from "./measure.mjs";
import { COMPILE, straightSide } from "./native.mjs";
import { TorchPeer } from "./peers/torch.mjs";

/** Milliseconds of a side before it is measured, and of each of its turns. */
const [WARM_UP, TURN] = [500, 200];
const TURNS = 7;
const LEARNING_RATE = 0.001;

const NAMES = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
const THREADS = availableParallelism();

/** name, configuration, documents a batch, threads of ours; names: real names; else full windows of random tokens. */
export const CONFIGURATIONS = [
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
export function flopsOf({ vocabSize, nEmbd, nLayer }, batch, blockSize) {
  const lengths = batch.map((tokens) => Math.min(blockSize, tokens.length - 1));
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const pairs = lengths.reduce((sum, length) => sum + (length * (length + 1)) / 2, 0);
  return 6 * tokens * (12 * nLayer * nEmbd ** 2 + vocabSize * nEmbd) + 12 * nLayer * nEmbd * pairs;
}

export function makeBatches(name, { vocabSize, blockSize }, batchSize) {
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

const wasm = (threads) =>
  wasmBackend({ strictMath: false, threads, startThread: threads > 1 ? startNodeThread : null });

/** Ours, ready to train: `run(count)` → `{ ms, losses }` of so many steps. */
async function ourSide(name, { config, batches, weights }, backend) {
  const started = performance.now();
  const engine = await TensorEngine.create(backend, config, { maxTokens: batches[0].length * config.blockSize });
  await engine.loadWeights(weights);
  let step = 0;
  const train = async (count) => {
    const begun = performance.now();
    const losses = [];
    for (let i = 0; i < count; i++, step++) {
      const update = { step, learningRate: LEARNING_RATE, weightDecay: 0, clipNorm: null };
      losses.push((await engine.step([batches[step % batches.length]], update)).loss);
    }
    return { ms: performance.now() - begun, losses };
  };
  const first = await train(1);
  const firstStepMs = performance.now() - started;
  return { name, run: train, losses: first.losses, firstStepMs, bytes: engine.bytes, close: () => engine.close() };
}

/** How PyTorch's threads wait for each other is worth trying both ways, and one thread without waiting. */
const TORCH_WAYS = [
  { name: "asleep", env: { OMP_WAIT_POLICY: "passive" }, alone: false },
  { name: "as OpenMP likes", env: {}, alone: false },
  { name: "1 thread", env: {}, alone: true },
];

async function torchSides({ config, batches, threads, weights }) {
  const sides = [];
  for (const { name, env, alone } of TORCH_WAYS.filter((way) => threads > 1 || way.alone)) {
    const { peer, reason } = await TorchPeer.start(
      {
        config,
        batches,
        threads: alone ? 1 : threads,
        learningRate: LEARNING_RATE,
        numSteps: 1e9, // falling to 0 over so many: constant, as ours
        weights: Object.fromEntries([...weights].map(([key, { data }]) => [key, [...data]])),
      },
      env,
    );
    if (peer === null) return { sides: [], reason };
    const { losses } = await peer.steps(1);
    sides.push({ name, run: (count) => peer.steps(count), losses, close: () => peer.close() });
  }
  return { sides, reason: null };
}

/** Milliseconds a step of each side: the median of its turns. */
async function race(sides) {
  for (const side of sides) {
    let [ms, steps] = [0, 0];
    for (let count = 1; ms < WARM_UP; count *= 2) {
      const turn = await side.run(count);
      ms += turn.ms;
      steps += count;
      side.losses.push(...turn.losses);
      side.perTurn = Math.max(1, Math.round((TURN * count) / turn.ms));
    }
    side.times = [];
  }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const side of sides) side.times.push((await side.run(side.perTurn)).ms / side.perTurn);
  }
  for (const side of sides) side.ms = median(side.times);
}

async function compare([name, config, batchSize, threads]) {
  const weights = initTensors(config, new Random(42), Float32Array);
  const task = { config, batches: makeBatches(name, config, batchSize), threads, weights };
  const ours = [await ourSide("WebAssembly", task, wasm(threads))];
  if (COMPILE !== null) ours.push(await ourSide("native", task, nativeBackend({ threads, compile: COMPILE })));
  const byHand = COMPILE !== null && batchSize === 1 ? [await straightSide(weights, task.batches, LEARNING_RATE)] : [];
  const { sides: theirs, reason } = await torchSides(task);
  try {
    await race([...ours, ...byHand, ...theirs]);
    for (const side of [...ours.slice(1), ...byHand, ...theirs]) {
      // Adam's first step is of the size of the learning rate however small a gradient, so its rounding shows.
      const [start, next] = [0, 1].map((i) => Math.abs(side.losses[i] / ours[0].losses[i] - 1));
      if (!(start < 1e-5 && next < 1e-3)) {
        throw new Error(
          `bench: ${name}: the first losses of ${side.name} are ${start} and ${next} of WebAssembly's apart`,
        );
      }
    }
    const best = theirs.toSorted((a, b) => a.ms - b.ms)[0];
    const named = (sides) => sides.map((side) => `${side.name} ${side.ms.toFixed(4)} ms`).join(", ");
    const peers = [named(byHand), `PyTorch: ${reason ?? named(theirs)}`].filter((peer) => peer !== "").join(", ");
    console.log(`  ${name}, ${threads} thread${threads === 1 ? "" : "s"}; ${peers}`);
    const flops = flopsOf(config, task.batches[0], config.blockSize);
    for (const side of ours) {
      const figures = [
        `${side.ms.toFixed(3)} ms a step`,
        `${((1000 * side.ms) / batchSize).toFixed(1)} µs a document`,
        `${(flops / side.ms / 1e6).toFixed(1)} GFLOP/s`,
        best === undefined ? "" : `${(best.ms / side.ms).toFixed(2)}× PyTorch`,
        `${(side.bytes / 1e6).toFixed(1)} MB`,
        `first step after ${Math.round(side.firstStepMs)} ms`,
      ];
      console.log(`    ${side.name}: ${figures.filter((figure) => figure !== "").join(", ")}`);
    }
  } finally {
    for (const side of [...ours, ...byHand, ...theirs]) side.close();
  }
}

export async function run() {
  console.log(`engine: a training step; medians of ${TURNS} turns, all sides in turn`);
  const only = process.env.MICROGPT_BENCH;
  for (const configuration of CONFIGURATIONS) {
    if (only === undefined || configuration[0].includes(only)) await compare(configuration);
  }
  console.log("");
}
