import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { microgptHere, microgpt, CLI, sharedWorkspace, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { writeOutput } from "../../src/node/output.ts";

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const isRoot = process.getuid?.() === 0;
const WINDOWS = process.platform === "win32";

describe("what an output's path names", () => {
  test("a new file; an existing one is replaced and keeps its mode", () => {
    const directory = workspace();
    const path = join(directory, "out.txt");
    expect(writeOutput(path, "one")).toBe("file");
    chmodSync(path, 0o600);
    expect(writeOutput(path, "two")).toBe("file");
    expect([readFileSync(path, "utf8"), modeOf(path)]).toEqual(["two", 0o600]);
    expect(readdirSync(directory)).toEqual(["out.txt"]);
  });

  test.skipIf(!isRoot)("root replaces another user's file, which keeps its owner; others are refused", () => {
    const path = join(workspace(), "theirs.txt");
    writeFileSync(path, "theirs", { mode: 0o666 });
    spawnSync("chown", ["12345:12345", path]);
    writeOutput(path, "new");
    expect([statSync(path).uid, statSync(path).gid, readFileSync(path, "utf8")]).toEqual([12345, 12345, "new"]);
  });

  test("a symbolic link stays, and its target is replaced; a target that is not there is made", () => {
    const directory = workspace();
    const [target, link, dangling] = ["target", "link", "dangling"].map((name) => join(directory, name));
    writeFileSync(target, "old", { mode: 0o640 });
    symlinkSync("target", link);
    symlinkSync(join(directory, "made"), dangling);
    expect([writeOutput(link, "new"), writeOutput(dangling, "first")]).toEqual(["file", "file"]);
    expect([readFileSync(target, "utf8"), modeOf(target), readlinkSync(link)]).toEqual(["new", 0o640, "target"]);
    expect([readFileSync(join(directory, "made"), "utf8"), lstatSync(dangling).isSymbolicLink()]).toEqual([
      "first",
      true,
    ]);
  });

  test("links in a circle, a directory, a missing directory: one sentence, and nothing is made", () => {
    const directory = workspace();
    symlinkSync("b", join(directory, "a"));
    symlinkSync("a", join(directory, "b"));
    expect(() => writeOutput(join(directory, "a"), "x")).toThrow(/^cannot write \S+a: its symbolic links form a loop/);
    expect(() => writeOutput(directory, "x")).toThrow(/ is a directory; name a file$/);
    expect(() => writeOutput(join(directory, "none", "out"), "x")).toThrow(/there is no such file/);
    expect(readdirSync(directory)).toEqual(["a", "b"]);
  });

  test.skipIf(WINDOWS)("a pipe is written through, and stays a pipe", async () => {
    const directory = workspace();
    const [path, copy] = [join(directory, "pipe"), join(directory, "copy")];
    spawnSync("mkfifo", [path]);
    // Its output must not come back here: the write waits for the reader.
    const reader = spawn("sh", ["-c", 'cat "$0" > "$1"', path, copy], { stdio: "ignore" });
    const long = "line\n".repeat(100_000); // more than a pipe holds
    expect(writeOutput(path, long)).toBe("stream");
    await new Promise((done) => reader.on("close", done));
    expect(readFileSync(copy, "utf8") === long).toBe(true);
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  test.skipIf(!existsSync("/dev/full"))("a device is written through: /dev/null takes all, /dev/full is full", () => {
    expect(writeOutput("/dev/null", "x")).toBe("stream");
    expect(() => writeOutput("/dev/full", "x")).toThrow(/^cannot write \/dev\/full: the disk is full \(ENOSPC/);
    expect([statSync("/dev/null").isCharacterDevice(), statSync("/dev/full").isCharacterDevice()]).toEqual([
      true,
      true,
    ]);
  });

  test("a file with another name (hard link) is replaced; the other name keeps the old content", () => {
    const directory = workspace();
    const [one, two] = [join(directory, "one"), join(directory, "two")];
    writeFileSync(one, "old");
    linkSync(one, two);
    writeOutput(one, "new");
    expect([readFileSync(one, "utf8"), readFileSync(two, "utf8")]).toEqual(["new", "old"]);
  });
});

describe("the commands that write where they are told", () => {
  let directory = "";
  let run = "";
  beforeAll(async () => {
    directory = sharedWorkspace();
    run = join(directory, "runs", "a");
    const place = ["--data", writeWords(directory), "--name", "a", "--runs-dir", join(directory, "runs")];
    const { exitCode, stderr } = await microgptHere(["train", ...place, "--num-samples", "0", ...TINY]);
    if (exitCode !== 0) throw new Error(stderr);
  });

  const tokenize = (out: string): string[] => ["tokenize", "--run", run, "ada", "--export", out];

  test("report and tokenize refuse a file inside a run, through a link, too, and the run stays as it was", async () => {
    const before = readFileSync(join(run, "model.safetensors"));
    symlinkSync(run, join(directory, "link"));
    mkdirSync(join(run, "mine"));
    for (const path of [
      join(run, "model.safetensors"),
      join(run, "mine", "new.html"),
      join(directory, "link", "x.html"),
    ]) {
      for (const args of [["report", run, "-o", path], tokenize(path)]) {
        const { exitCode, stderr } = await microgptHere(args);
        expect([exitCode, stderr]).toEqual([
          2,
          expect.stringMatching(/ is inside the run \S+a; name a file outside of runs\n$/),
        ]);
      }
    }
    expect(readFileSync(join(run, "model.safetensors")).equals(before)).toBe(true);
    expect([readdirSync(join(run, "mine")), existsSync(join(run, "x.html"))]).toEqual([[], false]);
  });

  test.skipIf(WINDOWS)("'-' and /dev/stdout: the output alone, what else is said elsewhere", () => {
    const page = microgpt(["report", run, "-o", "-"]);
    expect(page).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("1 run") as string });
    expect(page.stdout.slice(0, 15).toLowerCase()).toBe("<!doctype html>");
    expect(page.stdout).not.toContain("1 run\n");
    const { stdout } = microgpt(tokenize("/dev/stdout"));
    expect(JSON.parse(stdout)).toMatchObject({ model: { type: "BPE" } });
  });

  test.skipIf(WINDOWS)("/dev/stdout that is a file: the file has the output, and /dev/stdout is what it was", () => {
    const before = lstatSync("/dev/stdout");
    const path = join(directory, "redirected.html");
    const script = `exec "$0" "$1" report "$2" -o /dev/stdout > "$3"`;
    const { status } = spawnSync("sh", ["-c", script, process.execPath, CLI, run, path]);
    expect([status, readFileSync(path, "utf8").slice(0, 9).toLowerCase()]).toEqual([0, "<!doctype"]);
    expect([lstatSync("/dev/stdout").ino, lstatSync("/dev/stdout").isSymbolicLink()]).toEqual([before.ino, true]);
  });
});
