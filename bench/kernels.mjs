// Single products beside the peak of a loop of multiply-adds, and text written token by token.
import {
  f32x4,
  i32,
  ModuleBuilder,
  relaxedMultiplyAdd,
  repeatWhile,
  sequence,
} from "../dist/backend/wasm/assembler.js";
import { addPack, addRowsByWeight } from "../dist/backend/wasm/matmul.js";
import { wasmBackend } from "../dist/backend/wasm/wasm.js";
import { nativeBackend } from "../dist/backend/native/native.js";
import { generateTokens, initTensors, Random, TensorEngine } from "../dist/index.js";
import { median, milliseconds } from "./measure.mjs";
import { nativeProducts } from "./native-products.mjs";
import { COMPILE } from "./native.mjs";
import { TorchPeer } from "./peers/torch.mjs";

const ROUNDS = 9;
const NAMES = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };

function instantiate(module, bytes) {
  const pages = Math.ceil(bytes / 65_536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const code = module.build({ pages, maxPages: pages, shared: false });
  return { memory, exports: new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } }).exports };
}

/** 12 chains of four-lane multiply-adds, nothing from memory: → a function that measures this core's GFLOP/s. */
function peakOfCore() {
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
  const { exports } = instantiate(module, 65_536);
  return () => (12 * 8 * rounds) / milliseconds(() => exports.peak(0)) / 1e6;
}

/** C = A · Bᵀ of size × size matrices, B packed each time: → a function that measures GFLOP/s; it checks itself first. */
function productInWasm(size) {
  const module = new ModuleBuilder();
  const rowBytes = 4 * size;
  addPack(module, "pack", { columns: size, rowBytes });
  const shape = { k: size, columns: size, aRow: rowBytes, cRow: rowBytes, bStep: 32, bPanel: 8 * rowBytes };
  addRowsByWeight(module, "multiply", { ...shape, relu: false, plusRow: null, gateRow: null }, relaxedMultiplyAdd);
  const matrix = size * rowBytes;
  const { memory, exports } = instantiate(module, 4 * matrix);
  const work = () => {
    exports.pack(matrix, 2 * matrix, size);
    exports.multiply(0, 2 * matrix, 3 * matrix, size, 0, 0);
  };
  return measured(memory, size, work);
}

function measured(memory, size, work) {
  const numbers = new Float32Array(memory.buffer);
  const random = new Random(1);
  for (let i = 0; i < 2 * size * size; i++) numbers[i] = random.random() - 0.5;
  work();
  let expected = 0;
  for (let k = 0; k < size; k++) expected += numbers[(size - 1) * size + k] * numbers[size * size + k];
  const apart = Math.abs(numbers[3 * size * size + (size - 1) * size] - expected);
  if (!(apart < 1e-3)) throw new Error(`bench: a product of ${size} × ${size} is ${apart} off`);
  const count = Math.max(1, Math.round(1e9 / size ** 3));
  const many = () => {
    for (let i = 0; i < count; i++) work();
  };
  return () => (2 * size ** 3 * count) / milliseconds(many) / 1e6;
}

/** Weights of the models of bench/engine.mjs, and how many rows they are multiplied with. */
const MODEL_SHAPES = [
  { rows: 112, k: 16, columns: 64 },
  { rows: 112, k: 64, columns: 16 },
  { rows: 256, k: 64, columns: 192 },
  { rows: 256, k: 64, columns: 256 },
  { rows: 256, k: 256, columns: 1024 },
  { rows: 256, k: 384, columns: 1152 },
];

function nativeFigures({ bits }, peaks, rates) {
  const [peak, rate] = [median(peaks), median(rates)];
  return `native, packing included, ${rate.toFixed(1)} of ${peak.toFixed(1)} GFLOP/s at ${bits} bits (${Math.round((100 * rate) / peak)} %)`;
}

async function products() {
  const peak = peakOfCore();
  const { peer, reason } = await TorchPeer.start({
    config: NAMES,
    batches: [[[26, 0, 26]]],
    threads: 1,
    learningRate: 0.001,
    numSteps: 1,
  });
  const squares = [256, 1024].map((size) => ({ rows: size, k: size, columns: size }));
  const native = await nativeProducts([...squares, ...MODEL_SHAPES]);
  for (const [i, size] of [256, 1024].entries()) {
    const ours = productInWasm(size);
    const [peaks, wasm, torch, widePeaks, wide] = [[], [], [], [], []];
    for (let round = 0; round < ROUNDS; round++) {
      peaks.push(peak());
      wasm.push(ours());
      if (native !== null) {
        widePeaks.push(native.peak());
        wide.push(native.products[i]());
      }
      if (peer !== null) torch.push((2 * size ** 3) / (await peer.matmul(size, 3)) / 1e6);
    }
    const top = median(peaks);
    const of = (rates, share) => `${median(rates).toFixed(1)} GFLOP/s (${Math.round(100 * share(median(rates)))} %)`;
    const parts = [
      `128-bit peak ${top.toFixed(1)} GFLOP/s`,
      `WebAssembly, packing included, ${of(wasm, (rate) => rate / top)}`,
      ...(native === null ? [] : [nativeFigures(native, widePeaks, wide)]),
      peer === null ? `no PyTorch: ${reason}` : `PyTorch ${median(torch).toFixed(1)} GFLOP/s`,
    ];
    console.log(`  product ${size}³, one thread: ${parts.join("; ")}`);
  }
  for (const [i, { rows, k, columns }] of native === null ? [] : MODEL_SHAPES.entries()) {
    const rounds = Array.from({ length: ROUNDS }, () => [native.peak(), native.products[squares.length + i]()]);
    const [peaks, rates] = [0, 1].map((side) => rounds.map((round) => round[side]));
    console.log(`  ${rows} rows by a weight of ${columns} × ${k}, one thread: ${nativeFigures(native, peaks, rates)}`);
  }
  peer?.close();
}

/** Tokens a second of one stream, by the engine's own reader and with the whole of `generate` around it. */
async function generation() {
  const wasm = wasmBackend({ strictMath: false, threads: 1, startThread: null });
  const backends = { WebAssembly: wasm };
  if (COMPILE !== null) backends.native = nativeBackend({ threads: 1, compile: COMPILE });
  const sides = [];
  for (const [name, backend] of Object.entries(backends)) {
    const engine = await TensorEngine.create(backend, NAMES, { maxTokens: NAMES.blockSize });
    await engine.loadWeights(initTensors(NAMES, new Random(42), Float32Array));
    sides.push({ name, engine, read: [], generated: [] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { engine, read, generated } of sides) {
      let started = performance.now();
      for (let text = 0; text < 3000; text++) {
        const reader = engine.reader();
        for (let position = 0; position < 16; position++) await reader.read((7 * position + text) % 27);
      }
      read.push((3000 * 16) / (performance.now() - started));
      started = performance.now();
      let count = 0;
      const random = new Random(round);
      for (let text = 0; text < 3000; text++) {
        count += (await generateTokens(engine, [], 16, random, { temperature: 1, topK: null, topP: null })).length + 1;
      }
      generated.push(count / (performance.now() - started));
    }
  }
  const rate = (list) => `${Math.round(1000 * median(list)).toLocaleString("en-US")} tokens/s`;
  for (const { name, engine, read, generated } of sides) {
    console.log(`  generation, names, one stream, ${name}: reading ${rate(read)}; with sampling ${rate(generated)}`);
    engine.close();
  }
  console.log("");
}

export async function run() {
  console.log(`kernels: medians of ${ROUNDS} rounds, all sides in turn`);
  await products();
  await generation();
}
