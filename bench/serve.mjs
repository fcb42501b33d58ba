// A server under load, over HTTP on loopback: tokens per second of one completion at a time and of sixteen together, in turns;
// then 64 clients for a minute: what fails, the time to the first token, /health beside it, and the server's memory.
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "./measure.mjs";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const ROUNDS = 5;
const CLIENTS = 64;
const LOAD_MS = 60_000;
const MODELS = {
  "names, 16 wide, block 16": ["--num-steps", "100"],
  "bytes, 64 wide, 4 layers, block 128": [
    ..."--tokenizer byte-bpe --bpe-merges 0 --stream --n-embd 64 --n-layer 4 --block-size 128".split(" "),
    ..."--batch-size 8 --num-steps 20".split(" "),
  ],
};

export async function run() {
  const directory = fs.mkdtempSync(join(tmpdir(), "microgpt-serve-"));
  try {
    for (const [name, options] of Object.entries(MODELS)) await runModel(name, options, directory);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

async function runModel(name, options, directory) {
  const runs = ["--runs-dir", join(directory, name.split(",")[0])];
  const training = spawn(process.execPath, [cli, "train", "--name", "run", ...runs, ...options], { stdio: "ignore" });
  await once(training, "close");
  const server = spawn(process.execPath, [cli, "serve", "run", "--port", "0", "--json", ...runs], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  for await (const chunk of server.stdout.setEncoding("utf8")) {
    printed += chunk;
    if (printed.includes("\n")) break;
  }
  console.log(`serve: ${name}`);
  try {
    const { url } = JSON.parse(printed.split("\n")[0]);
    await together(url);
    await load(url, server.pid);
  } finally {
    server.kill("SIGTERM");
  }
  const [exitCode] = await once(server, "close");
  console.log(`  SIGTERM: exit code ${exitCode}\n`);
}

/** POSTs a completion; resolves to its parsed answer, or null after a 429. */
async function complete(url, body) {
  const asked = { prompt: "", max_tokens: 120, temperature: 1, ...body };
  const response = await fetch(`${url}/completions`, { method: "POST", body: JSON.stringify(asked) });
  const answer = await response.json();
  if (response.status === 429 && response.headers.has("retry-after")) return null;
  if (response.status !== 200) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

async function together(url) {
  const rate = async (n, requests) => {
    const began = performance.now();
    let tokens = 0;
    for (let seed = 0; seed < requests; seed++) {
      tokens += (await complete(url, { n, seed: 100 * seed })).usage.completion_tokens;
    }
    return (1000 * tokens) / (performance.now() - began);
  };
  await rate(1, 20);
  await rate(16, 5);
  const [one, sixteen] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await rate(1, 32));
    sixteen.push(await rate(16, 8));
  }
  const ratio = median(sixteen) / median(one);
  console.log(`  one at a time       ${Math.round(median(one)).toLocaleString("en")} tokens/s`);
  console.log(
    `  sixteen together    ${Math.round(median(sixteen)).toLocaleString("en")} tokens/s, ${ratio.toFixed(2)}×`,
  );
}

/** Streams a completion; resolves to milliseconds to its first event, or null after a 429. */
async function firstToken(url, seed) {
  const began = performance.now();
  const body = JSON.stringify({ prompt: "", max_tokens: 120, seed, stream: true });
  const response = await fetch(`${url}/completions`, { method: "POST", body });
  if (response.status === 429) {
    await response.text();
    return null;
  }
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  let first = Number.NaN;
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    if (Number.isNaN(first)) first = performance.now() - began;
    text += chunk;
  }
  if (!text.endsWith("data: [DONE]\n\n")) throw new Error("a stream without its end");
  return first;
}

async function load(url, pid) {
  const until = performance.now() + LOAD_MS;
  const [first, memory, failures] = [[], [], []];
  let refused = 0;
  const client = async (number) => {
    for (let i = 0; performance.now() < until; i++) {
      try {
        const ms = await firstToken(url, 1000 * number + i);
        if (ms !== null) first.push(ms);
        else {
          refused++;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      } catch (error) {
        failures.push(error.message);
      }
    }
  };
  const watch = async () => {
    const watcher = fork(new URL("health-watch.mjs", import.meta.url), [url.replace("/v1", "/health")]);
    while (performance.now() < until) {
      memory.push(residentBytes(pid));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    watcher.send("end");
    const [times] = await once(watcher, "message");
    return times;
  };
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  const [health] = await Promise.all([watch(), ...clients]);
  const at = (values, share) => values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))].toFixed(1);
  const megabytes = (bytes) => Math.round(bytes / 1e6);
  const half = memory.length >> 1;
  console.log(
    `  ${CLIENTS} clients, ${LOAD_MS / 1000} s: ${first.length} completions, ${refused} × 429, ${failures.length} failures`,
  );
  if (failures.length > 0) console.log(`    ${[...new Set(failures)].join("\n    ")}`);
  console.log(`  first token         p50 ${at(first, 0.5)} ms, p99 ${at(first, 0.99)} ms`);
  console.log(`  /health             p50 ${at(health, 0.5)} ms, p99 ${at(health, 0.99)} ms, most ${at(health, 1)} ms`);
  console.log(
    `  resident memory     ${megabytes(Math.max(...memory.slice(0, half)))} MB at most in the first half, ${megabytes(Math.max(...memory.slice(half)))} MB in the second`,
  );
}

const residentBytes = (pid) => 4096 * Number(fs.readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
