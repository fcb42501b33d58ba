// Which sizes learn most in a given time, by trial: for each text and budget a walk along the axes, one after the other, in which the
// two neighbours of the best setting are trained for as many steps as the budget pays for, in one of our own sweeps. What is
// measured goes, line by line, into a file that a later call reads, so the study may be stopped at any time.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseSizes, microsecondsPerToken } from "../../dist/options/sizing.js";
import { measureText } from "../../dist/text/predictability.js";
import { textOf } from "./texts.mjs";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** Most settings that are tried for a text, by the seconds of the budget. */
const MAX_TRIALS = { 10: 26, 60: 15, 300: 9, 1200: 4 };

/** The values of each axis, the axes that matter most first. */
const AXES = {
  nEmbd: [16, 24, 32, 48, 64, 96, 128, 192, 256, 384],
  share: [0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1],
  merges: [0, 100, 250, 500, 1000, 2000, 4000, 8000],
  learningRate: [0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03],
  dropout: [0, 0.1, 0.2, 0.4],
  nLayer: [1, 2, 3, 4, 6],
  weightDecay: [0, 0.3, 1, 3],
  blockSize: [16, 32, 64, 128, 256],
  batchSize: [4, 8, 16, 32, 64, 128],
};

/** What a trial has on the axes that did not exist when it was measured. */
const ALWAYS = { share: 1, weightDecay: 0 };

const FIRST = {
  ...ALWAYS,
  nEmbd: 64,
  learningRate: 0.01,
  merges: 500,
  blockSize: 64,
  batchSize: 16,
  nLayer: 2,
  dropout: 0,
};
const FIRST_OF_CHARACTERS = { ...FIRST, nEmbd: 32, merges: 0, blockSize: 16, batchSize: 32, nLayer: 1 };

/** Heads of 16 numbers. */
const headsOf = (nEmbd) => Math.max(1, Math.round(nEmbd / 16));

/** Runs the study of some texts and budgets, shortest budgets first. @param directory of its texts, runs and `results.jsonl`. */
export async function study(names, budgets, directory) {
  const results = join(directory, "results.jsonl");
  const known = readTrials(results);
  for (const seconds of budgets) for (const name of names) await search({ name, seconds, directory, known, results });
}

/** What the rules choose for a text and a time, as a setting. */
export function ruledSetting(name, seconds, directory) {
  const { path, characters } = textOf(name, join(directory, "texts"));
  const text = readFileSync(path, "utf8");
  const measured = { ...measureText([{ chunks: () => [text] }]), isNames: characters !== null };
  const { options, share } = chooseSizes(measured, seconds);
  const { tokenizer, bpeMerges, nHead: _, ...sizes } = options;
  return { ...sizes, merges: tokenizer === "char" ? 0 : bpeMerges, share };
}

/** The trials of a file, and of none where there is no file yet; its folder is made. */
export function readTrials(path) {
  mkdirSync(dirname(path), { recursive: true });
  const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  const trials = lines.filter((line) => line !== "").map((line) => JSON.parse(line));
  return trials.map((trial) => ({ ...trial, setting: { ...ALWAYS, ...trial.setting } }));
}

/**
 * Walks along the axes until no neighbour is better, or the trials are used up. It begins at a first guess, for more than ten seconds
 * at what the rules, as they are, choose; or at the best that is known.
 */
async function search(walk) {
  const { characters, first } = textOf(walk.name, join(walk.directory, "texts"));
  const bestSoFar = () => ofWalk(walk).toSorted((a, b) => a.bitsPerByte - b.bitsPerByte)[0];
  const { name, seconds, directory } = walk;
  const guess = { ...(characters !== null ? FIRST_OF_CHARACTERS : FIRST), ...first };
  if (seconds > 10) await measure(walk, [onAxes(ruledSetting(name, seconds, directory))]);
  else if (bestSoFar() === undefined) await measure(walk, [guess]);
  for (let still = 0; still < Object.keys(AXES).length;) {
    for (const axis of Object.keys(AXES)) {
      const before = bestSoFar();
      await measure(walk, neighboursOf(before.setting, axis, characters !== null));
      const { bitsPerByte, setting } = bestSoFar();
      still = bestSoFar() === before ? still + 1 : 0;
      const count = ofWalk(walk).length;
      console.log(
        `${walk.name}, ${walk.seconds} s, ${axis}: ${bitsPerByte.toFixed(4)} after ${count} trials: ${JSON.stringify(setting)}`,
      );
      if (count >= MAX_TRIALS[walk.seconds]) return;
    }
  }
}

/** The setting with the nearest value of each axis. */
function onAxes(setting) {
  const nearest = (axis) => {
    const distance = (value) => Math.abs(Math.log((value + 1e-6) / (setting[axis] + 1e-6)));
    return AXES[axis].toSorted((a, b) => distance(a) - distance(b))[0];
  };
  return Object.fromEntries(Object.keys(AXES).map((axis) => [axis, nearest(axis)]));
}

/** A step up and a step down on one axis. */
function neighboursOf(setting, axis, mayBeCharacters) {
  const values = axis === "merges" && !mayBeCharacters ? AXES.merges.slice(1) : AXES[axis];
  const at = values.indexOf(setting[axis]);
  return [at - 1, at + 1].flatMap((i) => (values[i] === undefined ? [] : [{ ...setting, [axis]: values[i] }]));
}

/** What a setting is known by. */
export const keyOf = (setting) => JSON.stringify([...Object.keys(FIRST), "tokenizer"].map((key) => setting[key]));
const ofWalk = ({ name, seconds, known }) => known.filter((trial) => trial.name === name && trial.seconds === seconds);

/**
 * Trains the settings that are not known yet, in a sweep, and adds them to what is known and to the file. A setting without `tokenizer`
 * has byte pairs, or characters where it has no merges.
 */
export async function measure({ name, seconds, directory, known, results }, settings) {
  const done = new Set(ofWalk({ name, seconds, known }).map(({ setting }) => keyOf(setting)));
  const missing = settings.filter((setting) => !done.has(keyOf(setting)));
  if (missing.length === 0) return;
  const { path, options, characters } = textOf(name, join(directory, "texts"));
  const runs = missing.map(({ merges, share, ...setting }) => {
    const vocabSize = merges === 0 ? (characters ?? 100) : merges + 257;
    const tokenizer = merges === 0 ? { tokenizer: "char" } : { tokenizer: "byte-bpe", bpeMerges: merges };
    const tokens = Math.round((1e6 * seconds * share) / microsecondsPerToken({ vocabSize, ...setting }));
    return { ...tokenizer, ...setting, nHead: headsOf(setting.nEmbd), tokens };
  });
  const common = { ...options, engine: "native", threads: 1, numSamples: 0, saveInterval: 1_000_000 };
  const file = join(directory, "sweep.json");
  writeFileSync(file, JSON.stringify({ data: [path], ...flagsOf(common), runs: runs.map(flagsOf) }));
  const runsDir = ["--runs-dir", join(directory, "runs")];
  rmSync(join(directory, "runs"), { recursive: true, force: true });
  await microgpt(["sweep", file, "--jobs", process.env.MICROGPT_JOBS ?? "2", ...runsDir, "--name", "trial"]);
  const output = await microgpt(["compare", "trial", ...runsDir, "--json"]);
  const { runs: measured } = JSON.parse(output.trim().split("\n").at(-1));
  for (const [i, setting] of missing.entries()) {
    const row = measured.find(({ name: run }) => Number(run.slice(0, run.indexOf("_"))) === i + 1);
    if (row === undefined) throw new Error(`study: the sweep has no result of ${JSON.stringify(setting)}`);
    const { numSteps, bestStep, bitsPerByte } = row;
    const trial = { name, seconds, setting, numSteps, bestStep, bitsPerByte };
    known.push(trial);
    appendFileSync(results, `${JSON.stringify(trial)}\n`);
  }
}

/** Options by their names on the command line. */
const flagsOf = (options) =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      value,
    ]),
  );

async function microgpt(args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`microgpt ${args[0]} ended with ${code}`);
  return output;
}
