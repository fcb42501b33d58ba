// Which sizes learn most in a given time, by trial: for each text and budget a walk from a first guess, in which every neighbour is
// trained for as many steps as the budget pays for. Each generation of neighbours is one of our own sweeps. What is measured goes, line by
// line, into a file that a later call reads, so the study may be stopped at any time.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tokenMicroseconds } from "./work.mjs";
import { textOf } from "./texts.mjs";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** Seconds of one core in a second of training on two, the second of a budget. */
const CORES = 1.8;
/** Most settings that are tried for a text and a budget. */
const MAX_TRIALS = 40;

const WIDTHS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384];
const DEPTHS = [1, 2, 3, 4, 6];
const BLOCKS = [16, 32, 64, 128, 256];
const BATCHES = [4, 8, 16, 32, 64, 128];
const RATES = [0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03];
const MERGES = [0, 250, 500, 1000, 2000, 4000, 8000];
const DROPOUTS = [0, 0.1, 0.2, 0.4];

const AXES = {
  nEmbd: WIDTHS,
  learningRate: RATES,
  merges: MERGES,
  blockSize: BLOCKS,
  batchSize: BATCHES,
  nLayer: DEPTHS,
  dropout: DROPOUTS,
};

const FIRST = { nEmbd: 64, learningRate: 0.01, merges: 500, blockSize: 64, batchSize: 16, nLayer: 2, dropout: 0 };
const FIRST_OF_CHARACTERS = { ...FIRST, nEmbd: 32, merges: 0, blockSize: 16, batchSize: 32, nLayer: 1 };

/** Heads of 16 numbers. */
const headsOf = (nEmbd) => Math.max(1, Math.round(nEmbd / 16));

/** Runs the study of some texts and budgets, shortest budgets first. @param directory of its texts, runs and `results.jsonl`. */
export async function study(names, budgets, directory) {
  mkdirSync(directory, { recursive: true });
  const results = join(directory, "results.jsonl");
  const lines = existsSync(results) ? readFileSync(results, "utf8").trim().split("\n") : [];
  const known = lines.filter((line) => line !== "").map((line) => JSON.parse(line));
  const best = new Map();
  for (const seconds of budgets) {
    for (const name of names) {
      const walk = { name, seconds, directory, known, results };
      best.set(name, await search(walk, best.get(name)));
    }
  }
}

/**
 * Walks to the best of the neighbours, and of the setting that has all that helped, until none is better or the trials are
 * used up. @returns the best setting.
 */
async function search(walk, start) {
  const { isCharacters } = textOf(walk.name, join(walk.directory, "texts"));
  let best = start ?? (isCharacters ? FIRST_OF_CHARACTERS : FIRST);
  await measure(walk, [best]);
  for (;;) {
    const before = best;
    await measure(walk, neighboursOf(before, isCharacters));
    await measure(walk, [jointly(walk, before)]);
    const ranked = ofWalk(walk).toSorted((a, b) => a.bitsPerByte - b.bitsPerByte);
    const { bitsPerByte, setting } = ranked[0];
    best = setting;
    const found = `${bitsPerByte.toFixed(4)} after ${ranked.length} trials: ${JSON.stringify(setting)}`;
    console.log(`${walk.name}, ${walk.seconds} s: ${found}`);
    if (keyOf(best) === keyOf(before) || ranked.length >= MAX_TRIALS) return best;
  }
}

/** The setting that differs from this one by what helped on each axis alone. */
function jointly(walk, setting) {
  const bitsOf = new Map(ofWalk(walk).map((trial) => [keyOf(trial.setting), trial.bitsPerByte]));
  const better = Object.entries(AXES).map(([axis, values]) => {
    const bits = (value) => bitsOf.get(keyOf({ ...setting, [axis]: value })) ?? Infinity;
    const at = values.indexOf(setting[axis]);
    const near = values.slice(Math.max(0, at - 1), at + 2);
    return [axis, near.toSorted((a, b) => bits(a) - bits(b))[0]];
  });
  return { ...setting, ...Object.fromEntries(better) };
}

/** A step up and a step down on each axis. */
function neighboursOf(setting, isCharacters) {
  return Object.entries(AXES).flatMap(([axis, values]) => {
    if (axis === "merges" && isCharacters) return [];
    const at = values.indexOf(setting[axis]);
    return [at - 1, at + 1].flatMap((i) => (values[i] === undefined ? [] : [{ ...setting, [axis]: values[i] }]));
  });
}

const keyOf = (setting) => JSON.stringify(Object.keys(FIRST).map((key) => setting[key]));
const ofWalk = ({ name, seconds, known }) => known.filter((trial) => trial.name === name && trial.seconds === seconds);

/** Trains the settings that are not known yet, those of one tokenizer in a sweep. */
async function measure(walk, settings) {
  const done = new Set(ofWalk(walk).map(({ setting }) => keyOf(setting)));
  const missing = settings.filter((setting) => !done.has(keyOf(setting))).slice(0, MAX_TRIALS - done.size);
  for (const merges of new Set(missing.map((setting) => setting.merges))) {
    await sweep(
      walk,
      merges,
      missing.filter((setting) => setting.merges === merges),
    );
  }
}

async function sweep({ name, seconds, directory, known, results }, merges, settings) {
  const { path, options, isCharacters } = textOf(name, join(directory, "texts"));
  const characters = isCharacters ? 28 : 90;
  const vocabSize = merges === 0 ? characters : merges + 257;
  const runs = [];
  for (const setting of settings) {
    const { nEmbd, nLayer, blockSize, batchSize, learningRate, dropout } = setting;
    const nHead = headsOf(nEmbd);
    const perToken = tokenMicroseconds({ vocabSize, nEmbd, nLayer, blockSize });
    const tokens = Math.round((1e6 * CORES * seconds) / perToken);
    runs.push({ nEmbd, nHead, nLayer, blockSize, batchSize, learningRate, dropout, tokens });
  }
  const flags = (object) =>
    Object.fromEntries(
      Object.entries(object).map(([key, value]) => [
        key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
        value,
      ]),
    );
  const tokenizer = merges === 0 ? { tokenizer: "char" } : { tokenizer: "byte-bpe", bpeMerges: merges };
  const common = {
    ...options,
    ...tokenizer,
    engine: "native",
    threads: 1,
    numSamples: 0,
    saveInterval: 1_000_000,
    evalInterval: 1_000_000,
  };
  const request = { data: [path], ...flags(common), runs: runs.map(flags) };
  const file = join(directory, "sweep.json");
  writeFileSync(file, JSON.stringify(request));
  rmSync(join(directory, "runs"), { recursive: true, force: true });
  await microgpt([
    "sweep",
    file,
    "--jobs",
    process.env.MICROGPT_JOBS ?? "2",
    "--runs-dir",
    join(directory, "runs"),
    "--name",
    "trial",
  ]);
  const output = await microgpt(["compare", "trial", "--runs-dir", join(directory, "runs"), "--json"]);
  const { runs: measured } = JSON.parse(output.trim().split("\n").at(-1));
  for (const [i, setting] of settings.entries()) {
    const row = measured.find(({ name: run }) => Number(run.slice(0, run.indexOf("_"))) === i + 1);
    if (row === undefined) throw new Error(`study: the sweep has no result of ${JSON.stringify(setting)}`);
    const { numSteps, bestStep, bitsPerByte } = row;
    const trial = { name, seconds, setting, numSteps, bestStep, bitsPerByte };
    known.push(trial);
    appendFileSync(results, `${JSON.stringify(trial)}\n`);
  }
}

async function microgpt(args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`microgpt ${args[0]} ended with ${code}`);
  return output;
}
