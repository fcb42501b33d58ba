// How good the rules of src/options/sizing.ts are on texts that they were not fitted to: 24 settings drawn at random, the guide's former
// row, and what the rules choose, each trained for the same time.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Random } from "../dist/index.js";
import { keyOf, measure, readTrials, ruledSetting } from "./sizing/study.mjs";

const DRAWN = 24;
/** Where settings are drawn from: what an expert would try for a minute or five. */
const RANGES = {
  merges: [0, 500, 1000, 2000, 4000],
  nEmbd: [32, 48, 64, 96, 128],
  nLayer: [1, 2, 3, 4],
  blockSize: [32, 64, 128],
  batchSize: [8, 16, 32, 64],
  learningRate: [0.002, 0.003, 0.005, 0.007, 0.01, 0.015],
  dropout: [0, 0.1, 0.2],
  weightDecay: [0, 0.3, 1],
};
/** The row of docs/usage.md for a book and a minute, before there were rules. */
const FORMER = {
  tokenizer: "bpe",
  merges: 1000,
  nEmbd: 64,
  nLayer: 2,
  blockSize: 64,
  batchSize: 32,
  learningRate: 0.01,
  dropout: 0,
  weightDecay: 0,
  share: 1,
};

export async function run() {
  const list = (name, all) => process.env[name]?.split(",") ?? all;
  const directory = process.env.MICROGPT_SIZING ?? fileURLToPath(new URL("../sizing-study", import.meta.url));
  const results = join(directory, "check.jsonl");
  const known = readTrials(results);
  for (const seconds of list("MICROGPT_BUDGETS", [60, 300]).map(Number)) {
    for (const name of list("MICROGPT_BENCH", ["verwandlung", "dictionary", "quijote"])) {
      await check({ name, seconds, directory, known, results });
    }
  }
}

async function check(walk) {
  const { name, seconds, directory, known } = walk;
  const chosen = ruledSetting(name, seconds, directory);
  const random = new Random(24);
  const drawn = Array.from({ length: DRAWN }, () => draw(random));
  await measure(walk, [chosen, FORMER]);
  for (let at = 0; at < DRAWN; at += 2) await measure(walk, drawn.slice(at, at + 2));
  const bitsOf = (setting) =>
    known.find((trial) => trial.name === name && trial.seconds === seconds && keyOf(trial.setting) === keyOf(setting))
      .bitsPerByte;
  const best = drawn.toSorted((a, b) => bitsOf(a) - bitsOf(b))[0];
  const ratio = (bitsOf(chosen) / bitsOf(best)).toFixed(3);
  console.log(`${name}, ${seconds} s: rules ${bitsOf(chosen).toFixed(4)}, ${ratio} of the best of ${DRAWN}`);
  console.log(`  rules: ${JSON.stringify(chosen)}`);
  console.log(`  best: ${bitsOf(best).toFixed(4)} ${JSON.stringify(best)}`);
  console.log(`  former row: ${bitsOf(FORMER).toFixed(4)}`);
}

function draw(random) {
  const drawn = Object.entries(RANGES).map(([key, values]) => [key, values[random.randbelow(values.length)]]);
  return { ...Object.fromEntries(drawn), share: 1 };
}
