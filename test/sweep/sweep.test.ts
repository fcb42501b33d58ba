import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { isRunning } from "../../src/node/owner.ts";
import { loadResult } from "../../src/node/result.ts";
import { microgpt, microgptHere, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import { fingerprint, hookOf, leftovers, savedSteps, start, tasksOf, until, WHEN_LOCKED } from "../setup/trainer.ts";

/** A sweep of forty words in a directory of its own: its arguments, and where it will be. */
function words(...more: string[]): { directory: string; sweep: string; args: string[] } {
  const directory = workspace();
  const args = ["sweep", "--data", writeWords(directory), "--runs-dir", directory, "--name", "sweep", ...TINY, ...more];
  return { directory, sweep: join(directory, "sweep"), args };
}

const summary = (
  sweep: string,
): { runs: { name: string; state: string; failure: string | null; bitsPerByte: number }[] } =>
  JSON.parse(readFileSync(join(sweep, "summary.json"), "utf8")) as ReturnType<typeof summary>;

test("a run of a sweep is the run that train would have made", async () => {
  const { sweep, directory, args } = words("--grid", "n-layer=1,2", "--jobs", "2");
  const { exitCode, stdout, stderr } = await microgptHere(args);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^finished +01_n-layer-1 +\d\.\d{4} bits per byte +\d+s +\([12] of 2\)$/m);
  expect(stdout).toMatch(/^ +n-layer: 100 % of the variance|^run +n-layer/m);
  for (const layers of [1, 2]) {
    const alone = [
      "train",
      "--data",
      join(directory, "words.txt"),
      "--runs-dir",
      directory,
      "--name",
      `alone-${layers}`,
    ];
    expect((await microgptHere([...alone, ...TINY, "--n-layer", String(layers)])).exitCode).toBe(0);
    const { "config.json": _, ...files } = fingerprint(join(directory, `alone-${layers}`));
    expect(fingerprint(join(sweep, "runs", `0${layers}_n-layer-${layers}`))).toMatchObject(files);
  }
  const [best, other] = summary(sweep).runs;
  expect(best.bitsPerByte).toBeLessThan(other.bitsPerByte);
  expect(loadResult(join(sweep, "runs", best.name))?.measured).toMatchObject([
    { step: 30, bitsPerByte: best.bitsPerByte },
  ]);
});

test("a run that fails stops no other; it is named, and told in the summary", () => {
  const { sweep, args } = words("--grid", "learning-rate=0.01,1000");
  const { exitCode, stderr } = microgpt(args);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^microgpt: warning: 02_learning-rate-1000: train: [^\n]* has diverged, [^\n]*\n$/);
  expect(summary(sweep).runs).toMatchObject([
    { name: "01_learning-rate-0.01", state: "finished", failure: null },
    {
      name: "02_learning-rate-1000",
      state: "failed",
      failure: expect.stringContaining("has diverged"),
      bitsPerByte: null,
    },
  ]);
  // A training that diverged would do so again: nothing is left to do.
  const again = microgpt(["sweep", "--resume", sweep]);
  expect(again.stdout).not.toContain("started");
  expect(again.exitCode).toBe(1);
});

test("what can't fit the memory is not started, and what would is said", async () => {
  const { sweep, args } = words(
    "--grid",
    "n-embd=4,16384",
    "--block-size",
    "512",
    "--grid",
    "batch-size=2,65536",
    "--dry-run",
  );
  const { exitCode, stdout } = await microgptHere(args);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^01_n-embd-4_batch-size-2 +\d+\.\d MB$/m);
  expect(stdout).toMatch(/^04_n-embd-16384_batch-size-65536 .*(too large for the wasm engine|would fit)/m);
  expect(existsSync(sweep)).toBe(false);
});

test("Ctrl-C stops every run, saved; --resume does what is left, and nothing twice", async () => {
  const steps = ["--num-steps", "500", "--eval-interval", "100"];
  const { directory, sweep, args } = words("--grid", "n-layer=1,2,3,4", "--jobs", "2", ...steps);
  // The third run begins when one of the first two is finished, and while the fourth still waits.
  const interrupt = `if (event.event === "begin" && event.run.includes("03_")) process.kill(process.ppid, "SIGINT");`;
  const { exitCode, stdout, stderr } = await start([...args, "--hook", hookOf(directory, interrupt)]).ended;
  expect(exitCode).toBe(130);
  expect(stdout).toContain("finished");
  expect(stderr).toBe("");
  expect(stdout).toMatch(/to resume: (?:npx )?microgpt sweep --resume \S+sweep\n$/);
  expect(leftovers(sweep)).toEqual([]); // no lock: no child is alive
  const done = readdirSync(join(sweep, "runs")).filter((name) => existsSync(join(sweep, "runs", name, "samples.txt")));
  const stamps = done.map((name) => statSync(join(sweep, "runs", name, "result.json")).mtimeMs);
  expect(done.length).toBeGreaterThanOrEqual(1);
  expect(done.length).toBeLessThan(4);
  // The text was prepared, so nobody needs it any more.
  renameSync(join(sweep, "..", "words.txt"), join(sweep, "..", "moved.txt"));
  const { exitCode: end, stdout: rest } = await start(["sweep", "--resume", sweep]).ended;
  expect(end).toBe(0);
  expect(rest.match(/^started/gm)).toHaveLength(4 - done.length);
  expect(rest).toMatch(/^finished .*\(4 of 4\)$/m);
  expect(done.map((name) => statSync(join(sweep, "runs", name, "result.json")).mtimeMs)).toEqual(stamps);
  expect(summary(sweep).runs.every(({ state }) => state === "finished")).toBe(true);
});

test("sweep-task does one run of a sweep; it is internal, so --help does not list it", async () => {
  const { sweep, args } = words("--grid", "n-layer=1,2");
  expect((await microgptHere(args)).exitCode).toBe(0);
  const samples = join(sweep, "runs", "02_n-layer-2", "samples.txt");
  const before = readFileSync(samples, "utf8");
  rmSync(samples);
  expect(await microgptHere(["sweep-task", sweep, "02_n-layer-2"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(readFileSync(samples, "utf8")).toBe(before);
  const help = await microgptHere(["--help"]);
  expect(help.stdout).toMatch(/^ {2}sweep \[options\]/m);
  expect(help.stdout).not.toContain("sweep-task");
  expect((await microgptHere(["sweeptask"])).stderr).not.toContain("sweep-task");
});

test("a signal that arrives as soon as a resumed run is locked leaves no lock", async () => {
  const { directory, sweep, args } = words("--grid", "n-layer=1,2");
  expect((await microgptHere(args)).exitCode).toBe(0);
  rmSync(join(sweep, "runs", "02_n-layer-2", "samples.txt"));
  const hook = hookOf(directory, "", WHEN_LOCKED);
  const { exitCode, signal } = await start(["sweep-task", sweep, "02_n-layer-2", "--hook", hook]).ended;
  expect({ exitCode, signal }).toEqual({ exitCode: 143, signal: null });
  expect(leftovers(sweep)).toEqual([]);
});

test("a prepared text that is damaged is made again; other data is refused", async () => {
  const { sweep, args, directory } = words("--grid", "n-layer=1,2");
  expect(microgpt(args).exitCode).toBe(0);
  const [name] = readdirSync(join(sweep, "prepared"));
  const path = join(sweep, "prepared", name);
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, whole.length - 1));
  rmSync(join(sweep, "runs", "02_n-layer-2"), { recursive: true });
  const { exitCode, stdout } = microgpt(["sweep", "--resume", sweep]);
  expect(exitCode).toBe(0);
  expect(stdout.match(/^started +02_n-layer-2$/gm)).toHaveLength(1);
  expect(readFileSync(path).equals(whole)).toBe(true);
  rmSync(path);
  writeFileSync(join(directory, "words.txt"), "other\nwords\n");
  const refused = await microgptHere(["sweep", "--resume", sweep]);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toBe(
    "microgpt: the data is not what the sweep began with; restore it, or start a new sweep\n",
  );
});

test("halving: each rung ends where it should, and the better half by then goes on", () => {
  const { sweep, args } = words("--grid", "n-embd=2,4,8,16", "--grid", "n-head=2", "--halving", "--num-steps", "80");
  const { exitCode, stdout } = microgpt(args);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("after 25 % of the steps, 2 of 4 settings continue");
  expect(stdout).toContain("after 50 % of the steps, 1 of 2 settings continue");
  const measured = readdirSync(join(sweep, "runs")).map((name) => loadResult(join(sweep, "runs", name))!.measured);
  const at = (step: number): number[] =>
    measured.flatMap((all) => all.filter((one) => one.step === step).map(({ bitsPerByte }) => bitsPerByte!));
  expect([at(20).length, at(40).length, at(80).length]).toEqual([4, 2, 1]);
  const [second, first] = at(20)
    .toSorted((a, b) => b - a)
    .slice(2);
  const kept = measured.filter((all) => all.length > 1).map(([{ bitsPerByte }]) => bitsPerByte!);
  expect(kept.toSorted((a, b) => a - b)).toEqual([first, second]);
  expect(summary(sweep).runs.filter(({ state }) => state === "finished")).toHaveLength(1);
});

/**
 * Kills runs, and of every three times once the sweep itself while `parents` are left, as soon as something was saved since
 * the last time; resumes the sweep to its end. Resolves to how often it killed.
 */
async function disturb(sweep: string, args: string[], kills: number, parents: number): Promise<number> {
  const random = new Random(12345);
  const saved = (run: string): number => savedSteps(join(sweep, "runs", run)).at(-1) ?? -1;
  const killedAt = new Map<string, number>();
  let count = 0;
  for (let parent = start(args); ; parent = start(["sweep", "--resume", sweep])) {
    const now = { ended: false };
    void parent.ended.then(() => (now.ended = true));
    while (!now.ended && count < kills) {
      // A run that is killed again and again before it comes further would be given up, and rightly.
      const ripe = (): { pid: number; run: string }[] =>
        tasksOf(sweep).filter(({ run }) => saved(run) > (killedAt.get(run) ?? -1));
      await until("a run has saved", () => now.ended || ripe().length > 0);
      await sleep(random.randbelow(20));
      const tasks = ripe();
      if (tasks.length === 0) continue;
      count++;
      if (parents > 0 && count % 3 === 0) {
        parents--;
        parent.kill("SIGKILL");
        break;
      }
      const { pid, run } = tasks[random.randbelow(tasks.length)];
      killedAt.set(run, saved(run));
      if (isRunning(pid)) process.kill(pid, "SIGKILL"); // it may just have ended
    }
    const { exitCode, signal, stderr } = await parent.ended;
    if (signal !== "SIGKILL") expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    if (exitCode === 0) return count;
  }
}

const SCALE = byExtent(
  { repeats: 1, steps: 500, kills: 3, parents: 1 },
  { repeats: 8, steps: 2500, kills: 25, parents: 5 },
  { repeats: 8, steps: 40_000, kills: 200, parents: 20 },
);

test.runIf(existsSync("/proc/self/cmdline"))(
  `${2 * SCALE.repeats} runs, killed ${SCALE.kills} times, the sweep itself among them: the summary is the undisturbed one's`,
  { tags: ["kills"], timeout: 1_800_000 },
  async () => {
    const { repeats, steps, kills, parents } = SCALE;
    const grid = ["--grid", "n-layer=1,2", "--jobs", "2"];
    const more = [...grid, "--repeats", String(repeats), "--num-steps", String(steps), "--save-interval", "100"];
    const [calm, disturbed] = [words(...more), words(...more)];
    expect((await start(calm.args).ended).exitCode).toBe(0);
    expect(await disturb(disturbed.sweep, disturbed.args, kills, parents)).toBe(kills);
    for (const name of ["summary.json", "summary.csv"]) {
      expect(readFileSync(join(disturbed.sweep, name)).equals(readFileSync(join(calm.sweep, name)))).toBe(true);
    }
    expect(summary(calm.sweep).runs).toHaveLength(2 * repeats);
    expect(summary(calm.sweep).runs.every(({ state }) => state === "finished")).toBe(true);
    for (const { name } of summary(calm.sweep).runs) {
      const [one, other] = [calm, disturbed].map(({ sweep }) => fingerprint(join(sweep, "runs", name)));
      expect({ ...other, "config.json": "" }).toEqual({ ...one, "config.json": "" });
    }
    expect(leftovers(disturbed.sweep)).toEqual([]);
    expect(savedSteps(join(disturbed.sweep, "runs", summary(calm.sweep).runs[0].name)).at(-1)).toBe(steps);
  },
);

test.each<[string, RegExp]>([
  [
    "nowhere.yaml",
    /^"nowhere.yaml" is neither a file nor a preset; expected a sweep file, or one of tokenizers, depth, /,
  ],
  ["--grid n-layer", /^--grid: expected an option and its values/],
  ["--grid nlayer=1", /^"nlayer" is not an option/],
  ["--trials 3", /^sweep: --trials draws from --grid or --random; give one of them$/],
  ["--grid n-layer=1,2 --reference", /^sweep: --reference holds nothing out/],
  ["--resume nowhere", /^nowhere: there is no such sweep$/],
  ["--resume x --n-layer 2", /^--resume continues a sweep with its own options; drop the others$/],
  ["--resume x --grid n-layer=2", /^--resume continues a sweep with its own options; drop the others$/],
  ["--resume x --halving", /^--resume continues a sweep with its own options; drop the others$/],
  ["--jobs 0", /^--jobs: expected a whole number from 1/],
  ["--grid n-layer=1 --tokens 5 --seconds 5", /^sweep: no run can be trained; --tokens and --seconds both say/],
])("sweep %s is refused in one sentence", async (args, message) => {
  const { exitCode, stderr, stdout } = await microgptHere(["sweep", ...args.split(" ")], { cwd: workspace() });
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^microgpt: [^\n]+\n$/);
  expect(stderr.slice("microgpt: ".length).trimEnd()).toMatch(message);
  expect(exitCode).toBe(2);
});

test.each([
  ["bad.yaml", "grid: [", /^\S*bad.yaml is not YAML: "/],
  ["alias.yaml", "a: &x 1\nb: *x\n", /^\S*alias.yaml is not YAML: |^\S*alias.yaml: "a" is not an option/],
  ["list.json", "[1]", /^\S*list.json: expected options by name/],
  ["typo.json", '{"grid": {"n-layr": [1]}}', /^\S*typo.json: "n-layr" is not an option/],
])("a sweep file with a mistake is refused: %s", async (name, text, message) => {
  const directory = workspace();
  writeFileSync(join(directory, name), text);
  const { exitCode, stderr } = await microgptHere(["sweep", name], { cwd: directory });
  expect(stderr.slice("microgpt: ".length)).toMatch(message);
  expect(exitCode).toBe(2);
});

test("runs are compared: as a table, with completions, as JSON, as CSV", async () => {
  const { run, directory } = trained();
  const other = join(directory, "other");
  const args = ["train", "--data", join(directory, "words.txt"), "--runs-dir", directory, "--name", "other", ...TINY];
  expect((await microgptHere([...args, "--n-layer", "2", "--tokenizer", "bpe"])).exitCode).toBe(0);
  writeFileSync(join(directory, "prompts.txt"), "ba\n");
  const { stdout, stderr, exitCode } = await microgptHere([
    "compare",
    run,
    other,
    "--prompt-file",
    join(directory, "prompts.txt"),
  ]);
  expect([stderr, exitCode]).toEqual(["", 0]);
  expect(stdout).toMatch(
    /^run +tokenizer +n-layer +parameters +vocabulary +steps +best at +tokens\/s +time +memory +held-out +bits\/byte +verdict$/m,
  );
  expect(stdout).toMatch(/^ba\n(?: +(?:run|other) +ba[\w ]*\n){2}$/m);
  const json = JSON.parse((await microgptHere(["compare", run, other, "--json"])).stdout) as {
    runs: { name: string }[];
    costs: object;
  };
  expect(json.runs.map(({ name }) => name).toSorted()).toEqual(["other", "run"]);
  expect(Object.keys(json.costs).toSorted()).toEqual(["other", "run"]);
  expect((await microgptHere(["compare", run, other, "--csv"])).stdout.split("\r\n")[0]).toBe(
    "name,tokenizer,n-layer,state,parameters,vocabSize,step,numSteps,bestStep,heldOutLoss,bitsPerByte,worseThan,heldOutText,failure,tokensPerSecond,seconds,peakMemoryBytes",
  );
  const missing = await microgptHere(["compare", run, join(directory, "nowhere")]);
  expect([missing.exitCode, missing.stderr]).toEqual([
    2,
    expect.stringMatching(/^microgpt: \S*nowhere: there is no such run\n$/),
  ]);
});
