// Seconds of one core that a training step takes, by the processor's own count of this process: other work on the machine does not
// change it much, so a study may share its cores.
import { COMPILE } from "../native.mjs";
import { nativeBackend } from "../../dist/backend/native/native.js";
import { initTensors, Random, TensorEngine } from "../../dist/index.js";

/** How long a configuration is measured, in seconds of the processor. */
const MEASURED = 1.5;

/** Seconds of one core per step of `batchSize` whole blocks, forward, backward and Adam. @returns by the model's shape. */
export async function stepSeconds(config, batchSize, dropout) {
  const random = new Random(1);
  const token = () => random.randbelow(config.vocabSize);
  const batch = Array.from({ length: batchSize }, () => Array.from({ length: config.blockSize + 1 }, token));
  const maxTokens = batchSize * config.blockSize;
  const backend = nativeBackend({ threads: 1, compile: COMPILE });
  const engine = await TensorEngine.create(backend, config, { maxTokens, dropout });
  await engine.loadWeights(initTensors(config, random, Float32Array));
  const train = async (step) =>
    await engine.step([batch], { step, learningRate: 1e-6, weightDecay: 0, clipNorm: null });
  await train(0);
  const begin = process.cpuUsage();
  const used = () => {
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1e6;
  };
  let steps = 0;
  while (used() < MEASURED) await train(++steps);
  engine.close();
  return used() / steps;
}
