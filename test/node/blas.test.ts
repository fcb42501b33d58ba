import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { wasmBackend } from "../../src/backend/wasm/wasm.ts";
import { findBlas } from "../../src/node/blas.ts";
import { Random } from "../../src/random.ts";
import type { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { microgpt, trained } from "../setup/microgpt.ts";
import { hashOf, newAtomic, newTensorEngine, update } from "../setup/tensor-models.ts";
import { startThread } from "../setup/threads.ts";

const CONFIG = { vocabSize: 83, nEmbd: 48, nHead: 4, nLayer: 2, blockSize: 20 };

const blas = findBlas();
const name = blas === null ? "no koffi or BLAS on this machine" : blas.name;

/** Ragged batches of up to 20 documents. */
const batches = (count: number): number[][][] => {
  const random = new Random(3);
  const anyToken = (): number => random.randbelow(CONFIG.vocabSize);
  const document = (): number[] => Array.from({ length: 2 + random.randbelow(20) }, anyToken);
  return Array.from({ length: count }, () => Array.from({ length: 1 + random.randbelow(20) }, document));
};

describe.skipIf(blas === null)(`a BLAS (${name})`, () => {
  const engines: TensorEngine[] = [];
  const newEngine = async (threads: number): Promise<TensorEngine> => {
    const backend = wasmBackend({ strictMath: false, threads, startThread, blas });
    const engine = await newTensorEngine(backend, CONFIG, 42, { maxTokens: 400 });
    engines.push(engine);
    return engine;
  };
  afterAll(() => {
    for (const engine of engines) engine.close();
  });

  test("multiplies as f64 does, transposed or not, added to what is there or not", () => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 16 });
    const numbers = new Float32Array(memory.buffer);
    const multiply = blas!.on(memory);
    const size = fc.integer({ min: 1, max: 90 });
    fc.assert(
      fc.property(size, size, size, fc.boolean(), fc.boolean(), (rows, columns, k, aTransposed, accumulate) => {
        const random = new Random(rows + 100 * columns + 10_000 * k);
        for (let i = 0; i < 60_000; i++) numbers[i] = random.gauss(0, 1);
        const before = numbers.slice();
        const [aRow, bRow, cRow] = [100, 101, 102];
        const [a, b, c] = [0, 20_000, 40_000];
        const places = { a: a * 4, b: b * 4, c: c * 4, aRow, bRow, cRow };
        multiply({ rows, columns, k, ...places, aTransposed, accumulate });
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            let sum = accumulate ? before[c + i * cRow + j] : 0;
            for (let n = 0; n < k; n++) {
              sum += before[a + (aTransposed ? n * aRow + i : i * aRow + n)] * before[b + n * bRow + j];
            }
            expect(Math.abs(numbers[c + i * cRow + j] - sum)).toBeLessThan(1e-4);
          }
          // Nothing beside the result is touched.
          expect(numbers[c + i * cRow + columns]).toBe(before[c + i * cRow + columns]);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("ten training steps lose what the atomic core loses, within 1e-5", async () => {
    const [atomic, engine] = [newAtomic(CONFIG, 42), await newEngine(1)];
    expect(engine.name).toBe(`wasm, ${name}`);
    for (const [step, batch] of batches(10).entries()) {
      const [expected, actual] = [await atomic.step([batch], update(step)), await engine.step([batch], update(step))];
      expect(Math.abs(actual.loss / expected.loss - 1)).toBeLessThan(1e-5);
    }
  });

  test("50 steps give the same bits for 1, 2, 3, 4 and 7 workers", async () => {
    const hashes = new Set<string>();
    for (const workers of [1, 2, 3, 4, 7]) {
      const engine = await newEngine(workers);
      for (const [step, batch] of batches(50).entries()) await engine.step([batch], update(step));
      hashes.add(await hashOf(engine));
    }
    expect(hashes.size).toBe(1);
  });

  // Large enough that the command asks for a BLAS.
  const WIDE = ["--n-embd", "32", "--n-head", "4", "--engine", "wasm"];

  test("the command uses it for larger models, says so, and does without it on --no-blas", () => {
    const [small, large, without] = [trained("--engine", "wasm"), trained(...WIDE), trained(...WIDE, "--no-blas")];
    expect(small.stdout).not.toContain(name);
    expect(large.stdout).toContain(name);
    expect(without.stdout).not.toContain(name);
    expect(trained(...WIDE, "--strict-math").stdout).not.toContain(name);
  });

  test("a run with it that has lost its last steps ends, resumed, with the same bytes", () => {
    const { run } = trained(...WIDE, "--save-interval", "10");
    const checkpoints = join(run, "checkpoints");
    const newest = join(checkpoints, readdirSync(checkpoints).toSorted().at(-1)!);
    const expected = readFileSync(newest);
    rmSync(newest);
    expect(microgpt(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
    expect(readFileSync(newest).equals(expected)).toBe(true);
  });
});
