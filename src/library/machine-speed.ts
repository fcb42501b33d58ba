/**
 * How fast this machine trains, by a short trial of one model. It decides only which sizes suit a budget of time; how many
 * steps fit is measured with the chosen model itself (`budget.ts`).
 */
import { Random } from "../random.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { microsecondsPerToken } from "../options/sizing.ts";
import { initTensors } from "../training/engine.ts";
import type { Config } from "../microgpt.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import { clockOf } from "./budget.ts";
import { chooseCpu } from "./choose-engine.ts";
import { openEngine } from "./engines.ts";
import type { Machine } from "./machine.ts";

/** A model of the sizes that a minute pays for; always the same, so that native code of it is compiled once. */
const MODEL: Config = { vocabSize: 1257, nEmbd: 64, nHead: 4, nLayer: 2, blockSize: 32 };
const BATCH_SIZE = 16;
/** The trial takes this fraction of the budget, within bounds in seconds. */
const SHARE = 0.02;
const [MIN_SECONDS, MAX_SECONDS] = [0.2, 1];
/** Steps that are not timed: code is compiled, and caches fill. */
const WARM_UP_STEPS = 3;

/**
 * How many times as fast as the study's machine (two cores of an AMD EPYC, native code) this one trains. With ranks it is the same
 * on all: by rank 0's clock, all ranks together.
 * @param options for a budget of seconds. @param mayChoose whether "auto" chooses among the engines of the CPU (`mayChooseEngine`).
 */
export async function measureSpeed(
  options: ResolvedOptions & { readonly seconds: number },
  mayChoose: boolean,
  machine: Machine,
): Promise<number> {
  const size = { ...options, batchSize: BATCH_SIZE, accumulate: 1, dropout: 0, keepC: null };
  // The rules are of CPUs: a GPU is not looked for.
  const chosen = { ...size, engine: mayChoose ? chooseCpu(MODEL, size, machine).engine : options.engine };
  const random = new Random(0);
  // A warning will come again when the training itself opens its engine.
  const engine = await openEngine(MODEL, initTensors(MODEL, random, Float32Array), chosen, machine, () => {});
  const { blockSize, vocabSize } = MODEL;
  const document = (): number[] => Array.from({ length: blockSize + 1 }, () => random.randbelow(vocabSize));
  const batch = Array.from({ length: BATCH_SIZE }, document);
  const clock = clockOf(machine.ranks ?? null);
  const wanted = 1000 * Math.min(Math.max(SHARE * options.seconds, MIN_SECONDS), MAX_SECONDS);
  let [begin, now, steps] = [0, 0, 0];
  for (; steps <= WARM_UP_STEPS || now - begin < wanted; steps++) {
    if (steps === WARM_UP_STEPS) begin = await clock();
    await engine.step([batch], { step: steps, learningRate: 1e-6, weightDecay: 0, clipNorm: null });
    now = await clock();
  }
  if (engine instanceof TensorEngine) engine.close();
  const tokens = (steps - WARM_UP_STEPS) * BATCH_SIZE * blockSize;
  return microsecondsPerToken(MODEL) / ((1000 * (now - begin)) / tokens);
}
