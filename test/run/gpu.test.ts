import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openGpu } from "../../src/backend/webgpu/device.ts";
import { closeGpus, findGpu } from "../../src/run/gpu.ts";
import { chooseEngine } from "../../src/library/choose-engine.ts";
import { openEngine } from "../../src/library/engines.ts";
import { nodeMachine } from "../../src/run/machine.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { prepareTrainingData } from "../../src/library/training-data.ts";
import type { Reporter } from "../../src/run/reporter.ts";
import { Training } from "../../src/run/training.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import type { TrainOptions } from "../../src/options/train-options.ts";
import { TextSource } from "../../src/node/text.ts";
import { initTensors } from "../../src/training/engine.ts";
import type { Engine } from "../../src/training/engine.ts";
import { Run } from "../../src/node/run-directory.ts";
import { Random } from "../../src/random.ts";
import { newProgress } from "../../src/training/train.ts";
import { webgpuBackend } from "../../src/backend/webgpu/webgpu.ts";
import { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { LONG } from "../setup/place.ts";
import { withMatrices } from "../../src/backend/webgpu/matrices.ts";
import { guess } from "../../src/backend/webgpu/tiles.ts";
import { expectAgreement } from "../setup/agreement.ts";
import { counted, fakeGpu, lying, mortal, poor, withoutMatrixUnits } from "../setup/fake-gpu.ts";
import type { Disguise } from "../setup/fake-gpu.ts";
import { microgpt, microgptAsync, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { softwareWebGpu, swiftShaderEnv } from "../setup/swiftshader.ts";

const real = await softwareWebGpu();
const env = swiftShaderEnv();
const name = real === null ? "no WebGPU adapter on this machine" : "on SwiftShader";
const GPU = { tags: ["gpu"] };

afterAll(closeGpus);

const CONFIG = { vocabSize: 11, nEmbd: 8, nHead: 2, nLayer: 1, blockSize: 8 };
const options = resolveOptions({ ...initialOptions(TRAIN_OPTIONS), engine: "webgpu", batchSize: 4 });
const find = async (disguise: Disguise): Promise<Awaited<ReturnType<typeof findGpu>>> =>
  await findGpu(async () => await Promise.resolve(fakeGpu(real!, disguise)));

/** Opens an engine as for `--engine webgpu`. Returns it with the warnings that were given. */
async function open(disguise: Disguise, config = CONFIG): Promise<{ engine: Engine; warnings: string[] }> {
  const warnings: string[] = [];
  const weights = initTensors(config, new Random(1), Float32Array);
  const warn = (message: string): void => void warnings.push(message);
  const machine = { ...nodeMachine, findGpu: async () => await find(disguise) };
  return { engine: await openEngine(config, weights, options, machine, warn), warnings };
}

describe("without a usable GPU", () => {
  test("no package, and no adapter: the reason, and the CPU does the work", async () => {
    const missing = /^(?:the package webgpu@\d\S*|Vulkan \(.*libvulkan1\)) is not installed$/;
    expect(await findGpu(async () => await Promise.resolve(null))).toMatch(missing);
    const none = { requestAdapter: async () => await Promise.resolve(null) } as unknown as GPU;
    expect(await findGpu(async () => await Promise.resolve(none))).toBe("no adapter was found");
  });
});

describe.skipIf(real === null)(`adapters that are not what they should be, ${name}`, GPU, () => {
  test("a software adapter is never auto's choice, and --engine webgpu says that it got one", async () => {
    const large = { ...CONFIG, nEmbd: 256, nLayer: 4, blockSize: 256 };
    const settled = await chooseEngine(
      large,
      { ...options, batchSize: 64 },
      { findGpu: async () => await find({}), native: null },
    );
    expect(settled.engine).toBe("wasm");
    expect(settled.why).toMatch(/SwiftShader.* runs in software, which is slower/);
    const { engine, warnings } = await open({});
    expect(engine.name).toMatch(/^webgpu, .*SwiftShader/);
    expect(warnings).toEqual([expect.stringMatching(/SwiftShader.* runs in software.*--engine wasm is faster/)]);
  });

  test.each([
    ["products", /fma\(vec4f\(a2_0\.z\)/g, "fma(vec4f(a2_0.y)"],
    ["softmax", /fade = exp\(/g, "fade = exp(0.5 + "],
    ["RMSNorm", /inverseSqrt\(/g, "1.001 * inverseSqrt("],
    ["the step's loss", /log\(entry\.x\)/g, "log(entry.x + 0.01)"],
    ["embeddings' gradients", /i < last; i \+= /g, "i + 1u < last; i += "],
  ])("a driver that lies about %s is found out", async (_, wrong, instead) => {
    let lies = 0;
    const change = (code: string): string => code.replaceAll(wrong, () => (lies++, instead));
    const found = await find({ device: lying(change) });
    expect(lies).toBeGreaterThan(0);
    expect(found).toMatch(/SwiftShader.* failed the check: its (?:logits|gradients|losses) differ from the CPU's/);
    const { engine, warnings } = await open({ device: lying(change) });
    expect(engine.name).toMatch(/^wasm/);
    expect(warnings).toEqual([expect.stringMatching(/^no GPU: .*failed the check.*; using the CPU instead$/)]);
  });

  test("without subgroups all is computed as with them", async () => {
    const found = await find({ features: [] });
    if (typeof found === "string") expect.fail(found);
    expect(found.target.subgroup).toBe(0);
  });

  test("workgroups of 128 are too small, and said to be", async () => {
    const found = await find({ limits: { maxComputeInvocationsPerWorkgroup: 128 } });
    expect(found).toBe(
      "the adapter is too small: its maxComputeInvocationsPerWorkgroup is 128, and the kernels need 256",
    );
  });

  test("buffers of 64 MiB are too small for a model of 20 million parameters: need and have, before the first step", async () => {
    const limits = { maxBufferSize: 2 ** 26, maxStorageBufferBindingSize: 2 ** 26 };
    const { engine, warnings } = await open({ limits }, { ...CONFIG, vocabSize: 10_000, nEmbd: 1024 });
    expect(engine.name).toMatch(/^wasm/);
    const line = /^no GPU: .*: a buffer needs \d+ MiB, and the GPU's limit is 64 MiB; using the CPU instead$/;
    expect(warnings).toContainEqual(expect.stringMatching(line));
  });

  test("a small model fits buffers of 64 MiB", async () => {
    const limits = { maxBufferSize: 2 ** 26, maxStorageBufferBindingSize: 2 ** 26 };
    expect((await open({ limits })).engine.name).toMatch(/^webgpu/);
  });

  test("memory that a GPU has not: the need, and the CPU", async () => {
    const { engine, warnings } = await open({ device: poor(2 ** 22) }, { ...CONFIG, vocabSize: 4000, nEmbd: 256 });
    expect(engine.name).toMatch(/^wasm/);
    const line =
      /^no GPU: .*: the model and a batch need \d+ MiB, which the GPU does not have: Out of memory; using the CPU/;
    expect(warnings).toContainEqual(expect.stringMatching(line));
  });

  test.each([1, 4, 30, 60])("lost at moment %i of the opening: the reason, and the CPU does the work", async (last) => {
    const { engine, warnings } = await open({ device: mortal({ moments: 0 }, last) });
    expect(engine.name).toMatch(/^wasm/);
    expect(warnings.at(-1)).toMatch(/^no GPU: .*destroyed.*; using the CPU instead$/);
  });
});

describe.skipIf(real === null)(`products on matrix units, emulated by plain loops ${name}`, GPU, () => {
  // Matrix units themselves are not available here; everything around them is tested.
  const sizes = [
    { lengths: [70, 61], columns: 72, outputs: 67, chunks: 2 },
    { lengths: [64], columns: 64, outputs: 128, chunks: 1 },
    { lengths: [5], columns: 9, outputs: 3, chunks: 1 },
  ];
  // SwiftShader takes half a minute to compile each.
  test.each(LONG ? sizes : sizes.slice(0, 1))(
    "$lengths rows, $columns × $outputs, the depth in $chunks chunks",
    async ({ chunks, ...shape }) => {
      const gpu = (await openGpu(fakeGpu(real!, { device: lying(withoutMatrixUnits) })))!;
      const choose = withMatrices((one) => ({ ...guess(one), chunks: one.form === "weightGrad" ? chunks : 1 }), true);
      const backend = webgpuBackend({ ...gpu, target: { ...gpu.target, matrices: 1 } }, { choose });
      const bound = [1e-9, 1e-7] as const;
      const bounds = {
        embed: bound,
        rmsnorm: bound,
        linear: bound,
        dropout: bound,
        add: bound,
        attention: bound,
        crossEntropy: bound,
      };
      await expectAgreement(backend, bounds, "linear", { ...shape, heads: 1, headSize: 1, seed: 5 });
      gpu.device.destroy();
    },
  );
});

describe.skipIf(real === null)(`a step, ${name}`, GPU, () => {
  test("is one submit and one upload: no buffer, bind group or kernel is made in it", async () => {
    const counts = new Map<string, number>();
    const gpu = (await openGpu(fakeGpu(real!, { device: counted(counts) })))!;
    const engine = await TensorEngine.create(webgpuBackend(gpu), CONFIG, { maxTokens: 64, maxLogits: 1 });
    await engine.loadWeights(initTensors(CONFIG, new Random(1), Float32Array));
    const batch = [
      [10, 1, 2, 3],
      [10, 4, 5, 6, 7, 8, 9, 1, 2, 3, 10],
    ];
    const settings = { learningRate: 0.01, weightDecay: 0, clipNorm: 1 };
    for (let step = 0; step < 3; step++) {
      counts.clear();
      await engine.step([batch], { step, ...settings });
      expect(Object.fromEntries(counts)).toEqual({ submit: 1, writeBuffer: 1 });
    }
    gpu.device.destroy();
  });
});

// ── A training whose device is lost ──────────────────────────────────────────────────────────────────────────

const TRAINING: Partial<TrainOptions> = {
  engine: "webgpu",
  nEmbd: 8,
  nHead: 2,
  nLayer: 1,
  blockSize: 8,
  batchSize: 4,
  numSteps: 12,
  evalInterval: 5,
  saveInterval: 4,
  evalDocuments: 4,
};

interface Trained {
  readonly warnings: readonly string[];
  readonly model: Buffer;
  readonly metrics: string;
  readonly engine: string;
}

/** Trains with devices that are lost, each at its own moment; those after the last never are. */
async function trainWith(lasts: readonly number[], count = { moments: 0 }, opening = { moments: 0 }): Promise<Trained> {
  const directory = workspace();
  const all = resolveOptions({ ...initialOptions(TRAIN_OPTIONS), ...TRAINING, data: [writeWords(directory)] });
  const material = prepareTrainingData(all, [TextSource.file(all.data[0])]);
  const run = Run.create(directory, "run", "words", all, material.tokenizer);
  const warnings: string[] = [];
  // A reporter that keeps warnings and ignores everything else.
  const reporter = new Proxy({} as Reporter, {
    get: (_, key) => (key === "warn" ? (message: string) => void warnings.push(message) : () => undefined),
  });
  let opened = 0;
  const next = async (): Promise<Awaited<ReturnType<typeof findGpu>>> => {
    const armed = { moments: 0 };
    const last = lasts[opened++] ?? Infinity;
    const device = mortal(opened === 1 ? count : armed, last);
    // Without checkGpu, which takes as long as the training and is tested above.
    return (await openGpu(fakeGpu(real!, { device })))!;
  };
  const machine = { ...nodeMachine, findGpu: next };
  try {
    const weights = initTensors(material.config, material.random, Float32Array);
    const engine = await openEngine(material.config, weights, all, machine, () => undefined);
    opening.moments = count.moments;
    const training = new Training({
      run,
      data: material,
      engine,
      progress: newProgress(),
      best: null,
      reporter,
      why: null,
      machine,
    });
    const kept = await training.complete();
    if (typeof kept === "number") expect.fail("a signal");
    return {
      warnings,
      model: readFileSync(join(run.path, "model.safetensors")),
      metrics: readFileSync(join(run.path, "metrics.jsonl"), "utf8"),
      engine: kept.name,
    };
  } finally {
    run.close();
  }
}

/** The last held-out loss. */
const heldOut = ({ metrics }: Trained): number => Number([...metrics.matchAll(/"heldOutLoss":([\d.]+)/g)].at(-1)?.[1]);

/** A training without a lost device, and the moments at which it could be lost: while opening, and in all. */
interface Undisturbed {
  readonly trained: Trained;
  readonly opening: number;
  readonly all: number;
}

async function trainUndisturbed(): Promise<Undisturbed> {
  const [opening, all] = [{ moments: 0 }, { moments: 0 }];
  return { trained: await trainWith([], all, opening), opening: opening.moments, all: all.moments };
}

describe.skipIf(real === null)(`a device that is lost while it trains, ${name}`, GPU, () => {
  let known: Promise<Undisturbed> | null = null;
  const undisturbed = async (): Promise<Undisturbed> => await (known ??= trainUndisturbed());
  const random = new Random(20);
  const places = Array.from({ length: LONG ? 20 : 4 }, () => random.random());

  test.each(places)("%f of the way: on from the last snapshot on a new device, to the same bits", async (place) => {
    const { trained, opening, all } = await undisturbed();
    const disturbed = await trainWith([opening + 1 + Math.floor(place * (all - opening))]);
    const line = /^GPU lost at step \d+ \(destroyed.*\); resumed from step (?:0|4|5|8|10|12) on webgpu, /;
    expect(disturbed.warnings).toEqual([expect.stringMatching(line)]);
    expect(disturbed.model.equals(trained.model)).toBe(true);
    expect(disturbed.metrics).toBe(trained.metrics);
  });

  test("twice: the second time on the CPU, which comes to nearly the same", async () => {
    const { trained, opening, all } = await undisturbed();
    const third = Math.floor((all - opening) / 3);
    const disturbed = await trainWith([opening + third, opening + third]);
    expect(disturbed.warnings).toHaveLength(2);
    expect(disturbed.warnings[1]).toMatch(/^GPU lost at step \d+ .*; resumed from step \d+ on wasm/);
    expect(disturbed.engine).toMatch(/^wasm/);
    expect(Math.abs(heldOut(disturbed) - heldOut(trained))).toBeLessThan(1e-3);
  });
});

describe.skipIf(env === null)(`the command line, ${name}`, () => {
  // `npm run test:long`: a thousand steps, as the promise has it.
  test("the bundled names end within 0.5 % of the held-out loss that they have on the CPU", GPU, async () => {
    const directory = workspace();
    const steps = LONG ? "1000" : "60";
    const losses: number[] = [];
    for (const engine of ["wasm", "webgpu"]) {
      const chosen = ["--engine", engine, "--num-steps", steps, "--batch-size", "4", "--num-samples", "0", "--json"];
      const args = ["train", ...chosen, "--runs-dir", directory];
      const { exitCode, stdout } = await microgptAsync(args, { env: { ...process.env, ...env } });
      expect(exitCode).toBe(0);
      losses.push(Number(/"event":"result","heldOutLoss":([\d.]+)/.exec(stdout)?.[1]));
    }
    expect(Math.abs(losses[1] / losses[0] - 1)).toBeLessThan(0.005);
  });

  test("a run that learnt on the GPU writes where there is none", GPU, () => {
    const directory = workspace();
    const args = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "run", "--batch-size", "4"];
    const more = [...TINY, "--engine", "webgpu", "--num-samples", "2"];
    const first = microgpt(["train", ...args, ...more], { env: env! });
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toContain("webgpu engine, SwiftShader");
    expect(first.stderr).toMatch(/^microgpt: warning: SwiftShader.* runs in software.*\n$/);
    expect(first.stdout).toContain("saved step 30");
    const sampled = microgpt(["sample", join(directory, "run"), "--num-samples", "2"]);
    expect(sampled.exitCode).toBe(0);
  });

  test("--engine webgpu where there is no adapter: one line, and the CPU trains", () => {
    const directory = workspace();
    const args = ["--data", writeWords(directory), "--runs-dir", directory, ...TINY, "--engine", "webgpu"];
    const nowhere = { VK_ICD_FILENAMES: "/nonexistent", VK_DRIVER_FILES: "/nonexistent", LD_LIBRARY_PATH: "" };
    const { exitCode, stdout, stderr } = microgpt(["train", ...args], { env: nowhere });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /^microgpt: warning: no GPU: (?:no adapter was found|(?:the package webgpu@[\d.]+|Vulkan \(.*libvulkan1\)) is not installed); [^\n]*\n$/,
    );
    expect(stdout).toContain("wasm engine");
  });
});
