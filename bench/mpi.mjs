// One training in two ranks against one process with two threads, on this machine and over a link of 1 Gbit/s between two network
// namespaces (as root, with `ip` and `tc`); then what the measured latency and bandwidth mean for more machines.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const SUMS = fileURLToPath(new URL("mpi-sums.mjs", import.meta.url));
const TEXT = fileURLToPath(new URL("../test/fixtures/genesis200.txt", import.meta.url));
const REPEATS = 3;

/** Options, steps, and parameters of each model. */
const MODELS = [
  ["names, 16 wide, 1 layer", "", 600],
  [
    "64 wide, 2 layers, block 64, batch 64",
    `--data ${TEXT} --stream --n-embd 64 --n-head 4 --n-layer 2 --block-size 64 --batch-size 64`,
    30,
  ],
  [
    "256 wide, 4 layers, block 128, batch 8",
    `--data ${TEXT} --stream --n-embd 256 --n-head 8 --n-layer 4 --block-size 128 --batch-size 8`,
    8,
  ],
];

const OPEN_MPI = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
};
const has = (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

const words = (text) => text.split(" ");

/** Launchers that are here: how each starts two ranks, in one place or in two namespaces. */
function launchersOf(directory) {
  const shell = join(directory, "in-namespace");
  writeFileSync(
    shell,
    `#!/bin/bash\nwhile [ "\${1#-}" != "$1" ]; do shift; done\nhost=$1; shift\nexec ip netns exec mg-bench\${host##*.} env PATH="$PATH" sh -c "$*"\n`,
    { mode: 0o755 },
  );
  const inside = "ip netns exec mg-bench1";
  const hosts = "10.99.0.1,10.99.0.2";
  const mpich = `env MPIR_CVAR_NOLOCAL=1 UCX_TLS=tcp,self mpirun.mpich -hosts ${hosts} -launcher ssh -launcher-exec ${shell}`;
  const only = "btl_tcp_if_include 10.99.0.0/24 --mca oob_tcp_if_include 10.99.0.0/24";
  const openMpi = `mpirun.openmpi --mca plm_rsh_agent ${shell} --mca btl tcp,self --mca ${only} --host ${hosts}`;
  return [
    { name: "MPICH", here: ["mpirun.mpich", "-n", "2"], there: words(`${inside} ${mpich} -localhost 10.99.0.1 -n 2`) },
    { name: "Open MPI", here: ["mpirun.openmpi", "-n", "2"], there: words(`${inside} ${openMpi} -n 2`) },
  ].filter(({ here }) => has(here[0]));
}

/** Two namespaces with a link of 1 Gbit/s; false where that is not allowed. */
function openLink() {
  const commands = [
    ...[1, 2].map((i) => `ip netns add mg-bench${i}`),
    "ip link add mgb1 netns mg-bench1 type veth peer name mgb2 netns mg-bench2",
    ...[1, 2].flatMap((i) => [
      `ip -n mg-bench${i} link set lo up`,
      `ip -n mg-bench${i} addr add 10.99.0.${i}/24 dev mgb${i}`,
      `ip -n mg-bench${i} link set mgb${i} up`,
      `tc -n mg-bench${i} qdisc add dev mgb${i} root tbf rate 1gbit burst 128kb latency 20ms`,
    ]),
  ];
  return has("ip") && commands.every((command) => spawnSync("sh", ["-c", command]).status === 0);
}

const closeLink = () => [1, 2].forEach((i) => spawnSync("ip", ["netns", "del", `mg-bench${i}`]));

function sentBytes() {
  const text = execFileSync("ip", ["-n", "mg-bench1", "-s", "-j", "link", "show", "mgb1"], { encoding: "utf8" });
  return JSON.parse(text)[0].stats64.tx.bytes;
}

/** Runs a program of ours; returns its output. */
function start(launch, program) {
  const [command, ...args] = [...launch, process.execPath, ...program];
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, ...OPEN_MPI },
    input: "",
  });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(-500)}`);
  return stdout;
}

/** Trains once: milliseconds per step, the share of them that rank 0 waits, and megabytes sent per step. */
function train(directory, launch, model, steps, threads, isLinked) {
  const path = join(directory, "run");
  rmSync(path, { recursive: true, force: true });
  const options = `--engine wasm --num-steps ${steps} --num-samples 1 --eval-interval ${steps} --save-interval ${steps}`;
  const before = isLinked ? sentBytes() : 0;
  const place = ["--threads", String(threads), "--runs-dir", directory, "--name", "run"];
  start(launch, [CLI, "train", ...`${model} ${options}`.trim().split(" "), ...place]);
  const sent = isLinked ? sentBytes() - before : 0;
  const { seconds, waitingSeconds = 0 } = JSON.parse(readFileSync(join(path, "cost.json"), "utf8"));
  return { ms: (1000 * seconds) / steps, waiting: waitingSeconds / seconds, megabytes: sent / steps / 1e6 };
}

const least = (results) => results.toSorted((a, b) => a.ms - b.ms)[0];

/** Measures all ways to train a model, one after another, and again; keeps the fastest of each. */
function measure(directory, ways, model, steps) {
  const results = ways.map(() => []);
  for (let i = 0; i < REPEATS; i++) {
    for (const [w, { launch, threads, isLinked }] of ways.entries()) {
      results[w].push(train(directory, launch, model, steps, threads, isLinked));
    }
  }
  return results.map(least);
}

export async function run() {
  const directory = mkdtempSync(join(tmpdir(), "microgpt-mpi-"));
  const launchers = launchersOf(directory);
  const isLinked = openLink();
  try {
    const alone = { name: "1 process × 2 threads", launch: [], threads: 2, isLinked: false };
    const ways = [
      alone,
      ...launchers.map(({ name, here }) => ({
        name: `2 ranks × 1 thread, ${name}`,
        launch: here,
        threads: 1,
        isLinked: false,
      })),
      ...(isLinked ? launchers : []).map(({ name, there }) => ({
        name: `the same over 1 Gbit/s, ${name}`,
        launch: there,
        threads: 1,
        isLinked: true,
      })),
    ];
    console.log("mpi: ms per step (fastest of three), speed against 1 × 2, share of waiting, MB sent per step\n");
    for (const [name, model, steps] of MODELS) {
      const results = measure(directory, ways, model, steps);
      console.log(`${name}`);
      for (const [w, { ms, waiting, megabytes }] of results.entries()) {
        const sent = ways[w].isLinked ? `${megabytes.toFixed(3)} MB` : "";
        const cells = [
          ms.toFixed(2),
          (results[0].ms / ms).toFixed(2),
          w === 0 ? "" : `${Math.round(100 * waiting)} %`,
          sent,
        ];
        console.log(`  ${ways[w].name.padEnd(34)}${cells.map((cell) => cell.padStart(10)).join("")}`);
      }
    }
    console.log("\nsums of floats, ms: 16, 16 Ki, 256 Ki, 4 Mi numbers\n");
    for (const { name, here, there } of launchers) {
      for (const [place, launch] of [["here", here], ...(isLinked ? [["over 1 Gbit/s", there]] : [])]) {
        const rows = JSON.parse(start(launch, [SUMS]));
        const cells = rows.map(([, ms]) => ms.toFixed(3).padStart(10));
        console.log(`  ${name}, ${place}`.padEnd(36) + cells.join(""));
      }
    }
  } finally {
    if (isLinked) closeLink();
    rmSync(directory, { recursive: true, force: true });
  }
}
