// The atomic core against CPython: milliseconds a training document (forward, backward, Adam) at the default size, on the
// same names with the same weights. Rounds are interleaved, A B A B, each in a fresh process; the ratio is of medians.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { median, spread } from "./measure.mjs";

const ROUNDS = 5;
const OUR_STEPS = 300;
const THEIR_STEPS = 12;
/** The first steps warm the compiler and Adam's memory; a person who trains for a thousand steps does not notice them. */
const OUR_WARM_UP = 100;
const THEIR_WARM_UP = 2;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const names = here("../data/names.txt");
const lengths = readFileSync(names, "utf8")
  .trim()
  .split("\n")
  .map((name) => name.length + 1);
const MEAN_POSITIONS = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;

export function run() {
  console.log(
    `atomic: one training document of ${MEAN_POSITIONS.toFixed(1)} positions (16 wide, 4 heads, 1 layer, block 16)`,
  );
  const hasPython = spawnSync("python3", ["--version"]).status === 0;
  if (!hasPython) console.log("  python3 is not on this machine: no comparison");
  const [ours, theirs, theirsNoGc] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    const a = measure(process.execPath, [here("atomic-process.mjs"), names, String(OUR_STEPS)]);
    ours.push(meanMs(a, OUR_WARM_UP));
    if (!hasPython) continue;
    const b = measure("python3", [here("peers/scalar_microgpt.py"), names, String(THEIR_STEPS)]);
    checkSame(a.losses, b.losses);
    theirs.push(meanMs(b, THEIR_WARM_UP));
    const c = measure("python3", [here("peers/scalar_microgpt.py"), names, String(THEIR_STEPS), "nogc"]);
    theirsNoGc.push(meanMs(c, THEIR_WARM_UP));
    if (round === 0) console.log(`  CPython ${b.python}; the first ${THEIR_STEPS} losses agree within 1e-9`);
  }
  console.log(`  microgpt  ${spread(ours)}`);
  if (theirs.length === 0) return;
  console.log(`  CPython   ${spread(theirs)}`);
  console.log(`  without its garbage collector  ${spread(theirsNoGc)}`);
  const ratio = (list) => (median(list) / median(ours)).toFixed(0);
  console.log(
    `  ratio     ${ratio(theirs)}× (target: at least 20×); ${ratio(theirsNoGc)}× without its garbage collector\n`,
  );
}

const measure = (program, args) => JSON.parse(execFileSync(program, args, { encoding: "utf8" }));

/** A document of mean length: both sides train on different numbers of documents, so their time is taken by position. */
function meanMs({ seconds, positions }, warmUp) {
  const sum = (list) => list.slice(warmUp).reduce((total, value) => total + value, 0);
  return (1000 * MEAN_POSITIONS * sum(seconds)) / sum(positions);
}

function checkSame(ours, theirs) {
  const worst = Math.max(...theirs.map((loss, i) => Math.abs(loss - ours[i])));
  if (!(worst <= 1e-9)) throw new Error(`bench: the two sides compute different losses, ${worst} apart`);
}
