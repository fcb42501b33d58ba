/** One directory of runs, one page cache, one sweep, used by several machines: here, several containers. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { microgpt, microgptAsync, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import { serveSite } from "../setup/site.ts";
import { canTrace, canUnshare, IN_A_CONTAINER, leftovers, start, TRAINER } from "../setup/trainer.ts";

/** Lets as many processes begin and end as make the ids of this container others than those of its neighbours. */
const otherIds = (container: number): string[] => [
  "bash",
  "-c",
  `for k in $(seq ${container * 60}); do /bin/true; done; exec "$@"`,
  "bash",
];

/** Each fsync takes 30 ms more, as on a network disk: half-made files are seen for long. */
const SLOW_DISK = canTrace
  ? "strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=30000".split(" ")
  : [];

const modules = (name: string): string => fileURLToPath(new URL(`../../dist/node/${name}.js`, import.meta.url));

/** A program that makes what a writer leaves that is not done yet, says so, and waits. */
const writer = (paths: readonly string[], runs: string): string => `
import { mkdirSync, writeFileSync } from "node:fs";
import { temporaryName } from ${JSON.stringify(modules("files"))};
import { ownerTag } from ${JSON.stringify(modules("owner"))};
for (const path of ${JSON.stringify(paths)}) writeFileSync(temporaryName(path), "half");
mkdirSync(${JSON.stringify(`${runs}/.new-run-`)} + ownerTag());
process.stdout.write("made\\n");
process.stdin.resume();`;

/** Runs a program in a container until the end of the test; resolves at its first output. */
async function livingIn(program: string): Promise<void> {
  const [command, ...rest] = [...IN_A_CONTAINER, process.execPath, "--input-type=module", "-e", program];
  const child = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await new Promise<void>((done) => child.stdout.once("data", () => done()));
}

describe.skipIf(!canUnshare)("shared by containers (skipped where unshare is missing or may not make one)", () => {
  test("a directory of runs: every training ends, though all make and clean at once", { tags: ["kills"] }, async () => {
    const directory = workspace();
    const runs = join(directory, "runs");
    const data = writeWords(directory);
    const rounds = byExtent(1, 5);
    for (let round = 0; round < rounds; round++) {
      const trainings = [1, 2, 3, 4].map((container) => {
        const args = ["train", "--data", data, "--runs-dir", runs, "--name", `${round}-${container}`, ...TRAINER];
        const steps = ["--num-steps", "5", "--threads", "1"];
        return start([...args, ...steps], [...IN_A_CONTAINER, ...otherIds(container), ...SLOW_DISK]).ended;
      });
      const ends = await Promise.all(trainings);
      const clean = { exitCode: 0, stderr: "" };
      expect(ends.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual([clean, clean, clean, clean]);
    }
    expect(readdirSync(runs)).toHaveLength(4 * rounds);
    expect(leftovers(runs)).toEqual([]);
  });

  test("files that another container's process is writing stay, until they are a day old", async () => {
    const directory = workspace();
    const [runs, cache] = [join(directory, "runs"), join(directory, "cache")];
    const data = writeWords(directory);
    const { url } = await serveSite({ "/page.txt": "A river ends in a sea.\n" });
    const place = ["--data", data, "--runs-dir", runs, ...TINY, "--num-samples", "1"];
    const sweep = join(runs, "sweep");
    expect(microgpt(["sweep", "--grid", "n-embd=4,8", "--name", "sweep", ...place]).exitCode).toBe(0);
    for (const name of ["bodies", "pages"]) mkdirSync(join(cache, name), { recursive: true });
    const [run] = readdirSync(join(sweep, "runs")).map((name) => join(sweep, "runs", name));
    const half = [
      join(sweep, "prepared", "text.safetensors"),
      join(sweep, "summary.json"),
      join(run, "model.safetensors"),
      join(run, "checkpoints", "step-000001.safetensors"),
      join(cache, "bodies", "a".repeat(64)),
      join(cache, "pages", "b".repeat(64)),
    ];
    await livingIn(writer(half, runs));
    const made = leftovers(directory);
    expect(made).toHaveLength(half.length + 1);
    const clean = async (name: string): Promise<void> => {
      expect(microgpt(["train", "--name", name, ...place]).exitCode).toBe(0);
      expect(microgpt(["resume", run]).exitCode).toBe(0);
      expect(microgpt(["sweep", "--resume", sweep]).exitCode).toBe(0);
      const fetched = await microgptAsync(["fetch", `${url}/page.txt`, "--cache-dir", cache]);
      expect(fetched.exitCode).toBe(0);
    };
    await clean("one");
    expect(leftovers(directory)).toEqual(made);
    const old = Date.now() / 1000 - 2 * 24 * 3600;
    for (const path of made) utimesSync(join(directory, path), old, old);
    await clean("two");
    expect(leftovers(directory)).toEqual([]);
  });
});

test("what a killed process of this very place left is removed at once", () => {
  const directory = workspace();
  const runs = join(directory, "runs");
  mkdirSync(runs);
  const program = writer([], runs).replace("process.stdin.resume();", "");
  execFileSync(process.execPath, ["--input-type=module", "-e", program]);
  expect(leftovers(runs)).toHaveLength(1);
  const args = ["train", "--data", writeWords(directory), "--runs-dir", runs, "--name", "run", ...TINY];
  expect(microgpt(args).exitCode).toBe(0);
  expect(leftovers(runs)).toEqual([]);
  expect(existsSync(join(runs, "run"))).toBe(true);
});
