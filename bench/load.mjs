// What happens under load: many trainings on few cores, a corpus larger than the memory that it may take, a sweep of a
// thousand runs that are killed at random, a training of very many steps. Each part says what it measured and whether all
// of it held; `LOAD=corpus npm run bench load` runs one part alone. All together take an hour on two cores.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const PARTS = { together, corpus, steps, sweep };

export async function run() {
  const asked = process.env.LOAD?.split(",") ?? Object.keys(PARTS);
  for (const name of asked) {
    const directory = fs.mkdtempSync(join(tmpdir(), "microgpt-load-"));
    try {
      await PARTS[name](directory);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  }
}

/** Starts `microgpt …`; `ended` resolves to how it ended. */
function start(args, directory) {
  const started = performance.now();
  const child = spawn(process.execPath, [cli, ...args, "--runs-dir", join(directory, "runs")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = new Promise((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal, stderr, ms: performance.now() - started })),
  );
  return { child, ended };
}

const isRunning = (child) => child.exitCode === null && child.signalCode === null;
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** Sixteen trainings at once, against one alone. */
async function together(directory) {
  const COUNT = 16;
  const args = (name) => ["train", "--num-steps", "2000", "--num-samples", "1", "--name", name];
  const alone = await start(args("alone"), directory).ended;
  const began = performance.now();
  const all = await Promise.all(Array.from({ length: COUNT }, (_, i) => start(args(`run-${i}`), directory).ended));
  const ms = performance.now() - began;
  const good = all.filter(({ code }) => code === 0).length;
  const times = all.map((one) => one.ms).toSorted((a, b) => a - b);
  const results = new Set(["alone", ...all.map((_, i) => `run-${i}`)].map((name) => resultOf(directory, name)));
  const cores = availableParallelism();
  console.log(`together: ${COUNT} trainings of 2,000 steps on the names, at once on ${cores} cores`);
  console.log(`  one alone   ${seconds(alone.ms)}`);
  console.log(`  all         ${seconds(ms)}; each ${seconds(times[0])}–${seconds(times.at(-1))}`);
  console.log(`  per run     ${(ms / COUNT / alone.ms).toFixed(2)} of the time of one alone`);
  console.log(`  ${good} of ${COUNT} ended with 0; ${results.size} different result.json\n`);
}

const resultOf = (directory, name) => fs.readFileSync(join(directory, "runs", name, "result.json"), "utf8");

/** Two gigabytes of lines of which one in eight is new, under a limit of one gigabyte where a cgroup can be made. */
async function corpus(directory) {
  const [BYTES, LIMIT] = [2e9, 1e9];
  const path = join(directory, "lines.txt");
  const lines = writeLines(path, BYTES);
  const group = limitedGroup(LIMIT);
  const args = ["train", "--data", path, "--num-steps", "100", "--num-samples", "1", "--name", "corpus"];
  const { child, ended } = start(args, directory);
  group?.add(child.pid);
  const peak = watchPeak(child.pid);
  const { code, signal, stderr, ms } = await ended;
  console.log(`corpus: ${(BYTES / 1e9).toFixed(1)} GB, ${lines.toLocaleString("en")} lines, one in eight new`);
  console.log(`  limit       ${group === null ? "none: no cgroup can be made here" : megabytes(LIMIT)}`);
  console.log(`  ended with  ${signal ?? code} after ${seconds(ms)} ${stderr.trim()}`);
  console.log(`  peak        ${megabytes(peak())} resident\n`);
  group?.remove();
}

const WORDS =
  "river hill stone field road house door table light paper water bread fire wood iron glass north south east west spring summer autumn winter morning evening night day king queen farmer sailor miller smith teacher child mother father brother sister walked carried found lost opened closed built broke saw heard told asked gave took slow quick old young cold warm near far".split(
    " ",
  );

/** A sentence for each number below 2³², another one for each. */
function sentence(number) {
  const words = [];
  for (let rest = number, i = 0; i < 10; i++) {
    words.push(WORDS[(rest + 7 * i) % WORDS.length]);
    rest = i === 5 ? number : Math.floor(rest / WORDS.length);
  }
  return words.join(" ");
}

/** Sentences of which one in eight is new. Returns how many lines there are. */
function writeLines(path, bytes) {
  const file = fs.openSync(path, "w");
  let [written, lines, fresh] = [0, 0, 0];
  while (written < bytes) {
    const block = [];
    for (let i = 0; i < 65_536; i++) {
      const known = (Math.imul(lines + i, 2_654_435_761) >>> 0) % Math.max(1, fresh);
      block.push(sentence(i % 8 === 0 ? fresh++ : known));
    }
    written += fs.writeSync(file, `${block.join("\n")}\n`);
    lines += block.length;
  }
  fs.closeSync(file);
  return lines;
}

/** A cgroup with a limit of memory, of version 2 or 1; null where this process may not make one. */
function limitedGroup(bytes) {
  for (const [root, file] of [
    ["/sys/fs/cgroup", "memory.max"],
    ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
  ]) {
    const path = join(root, `microgpt-load-${process.pid}`);
    try {
      fs.mkdirSync(path);
      if (!fs.existsSync(join(path, file))) throw new Error("a folder, not a group");
      fs.writeFileSync(join(path, file), String(bytes));
      return {
        add: (pid) => fs.writeFileSync(join(path, "cgroup.procs"), String(pid)),
        remove: () => fs.rmdirSync(path),
      };
    } catch {
      if (fs.existsSync(path)) fs.rmdirSync(path); // the next version, or none
    }
  }
  return null;
}

const statusOf = (pid, field) => {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
    return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
};

/** Follows the largest resident set of a process; the function returned says it. */
function watchPeak(pid) {
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, statusOf(pid, "VmHWM"))), 100);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

/** 200,000 steps: the resident set at ten points. */
async function steps(directory) {
  const COUNT = 200_000;
  const intervals = ["--num-steps", String(COUNT), "--eval-interval", "10000", "--save-interval", "10000"];
  const args = ["train", ...intervals, "--batch-size", "1", "--threads", "1", "--num-samples", "1", "--name", "long"];
  const { child, ended } = start(args, directory);
  const checkpoints = join(directory, "runs", "long", "checkpoints");
  const points = [];
  const stepNow = () => {
    const names = fs.existsSync(checkpoints) ? fs.readdirSync(checkpoints) : [];
    return Math.max(0, ...names.map((name) => Number(/^step-(\d+)\./.exec(name)?.[1] ?? 0)));
  };
  while (isRunning(child)) {
    const step = stepNow();
    if (step >= ((points.length + 1) * COUNT) / 10) points.push([step, statusOf(child.pid, "VmRSS")]);
    await sleep(50);
  }
  const { code, ms } = await ended;
  console.log(`steps: ${COUNT.toLocaleString("en")} steps of one name, resident memory`);
  console.log(`  ${points.map(([step, rss]) => `${step / 1000}k ${megabytes(rss)}`).join(", ")}`);
  console.log(`  ended with ${code} after ${seconds(ms)}\n`);
}

/** A sweep of a thousand tiny runs: one of its runs is killed at random moments, and now and then the sweep itself. */
async function sweep(directory) {
  const RUNS = 1000;
  const grid = ["--grid", `seed=${Array.from({ length: RUNS }, (_, i) => i).join(",")}`];
  const tiny = "--n-embd 4 --n-head 2 --block-size 8 --num-steps 40 --save-interval 10 --num-samples 1".split(" ");
  const path = join(directory, "runs", "load");
  const kills = { runs: 0, sweeps: 0 };
  const began = performance.now();
  let args = ["sweep", ...grid, ...tiny, "--name", "load"];
  for (;;) {
    const { child, ended } = start(args, directory);
    const until = performance.now() + 20_000 + Math.random() * 40_000; // then the sweep itself is killed
    while (isRunning(child)) {
      await sleep(200 + Math.random() * 1500);
      const victims = childrenOf(child.pid);
      if (performance.now() > until) kills.sweeps += Number(child.kill("SIGKILL"));
      else if (victims.length > 0) kills.runs += kill(victims[Math.floor(Math.random() * victims.length)]);
    }
    const { code, signal } = await ended;
    if (signal === null) {
      const { runs } = JSON.parse(fs.readFileSync(join(path, "summary.json"), "utf8"));
      const finished = runs.filter(({ state }) => state === "finished").length;
      console.log(`sweep: ${RUNS} runs of 40 steps, ended with ${code} after ${seconds(performance.now() - began)}`);
      console.log(`  ${kills.runs} kills of runs, ${kills.sweeps} of the sweep; ${finished} runs finished\n`);
      return;
    }
    args = fs.existsSync(path) ? ["sweep", "--resume", path] : args;
  }
}

function childrenOf(parent) {
  return fs.readdirSync("/proc").filter((pid) => {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
    } catch {
      return false;
    }
  });
}

function kill(pid) {
  try {
    process.kill(Number(pid), "SIGKILL");
    return 1;
  } catch {
    return 0;
  }
}
