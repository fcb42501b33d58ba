// C for the benchmarks, compiled into the user's cache as a training's is.
import { readFileSync } from "node:fs";
import { COMPILER_FLAGS } from "../dist/backend/native/library.js";
import { nativeCompiler } from "../dist/node/native.js";

const compilerFor = (flags) => nativeCompiler({ flags, warn: (message) => console.error(`  ${message}`) });

async function findCompile() {
  const compile = compilerFor(COMPILER_FLAGS);
  try {
    (await compile("int answer(void) { return 42; }")).close();
    return compile;
  } catch (error) {
    console.log(`  no native code: ${error.message}`);
    return null;
  }
}

/** Compiles and loads C; null where there is no compiler. */
export const COMPILE = await findCompile();

/** As one compiles C by hand to be fast. */
const BY_HAND = ["-std=gnu11", "-O3", "-ffast-math", "-fPIC", "-shared"];

/**
 * peers/straight.c with these weights (name → tensor, as in engine.ts): `run(count)` → `{ ms, losses }` of as many steps,
 * each on one document of the next batch. Its sizes are constants.
 */
export async function straightSide(weights, batches, learningRate) {
  const source = readFileSync(new URL("peers/straight.c", import.meta.url), "utf8");
  const library = await compilerFor(BY_HAND)(source);
  const numbers = ["wte", "wpe"].flatMap((name) => [...weights.get(name).data]);
  const transposed = (...names) => {
    const rows = names.flatMap((name) => rowsOf(weights.get(name)));
    return rows[0].flatMap((_, i) => rows.map((row) => row[i]));
  };
  const attention = ["wq", "wk", "wv"].map((name) => `layer0.attn_${name}`);
  numbers.push(...transposed("lm_head"), ...transposed(...attention));
  for (const name of ["attn_wo", "mlp_fc1", "mlp_fc2"]) numbers.push(...transposed(`layer0.${name}`));
  if (numbers.length !== library.func("int32_t size(void)")()) throw new Error("bench: straight.c has another model");
  library.func("void start(const float *weights)")(Float32Array.from(numbers));
  const train = library.func(
    "void train(const int *documents, int32_t number, int32_t count, double rate, float *losses)",
  );
  const documents = Int32Array.from(batches.flatMap(([tokens]) => [tokens.length, ...padded(tokens, 17)]));
  const run = (count) => {
    const losses = new Float32Array(count);
    const started = performance.now();
    train(documents, batches.length, count, learningRate, losses);
    return { ms: performance.now() - started, losses: [...losses] };
  };
  return { name: "straight.c", run, losses: run(1).losses, close: () => library.close() };
}

const rowsOf = ({ shape: [rows, columns], data }) =>
  Array.from({ length: rows }, (_, i) => [...data.subarray(i * columns, (i + 1) * columns)]);

const padded = (tokens, length) => Array.from({ length }, (_, i) => tokens[i] ?? 0);
