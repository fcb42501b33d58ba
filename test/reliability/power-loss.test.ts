/** Every system call of a command, read as a disk would: nothing that it calls done may be lost in a power cut. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLI, finished, trained, workspace, writeWords } from "../setup/microgpt.ts";
import { DiskOrder } from "../setup/disk-order.ts";
import { serveSite } from "../setup/site.ts";
import { canTrace, savedSteps, start, TRAINER } from "../setup/trainer.ts";

const CALLS =
  "open,openat,write,pwrite64,pwritev,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat";

interface Traced {
  readonly broken: readonly string[];
  /** How often each path was written whole. */
  readonly written: ReadonlyMap<string, number>;
  /** Lines of the logs: a command that is not traced breaks no rule. */
  readonly calls: number;
}

/** Runs a command to its end; follows the calls of each of its processes below `directory`. */
async function traced(directory: string, args: readonly string[], input: string = ""): Promise<Traced> {
  const logs = workspace();
  const strace = ["-ff", "-qq", "-y", "-o", join(logs, "log"), "-e", `trace=${CALLS}`, process.execPath, CLI];
  const env = { ...process.env, UV_USE_IO_URING: "0" };
  const { exitCode, stderr } = await finished("strace", [...strace, ...args], { input, env });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.not.stringContaining("microgpt:") });
  const written = new Map<string, number>();
  let calls = 0;
  const broken = readdirSync(logs).flatMap((name) => {
    const order = new DiskOrder(directory);
    for (const line of readFileSync(join(logs, name), "utf8").split("\n")) {
      order.take(line);
      if (line.includes(directory)) calls++;
    }
    order.end();
    for (const [path, times] of order.written) written.set(path, times + (written.get(path) ?? 0));
    return order.broken;
  });
  return { broken, written, calls };
}

const intervals = "--num-steps 6 --save-interval 2 --eval-interval 3 --keep 1".split(" ");

const namesOf = ({ written }: Traced): string[] => [...written.keys()].map((path) => basename(path));

describe.skipIf(!canTrace)("by the calls of a command (skipped where strace is missing or may not trace)", () => {
  test("train: all is synced before it has its name, in directories that are new, too; each checkpoint once", async () => {
    const directory = workspace();
    const words = readFileSync(writeWords(directory), "utf8");
    const runs = join(directory, "new", "folder", "runs");
    const place = ["--data", "-", "--runs-dir", runs, "--name", "run", "--log", "csv,tensorboard"];
    const trace = await traced(directory, ["train", ...place, ...TRAINER, ...intervals], words);
    expect(trace.broken).toEqual([]);
    expect(trace.calls).toBeGreaterThan(100);
    expect(namesOf(trace)).toEqual(
      expect.arrayContaining([
        "run",
        "pages.json",
        "metrics.jsonl",
        "metrics.csv",
        "model.safetensors",
        "samples.json",
      ]),
    );
    const checkpoints = [...trace.written].filter(([path]) => basename(path).startsWith("step-"));
    expect(checkpoints.map(([path, times]) => [basename(path), times])).toEqual(
      ["000002", "000003", "000004", "000006"].map((step) => [`step-${step}.safetensors`, 1]),
    );
  });

  test("resume, of a run that was killed", async () => {
    const directory = workspace();
    const place = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "run", "--log", "csv"];
    const kill = "strace -f -qq -o /dev/null -e trace=rename -e inject=rename:signal=SIGKILL:when=8".split(" ");
    await start(["train", ...place, ...TRAINER, ...intervals], kill).ended;
    const run = join(directory, "run");
    expect([existsSync(join(run, "samples.txt")), savedSteps(run).length]).toEqual([false, 1]);
    const trace = await traced(directory, ["resume", run]);
    expect(trace.broken).toEqual([]);
    expect(namesOf(trace)).toEqual(expect.arrayContaining(["metrics.jsonl", "samples.txt"]));
  });

  test("sweep, with all its processes", async () => {
    const directory = workspace();
    const place = ["--data", writeWords(directory), "--runs-dir", join(directory, "runs"), "--name", "sweep"];
    const grid = ["--grid", "n-embd=4,8", "--num-steps", "4", "--num-samples", "1"];
    const trace = await traced(directory, ["sweep", ...place, ...grid]);
    expect(trace.broken).toEqual([]);
    expect(namesOf(trace)).toEqual(expect.arrayContaining(["sweep", "sweep.json", "result.json", "summary.csv"]));
  });

  test("export, and import of what it wrote", async () => {
    const { run, directory } = trained();
    const folder = join(directory, "new", "model");
    const exported = await traced(directory, ["export", run, "--to", "pytorch", "--out", folder]);
    expect(exported.broken).toEqual([]);
    expect(namesOf(exported)).toEqual(expect.arrayContaining(["model", "model.safetensors", "README.md"]));
    const imported = await traced(directory, ["import", folder, "--runs-dir", join(directory, "new", "runs")]);
    expect(imported.broken).toEqual([]);
    expect(namesOf(imported)).toEqual(expect.arrayContaining(["model-1", "model.safetensors", "imported.json"]));
  });

  test("fetch, with a cache that is new, and tokenize --export", async () => {
    const directory = workspace();
    const { url } = await serveSite({ "/page.html": "<!doctype html><body><p>A river ends in a sea.</p></body>" });
    mkdirSync(join(directory, "out"));
    const out = join(directory, "out", "page.txt");
    const cache = join(directory, "new", "cache");
    const fetched = await traced(directory, ["fetch", `${url}/page.html`, "--out", out, "--cache-dir", cache]);
    expect(fetched.broken).toEqual([]);
    expect(namesOf(fetched)).toEqual(expect.arrayContaining(["page.txt", expect.stringMatching(/^[0-9a-f]{64}$/)]));
    const exported = join(directory, "out", "tokenizer.json");
    const words = writeWords(directory);
    const trace = await traced(directory, ["tokenize", "--data", words, "--tokenizer", "char", "--export", exported]);
    expect(trace.broken).toEqual([]);
    expect(namesOf(trace)).toEqual(["tokenizer.json"]);
  });
});

describe("the rules see what breaks them:", () => {
  const D = "/d";
  const brokenBy = (...lines: readonly string[]): readonly string[] => {
    const order = new DiskOrder(D);
    for (const line of lines) order.take(line);
    order.end();
    return order.broken;
  };
  const create = (path: string): string => `openat(AT_FDCWD</>, "${path}", O_WRONLY|O_CREAT|O_EXCL, 0644) = 3<${path}>`;
  const write = (path: string): string => `write(3<${path}>, "x", 1) = 1`;
  const sync = (path: string): string => `fsync(3<${path}>) = 0`;
  const rename = (from: string, to: string): string => `rename("${from}", "${to}") = 0`;
  const mkdir = (path: string): string => `mkdir("${path}", 0777) = 0`;
  const unlink = (path: string): string => `unlink("${path}") = 0`;
  const [T, A, B] = ["/d/.a.tmp-1", "/d/a", "/d/b"];

  test.each([
    ["nothing", [create(T), write(T), sync(T), rename(T, A), sync(D)], []],
    [
      "a rename without an fsync",
      [create(T), write(T), rename(T, A), sync(D)],
      [/renamed to \/d\/a before/, /last bytes/],
    ],
    [
      "no fsync of the directory",
      [create(T), write(T), sync(T), rename(T, A)],
      [/\/d\/a: its name is not synced, in \/d/],
    ],
    ["a directory whose parent is not synced", [mkdir(B)], [/\/d\/b: its name/]],
    [
      "a file that is written after the last fsync",
      [create(A), write(A), sync(A), sync(D), write(A)],
      [/\/d\/a: its last bytes/],
    ],
    [
      "a name in a hidden directory, not synced before that has its own",
      [mkdir("/d/.new-run-1"), mkdir("/d/.new-run-1/pages"), rename("/d/.new-run-1", A), sync(D)],
      [/pages: its name is not synced before \/d\/a/, /\/d\/a\/pages: its name is not synced/],
    ],
    [
      "an old file that goes before the new one has its name",
      [create(T), sync(T), rename(T, A), unlink(B), sync(D)],
      [/\/d\/b: removed before the name of \/d\/a/],
    ],
    ["a call that failed", [`mkdir("/d/b", 0777) = -1 EEXIST (File exists)`], []],
  ])("%s", (_name, lines, expected) => {
    expect(brokenBy(...lines)).toEqual(expected.map((rule) => expect.stringMatching(rule)));
  });
});
