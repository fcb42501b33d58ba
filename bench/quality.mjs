// What is learnt, not how fast: the held-out loss on the bundled names after 1,000 steps, ours and PyTorch's, from the same
// weights, on the same batches in the same order. Both round in f32, each in its own way; so they part, but not far.
import { readFileSync } from "node:fs";
import { wasmBackend } from "../dist/backend/wasm/wasm.js";
import {
  charTokenizer,
  documentTokens,
  initTensors,
  learningRateAt,
  Random,
  splitDataset,
  splitLines,
  TensorEngine,
} from "../dist/index.js";
import { TorchPeer } from "./peers/torch.mjs";

const SEEDS = [42, 43, 44];
const [BATCH_SIZE, NUM_STEPS, LEARNING_RATE] = [64, 1000, 0.01];

export async function run() {
  console.log(`quality: names, ${NUM_STEPS} steps of ${BATCH_SIZE} names, held-out loss`);
  for (const seed of SEEDS) console.log(`  seed ${seed}: ${await compare(seed)}`);
  console.log("");
}

async function compare(seed) {
  const documents = splitLines(readFileSync(new URL("../data/names.txt", import.meta.url), "utf8"));
  const tokenizer = charTokenizer(documents);
  const random = new Random(seed);
  const dataset = splitDataset(documents, 0.1, random);
  const [train, heldOut] = [dataset.train, dataset.heldOut].map((texts) =>
    texts.map((text) => documentTokens(tokenizer, text)),
  );
  const config = { vocabSize: tokenizer.vocabSize, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
  const weights = initTensors(config, random, Float32Array);
  const batches = Array.from({ length: NUM_STEPS }, (_, step) =>
    Array.from({ length: BATCH_SIZE }, (__, i) => train[(step * BATCH_SIZE + i) % train.length]),
  );
  const backend = wasmBackend({ strictMath: false, threads: 1, startThread: null });
  const engine = await TensorEngine.create(backend, config, { maxTokens: BATCH_SIZE * config.blockSize });
  await engine.loadWeights(weights);
  for (const [step, batch] of batches.entries()) {
    const learningRate = learningRateAt(step, { numSteps: NUM_STEPS, learningRate: LEARNING_RATE });
    await engine.step([batch], { step, learningRate, weightDecay: 0, clipNorm: null });
  }
  const ours = await engine.evaluate(heldOut);
  const { peer, reason } = await TorchPeer.start({
    config,
    batches,
    threads: 1,
    learningRate: LEARNING_RATE,
    numSteps: NUM_STEPS,
    weights: Object.fromEntries([...weights].map(([name, { data }]) => [name, [...data]])),
  });
  if (peer === null) return `${ours.toFixed(4)}; no PyTorch: ${reason}`;
  await peer.steps(NUM_STEPS);
  const theirs = await peer.evaluate(heldOut);
  peer.close();
  return `ours ${ours.toFixed(4)}, PyTorch ${theirs.toFixed(4)}: ${((ours / theirs - 1) * 100).toFixed(3)} % apart`;
}
