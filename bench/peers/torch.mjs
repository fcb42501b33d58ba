// Our end of torch_microgpt.py: the model in PyTorch as a process beside ours, so that rounds of both can take turns.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("torch_microgpt.py", import.meta.url));

/** The Python that has torch: MICROGPT_PYTHON, or that of /opt/venv, or the machine's. */
export const PYTHON =
  process.env.MICROGPT_PYTHON ?? (existsSync("/opt/venv/bin/python3") ? "/opt/venv/bin/python3" : "python3");

/** Threads that wait for each other sleep: the faster way where others use the cores, too. */
const ASLEEP = { OMP_WAIT_POLICY: "passive" };

/** One model in training. It idles, without taking a core, between two calls; calls wait for each other. */
export class TorchPeer {
  /** The version of PyTorch. */
  torch = "";
  /** The name of its GPU, or null. */
  cuda = null;
  /** How many weights its model has. */
  parameters = 0;
  threads = 0;
  #child;
  #lines;
  #last = Promise.resolve();

  /**
   * Starts the peer on `setup`: `config`, `batches` (documents of tokens), `threads`, `learningRate`, `numSteps` and,
   * if both sides should start alike, `weights` (name → flat list, names as in engine.ts).
   * `env` says how its threads wait: `{}` leaves that to OpenMP, whose busy loops are for quiet machines (README.md).
   * Resolves to `{ peer, reason: null }`, or to `{ peer: null, reason }` where Python or torch is missing.
   */
  static async start(setup, env = ASLEEP) {
    const probe = spawnSync(PYTHON, ["--version"]);
    if (probe.status !== 0) return { peer: null, reason: `${PYTHON}: no such Python; set MICROGPT_PYTHON` };
    const peer = new TorchPeer(env);
    const hello = await peer.#read();
    if (!hello.ready) {
      peer.close();
      return { peer: null, reason: `${hello.reason}; pip install torch, or set MICROGPT_PYTHON to a Python with it` };
    }
    const { parameters, threads } = await peer.#ask(setup);
    return { peer: Object.assign(peer, { torch: hello.torch, cuda: hello.cuda, parameters, threads }), reason: null };
  }

  constructor(env) {
    this.#child = spawn(PYTHON, [SCRIPT], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...env } });
    this.#child.stdin.on("error", () => {}); // it died: the next answer says so
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Trains `count` steps, on one batch after the other. Resolves to `{ ms, cpuMs, loss, losses }`, times for all. */
  steps(count) {
    return this.#ask({ steps: count });
  }

  /** The mean loss over all positions of some documents. */
  async evaluate(documents) {
    return (await this.#ask({ evaluate: documents })).loss;
  }

  /** Milliseconds for a product of two size × size matrices, the best of `repeats`. */
  async matmul(size, repeats) {
    return (await this.#ask({ matmul: size, repeats })).ms;
  }

  /** Ends the process. */
  close() {
    this.#child.stdin.end();
    this.#child.kill();
  }

  #ask(request) {
    const answer = this.#last.then(async () => {
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
      const reply = await this.#read();
      if (reply.error !== undefined) throw new Error(`bench: the PyTorch peer: ${reply.error}`);
      return reply;
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #read() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("bench: the PyTorch peer ended; what it printed above says why");
    return JSON.parse(value);
  }
}
