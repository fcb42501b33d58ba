// The GPU: what a step costs the CPU, how fast models learn on it, how near its products come to its peak; PyTorch on the
// same GPU beside it. A CPU that plays a GPU (SwiftShader) is a thousand times slower: there, only what is small.
import { openGpu } from "../dist/backend/webgpu/device.js";
import { tuneTiles } from "../dist/backend/webgpu/tune.js";
import { webgpuBackend } from "../dist/backend/webgpu/webgpu.js";
import { initTensors, Random, TensorEngine } from "../dist/index.js";
import { findWebGpu } from "../dist/node/webgpu.js";
import { CONFIGURATIONS, flopsOf, makeBatches } from "./engine.mjs";
import { median } from "./measure.mjs";
import { TorchPeer } from "./peers/torch.mjs";

/** For the CPU's part: six layers, small enough for software. */
const SIX_LAYERS = { vocabSize: 64, nEmbd: 32, nHead: 2, nLayer: 6, blockSize: 16 };
const GPT2 = { vocabSize: 50304, nEmbd: 768, nHead: 12, nLayer: 12, blockSize: 1024 };

/** TFLOP/s of the GPU by its datasheet, for the shares: `MICROGPT_PEAK=67`. */
const PEAK = Number(process.env.MICROGPT_PEAK ?? Number.NaN);

const store = () => {
  const kept = new Map();
  return { get: (key) => kept.get(key) ?? null, set: (key, value) => kept.set(key, value) };
};

/** Counts what is dispatched; everything else is the device's own. */
function counting(device) {
  const count = { dispatches: 0 };
  const wrapped = new Proxy(device, {
    get(target, key) {
      const value = target[key];
      if (key !== "createCommandEncoder") return typeof value === "function" ? value.bind(target) : value;
      return () => {
        const encoder = target.createCommandEncoder();
        const begin = encoder.beginComputePass.bind(encoder);
        encoder.beginComputePass = () => {
          const pass = begin();
          const dispatch = pass.dispatchWorkgroups.bind(pass);
          pass.dispatchWorkgroups = (...groups) => {
            count.dispatches++;
            dispatch(...groups);
          };
          return pass;
        };
        return encoder;
      };
    },
  });
  return { wrapped, count };
}

async function openEngine(gpu, config, batchSize, options) {
  const maxTokens = Math.max(config.blockSize, Math.min(batchSize * config.blockSize, 16_384));
  const engine = await TensorEngine.create(webgpuBackend(gpu, options), config, { maxTokens, maxLogits: 2 ** 26 });
  await engine.loadWeights(initTensors(config, new Random(1), Float32Array));
  return engine;
}

const update = (step) => ({ step, learningRate: 0.001, weightDecay: 0, clipNorm: null });

/** Trains with as many steps on their way as the engine takes: → milliseconds. */
async function train(engine, batches, first, count) {
  const started = performance.now();
  const begun = [];
  for (let i = 0; i < count; i++) {
    if (begun.length > engine.maxInFlight) await begun.shift();
    begun.push(engine.step([batches[(first + i) % batches.length]], update(first + i)));
  }
  await Promise.all(begun);
  return performance.now() - started;
}

const tokensOf = (batch, blockSize) => batch.reduce((sum, text) => sum + Math.min(blockSize, text.length - 1), 0);

/** Dispatches of a step, and milliseconds that the CPU takes to ask for one. */
async function cpuPart(gpu, config, batches, rounds) {
  const { wrapped, count } = counting(gpu.device);
  const counted = await openEngine({ ...gpu, device: wrapped }, config, batches[0].length, {});
  count.dispatches = 0;
  await counted.step([batches[0]], update(0));
  const { dispatches } = count;
  counted.close();
  const engine = await openEngine(gpu, config, batches[0].length, {});
  const times = [];
  for (let step = 0; step < rounds; step++) {
    const started = performance.now();
    const done = engine.step([batches[step % batches.length]], update(step));
    times.push(performance.now() - started);
    await done;
  }
  engine.close();
  return { dispatches, milliseconds: median(times.slice(Math.floor(rounds / 3))) };
}

/** Tokens a second and TFLOP/s of a training. */
async function speed(gpu, config, batches, options) {
  const engine = await openEngine(gpu, config, batches[0].length, options);
  const turn = gpu.isSoftware ? 500 : 2000;
  let [steps, ms] = [2, await train(engine, batches, 0, 2)];
  let [first, elapsed, tokens, flops] = [2, 0, 0, 0];
  while (elapsed < turn) {
    const count = Math.max(1, Math.min(500, Math.floor((steps * turn) / (4 * ms))));
    const done = await train(engine, batches, first, count);
    for (let i = 0; i < count; i++) {
      const batch = batches[(first + i) % batches.length];
      tokens += tokensOf(batch, config.blockSize);
      flops += flopsOf(config, batch, config.blockSize);
    }
    [first, elapsed, steps, ms] = [first + count, elapsed + done, count, done];
  }
  engine.close();
  return { tokensPerSecond: (1000 * tokens) / elapsed, teraflops: flops / elapsed / 1e9 };
}

/** PyTorch's tokens a second on the same GPU, by precision; null where it has none. */
async function torchSpeeds(config, batches) {
  const speeds = {};
  for (const precision of ["f32", "tf32", "bf16"]) {
    const setup = { config, batches, threads: 1, learningRate: 0.001, numSteps: 1e6, device: "cuda", precision };
    const { peer } = await TorchPeer.start(setup, {});
    if (peer === null) return null;
    await peer.steps(5);
    const { ms: few } = await peer.steps(5);
    const count = Math.max(5, Math.min(500, Math.floor(10_000 / few)));
    const { ms } = await peer.steps(count);
    let tokens = 0;
    for (let i = 0; i < count; i++) tokens += tokensOf(batches[(10 + i) % batches.length], config.blockSize);
    speeds[precision] = (1000 * tokens) / ms;
    peer.close();
  }
  return speeds;
}

/** Whether PyTorch is there and sees a GPU; its name. */
async function findCuda() {
  const tiny = { vocabSize: 3, nEmbd: 4, nHead: 1, nLayer: 1, blockSize: 4 };
  const setup = { config: tiny, batches: [[[0, 1, 2]]], threads: 1, learningRate: 0.01, numSteps: 9 };
  const { peer, reason } = await TorchPeer.start(setup, {});
  if (peer === null) return { cuda: null, reason };
  peer.close();
  return { cuda: peer.cuda, reason: `PyTorch ${peer.torch} sees no GPU` };
}

const shown = (number) => (number >= 100 ? Math.round(number).toLocaleString("en-US") : number.toFixed(2));
const share = (teraflops) => (Number.isNaN(PEAK) ? "" : ` (${((100 * teraflops) / PEAK).toFixed(1)} % of ${PEAK})`);

async function printSteps(gpu) {
  const batches = makeBatches("six layers", SIX_LAYERS, 4);
  const { dispatches, milliseconds } = await cpuPart(gpu, SIX_LAYERS, batches, gpu.isSoftware ? 12 : 200);
  console.log(`a step of 6 layers: ${dispatches} dispatches, ${milliseconds.toFixed(3)} ms of the CPU to ask for it`);
  // The driver's part left away: Dawn's null adapter takes everything and does nothing.
  nowhere = create(["backend=null"]);
  const nobody = await openGpu(nowhere);
  const { milliseconds: recording } = await cpuPart(nobody, SIX_LAYERS, batches, 200);
  console.log(`  without a driver, to record it and hand it over: ${recording.toFixed(3)} ms\n`);
  nobody.device.destroy();
}

async function printTrainings(gpu, hasCuda) {
  const all = [...CONFIGURATIONS.map(([name, config, batch]) => [name, config, batch]), ["GPT-2", GPT2, 8]];
  const small = all.slice(0, 4);
  const precisions = gpu.target.half ? ["f32", "f16"] : ["f32"];
  console.log(
    "tokens a second         " +
      precisions.map((p) => p.padStart(12)).join("") +
      "     TFLOP/s   PyTorch f32, TF32, bf16",
  );
  for (const [name, config, batchSize] of gpu.isSoftware ? small : all) {
    const batches = makeBatches(name, config, batchSize);
    const speeds = [];
    for (const precision of precisions) {
      speeds.push(await speed(gpu, config, batches, { precision, ...(gpu.isSoftware ? {} : { tuning: TUNING }) }));
    }
    const torch = hasCuda ? await torchSpeeds(config, batches) : null;
    const beside = torch === null ? "–" : Object.values(torch).map(shown).join(", ");
    const ours = speeds.map(({ tokensPerSecond }) => shown(tokensPerSecond).padStart(12)).join("");
    console.log(`${name.padEnd(24)}${ours}${speeds[0].teraflops.toFixed(2).padStart(12)}   ${beside}`);
  }
  if (gpu.isSoftware)
    console.log(
      `left out, as software takes minutes for them: ${all
        .slice(4)
        .map(([name]) => /** @type {string} */ (name))
        .join(", ")}`,
    );
}

const TUNING = store();
let create = null;
/** Kept: a GPU that is collected as garbage takes its devices with it. */
let nowhere = null;

/** Products alone: `tuneTiles` finds the fastest way, and its own stopwatch is read. */
async function printProducts(gpu, hasCuda) {
  const size = gpu.isSoftware ? 128 : 4096;
  console.log(`\nproducts of ${size} × ${size} × ${size}, TFLOP/s`);
  for (const form of ["linear", "inputGrad", "weightGrad"]) {
    const shape = { form, rows: size, columns: size, depth: size };
    let [best, way] = [Infinity, null];
    const timed = (choice) => {
      const backend = webgpuBackend(gpu, { choose: () => choice });
      const open = async (layout, programs) => {
        const session = await backend.open(layout, programs);
        const timedRun = async (...given) => {
          const started = performance.now();
          const result = await session.run(...given);
          const ms = (performance.now() - started) / 4; // it repeats the product so often
          if (ms < best) [best, way] = [ms, choice];
          return result;
        };
        return { run: timedRun, close: () => session.close() };
      };
      return { ...backend, open };
    };
    await tuneTiles(timed, "bench", [shape], store());
    const teraflops = (2 * size ** 3) / best / 1e9;
    const { tile, chunks } = way;
    const how = `tile ${tile.rows} × ${tile.columns} × ${tile.depth}${chunks > 1 ? `, depth in ${chunks} chunks` : ""}`;
    console.log(`${form.padEnd(12)}${teraflops.toFixed(4).padStart(10)}${share(teraflops)}  ${how}`);
  }
  if (!hasCuda) return;
  for (const precision of ["f32", "tf32", "bf16"]) {
    const tiny = { vocabSize: 3, nEmbd: 4, nHead: 1, nLayer: 1, blockSize: 4 };
    const setup = { config: tiny, batches: [[[0, 1, 2]]], threads: 1, learningRate: 0.01, numSteps: 9 };
    const { peer } = await TorchPeer.start({ ...setup, device: "cuda", precision }, {});
    const teraflops = (2 * size ** 3) / (await peer.matmul(size, 20)) / 1e9;
    peer.close();
    console.log(`PyTorch ${precision.padEnd(4)}${teraflops.toFixed(4).padStart(10)}${share(teraflops)}`);
  }
}

export async function run() {
  const webgpu = await findWebGpu();
  if (webgpu !== null) ({ create } = await import("webgpu"));
  const gpu = webgpu === null ? null : await openGpu(webgpu);
  if (gpu === null) {
    console.log(`gpu: ${webgpu === null ? "the package webgpu is not there" : "no adapter"}; nothing is measured\n`);
    return;
  }
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const about = `buffers of ${maxBufferSize / 2 ** 20} MiB, bound ${Math.floor(maxStorageBufferBindingSize / 2 ** 20)}`;
  const { subgroup, half } = gpu.target;
  console.log(
    `gpu: ${gpu.name}${gpu.isSoftware ? " (software)" : ""}; ${about}; subgroups ${subgroup}; f16 ${half ? "yes" : "no"}`,
  );
  const { cuda, reason } = gpu.isSoftware ? { cuda: null, reason: "software is no match for a GPU" } : await findCuda();
  console.log(cuda === null ? `PyTorch is not measured: ${reason}\n` : `PyTorch on ${cuda}\n`);
  await printSteps(gpu);
  await printTrainings(gpu, cuda !== null);
  await printProducts(gpu, cuda !== null);
  gpu.device.destroy();
}
