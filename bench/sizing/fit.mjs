// Fits the rules of src/options/sizing.ts to the study's trials: `node bench/sizing/fit.mjs [RESULTS]`, after `npm run build`. It prints the
// best setting of each text and time, the power laws through them, and, for each, what the rules would choose.
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseSizes, passesIn, progressOf } from "../../dist/options/sizing.js";
import { measureText } from "../../dist/text/predictability.js";
import { TEXT_NAMES, textOf } from "./texts.mjs";

/** What is fitted, by which features. */
const AXES = {
  merges: ["seconds", "characters"],
  nEmbd: ["seconds"],
  nLayer: ["seconds"],
  blockSize: ["seconds"],
  batchSize: ["seconds"],
  learningRate: ["seconds"],
  weightDecay: ["passes", "characters"],
  dropout: ["passes", "characters"],
};
/** The logarithms that a law is linear in. */
const FEATURES = {
  seconds: ({ used }) => Math.log(used / 10),
  characters: ({ text }) => Math.log(text.characters / 1e6),
  passes: ({ passes }) => Math.log(Math.max(1, passes)),
  progress: ({ used, text }) => Math.log(progressOf({ seconds: used, characters: text.characters })),
};
/** What stands for 0 on an axis, whose logarithm is needed: half of its smallest other value. */
const ZERO = { weightDecay: 0.15, dropout: 0.05 };
/** Settings within this of the best are as good as it: the fit may take their mean. */
const TIE = 1.003;

const file = process.argv[2] ?? fileURLToPath(new URL("results.jsonl", import.meta.url));
const trials = readFileSync(file, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

const measured = new Map(
  TEXT_NAMES.map((name) => {
    const { path, characters } = textOf(name, join(tmpdir(), "microgpt-sizing-texts"));
    const text = readFileSync(path, "utf8");
    return [name, { ...measureText([{ chunks: () => [text] }]), isNames: characters !== null }];
  }),
);

/** Groups of trials of one text and time, each with its best and those that are as good. */
const groups = [...Map.groupBy(trials, ({ name, seconds }) => `${name} ${seconds}`).values()].map((group) => {
  const sorted = group.toSorted((a, b) => a.bitsPerByte - b.bitsPerByte);
  const [best] = sorted;
  const good = sorted.filter(({ bitsPerByte }) => bitsPerByte <= TIE * best.bitsPerByte);
  const text = measured.get(best.name);
  const { seconds } = best;
  const setting = { share: 1, weightDecay: 0, ...best.setting };
  const used = seconds * (setting.share ?? 1);
  const tokenizer = setting.merges === 0 ? "char" : "byte-bpe";
  const passes = passesIn(text, { ...setting, tokenizer, bpeMerges: setting.merges }, used);
  return { name: best.name, seconds, used, passes, best, good, text };
});

const log = (axis, value) => Math.log(value === 0 ? ZERO[axis] : value);
/** The mean of the good settings, in logarithms, each with a weight that falls with its distance from the best. */
function centre({ good, best }, axis) {
  const weighted = good.map(({ setting, bitsPerByte }) => {
    const weight = Math.exp((-3 * (bitsPerByte / best.bitsPerByte - 1)) / (TIE - 1));
    return [weight, log(axis, setting[axis])];
  });
  const total = weighted.reduce((sum, [weight]) => sum + weight, 0);
  return weighted.reduce((sum, [weight, value]) => sum + weight * value, 0) / total;
}

/** How strongly exponents are pulled to 0: a few texts cannot tell much. */
const PULL = 0.05;

/** Least squares of y on 1 and the features, by the normal equations. @returns value and exponents. */
function fit(points, features) {
  const rows = points.map((point) => [1, ...features.map((feature) => FEATURES[feature](point))]);
  const unknowns = [...rows[0].keys()];
  const sum = (term) => rows.reduce((total, row, at) => total + term(row, points[at].y), 0);
  const equations = unknowns.map((i) => [
    ...unknowns.map((j) => sum((row) => row[i] * row[j]) + (i === j && i > 0 ? PULL : 0)),
    sum((row, y) => row[i] * y),
  ]);
  for (const i of unknowns) {
    for (const k of unknowns.filter((other) => other !== i)) {
      const factor = equations[k][i] / equations[i][i];
      equations[k] = equations[k].map((value, column) => value - factor * equations[i][column]);
    }
  }
  return unknowns.map((i) => equations[i].at(-1) / equations[i][i]);
}

/** How the ratio changes with the progress within a text: texts differ more among each other than a text does from time to time. */
function slopeWithin(all) {
  let [products, squares] = [0, 1e-9];
  for (const own of Map.groupBy(all, ({ name }) => name).values()) {
    const mean = (of) => own.reduce((sum, group) => sum + of(group), 0) / own.length;
    const [x, y] = [mean(FEATURES.progress), mean(({ ratio }) => ratio)];
    for (const group of own) {
      products += (FEATURES.progress(group) - x) * (group.ratio - y);
      squares += (FEATURES.progress(group) - x) ** 2;
    }
  }
  return products / squares;
}

/** A law as it is written in the rules. */
function lawOf([value, ...exponents], features) {
  const rest = features.map((feature, i) => `, ${feature}: ${round(exponents[i])}`);
  return `{ value: ${round(Math.exp(value))}${rest.join("")} }`;
}

const round = (value) => Number(value.toPrecision(3));
for (const isNames of [false, true]) {
  const own = groups.filter(({ text }) => text.isNames === isNames);
  if (own.length === 0) continue;
  console.log(isNames ? "\nnames" : "texts");
  for (const [axis, features] of Object.entries(AXES)) {
    if (isNames && axis === "merges") continue;
    const law = fit(
      own.map((group) => ({ ...group, y: centre(group, axis) })),
      features,
    );
    console.log(`  ${axis}: ${lawOf(law, features)},`);
  }
  const ratios = own.map((group) => ({ ...group, ratio: Math.log(group.best.bitsPerByte / group.text.contextBits) }));
  const slope = slopeWithin(ratios);
  const rest = ratios.map((group) => ({ ...group, y: group.ratio - slope * FEATURES.progress(group) }));
  const [value, characters] = fit(rest, ["characters"]);
  console.log(`  ratio: ${lawOf([value, slope, characters], ["progress", "characters"])},`);
  for (const { name, seconds, used, passes, ratio, ...group } of ratios) {
    const fitted = value + slope * FEATURES.progress({ used, ...group }) + characters * FEATURES.characters(group);
    const both = `ratio ${Math.exp(ratio).toFixed(3)}, by the law ${Math.exp(fitted).toFixed(3)}`;
    console.log(`    ${name}, ${seconds} s, used ${round(used)} s, ${passes.toFixed(1)} passes: ${both}`);
  }
}
console.log("");
for (const { name, seconds, best, text } of groups) {
  const { options, share } = chooseSizes(text, seconds);
  console.log(
    `${name}, ${seconds} s: ${best.bitsPerByte.toFixed(4)} ${JSON.stringify(best.setting)} (step ${best.bestStep})`,
  );
  console.log(`  rules: ${JSON.stringify({ ...options, share: round(share) })}`);
}
