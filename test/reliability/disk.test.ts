import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLI, microgpt, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import { expectAllWhole, expectOneLine, fingerprint, isInstalled, leftovers, TRAINER } from "../setup/trainer.ts";

/** A namespace of our own, where we may mount without being root. */
const OWN_MOUNTS = ["unshare", "-Urm"];

function canMount(): boolean {
  if (!isInstalled("unshare")) return false;
  const directory = fs.mkdtempSync("/tmp/microgpt-mount-");
  const { status } = spawnSync(OWN_MOUNTS[0], [
    ...OWN_MOUNTS.slice(1),
    "mount",
    "-t",
    "tmpfs",
    "-o",
    "size=256k",
    "none",
    directory,
  ]);
  fs.rmSync(directory, { recursive: true });
  return status === 0;
}
const mounts = canMount();

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");

interface Disk {
  /** Where the script may leave what the test looks at: outside of the small disk. */
  readonly out: string;
  readonly data: string;
  readonly train: string;
  readonly resume: string;
}

/**
 * Runs a script in a namespace with a small disk of its own at $DISK. It ends by copying the run to $OUT, for the disk is
 * gone with the namespace.
 */
function onSmallDisk(
  size: string,
  steps: readonly string[],
  script: (disk: Disk) => string,
): { out: string; data: string } {
  const out = workspace();
  const disk = join(out, "disk");
  fs.mkdirSync(disk);
  const data = writeWords(out);
  const command = quoted([process.execPath, CLI]);
  const options = quoted(["--data", data, "--runs-dir", disk, "--name", "run", ...TRAINER, ...steps]);
  const body = script({ out, data, train: `${command} train ${options}`, resume: `${command} resume '${disk}/run'` });
  const preamble = `set -u; OUT='${out}'; DISK='${disk}'; mount -t tmpfs -o size=${size} none "$DISK"
    # (Remounting names the source as well: \`mount\` would else repeat tmpfs's uid=, which no one but root may.)
    wait_for() { for _ in $(seq 6000); do eval "$1" && return; sleep 0.01; done; echo "in vain: $1" >> "$OUT/vain"; }`;
  const ending = 'cp -r "$DISK/run" "$OUT/run" 2> /dev/null; ls -a "$DISK" > "$OUT/listing"';
  const [program, ...args] = [...OWN_MOUNTS, "bash", "-c", `${preamble}\n${body}\n${ending}`];
  execFileSync(program, args, { timeout: 240_000, stdio: "ignore" });
  expect(fs.existsSync(join(out, "vain")) ? fs.readFileSync(join(out, "vain"), "utf8") : "").toBe("");
  return { out, data };
}

const read = (directory: string, name: string): string => fs.readFileSync(join(directory, name), "utf8");
const STEPS = ["--num-steps", "1500", "--save-interval", "50", "--eval-interval", "500"];

let known: Record<string, string> | null = null;

/** What a run without accidents leaves; config.json apart, which names the data by its path. */
function undisturbed(data: string): Record<string, string> {
  if (known !== null) return known;
  const directory = workspace();
  expect(
    microgpt(["train", "--data", data, "--runs-dir", directory, "--name", "run", ...TRAINER, ...STEPS]).exitCode,
  ).toBe(0);
  const { "config.json": _path, ...files } = fingerprint(join(directory, "run"));
  return (known = files);
}

describe.skipIf(!mounts)("a disk of our own (skipped where `unshare` may not mount)", () => {
  test.each(byExtent(["320k", "1m"], ["256k", "320k", "384k", "512k", "768k", "1m", "1500k", "2m"]))(
    "of %s fills up and is freed again: the training goes on, and loses nothing",
    { tags: ["cases"] },
    async (size) => {
      const { out, data } = onSmallDisk(
        size,
        STEPS,
        ({ train }) => `
        ${train} > "$OUT/stdout" 2> "$OUT/stderr" & trainer=$!
        wait_for '[ "$(ls "$DISK"/run/checkpoints 2> /dev/null | wc -l)" -ge 3 ]'
        kill -STOP $trainer
        cat /dev/zero > "$DISK/filler" 2> /dev/null
        # Room for the next lines of metrics.jsonl, but not for all of a checkpoint: it is torn, and must not stay.
        truncate -s -12288 "$DISK/filler"
        kill -CONT $trainer
        wait_for 'grep -q "step-.*ENOSPC" "$OUT/stderr"'
        kill -STOP $trainer
        ls -a "$DISK"/run/checkpoints > "$OUT/while-full"
        kill -CONT $trainer
        rm "$DISK/filler"
        wait $trainer; echo $? > "$OUT/exit"`,
      );
      expect(read(out, "exit")).toBe("0\n");
      const warnings = read(out, "stderr").trimEnd().split("\n");
      for (const warning of warnings) {
        expect(warning).toMatch(
          /^microgpt: warning: cannot write \S+: the disk is full \(ENOSPC, \d+ bytes needed, \d+ free\); training continues and tries again at the next save$/,
        );
      }
      expect(read(out, "while-full").match(/^step-\d+\.safetensors$/gm)?.length).toBeGreaterThanOrEqual(3);
      expect(leftovers(join(out, "run"))).toEqual([]);
      await expectAllWhole(join(out, "run"));
      const { "config.json": _path, ...files } = fingerprint(join(out, "run"));
      expect(files).toEqual(undisturbed(data));
    },
  );

  test("that stays full: the training ends with exit code 1 and one line after its warnings, and can go on elsewhere in time", async () => {
    const { out } = onSmallDisk(
      "512k",
      ["--num-steps", "600", "--save-interval", "50", "--eval-interval", "300"],
      ({ train, resume }) => `
      ${train} > "$OUT/stdout" 2> "$OUT/stderr" & trainer=$!
      wait_for '[ "$(ls "$DISK"/run/checkpoints 2> /dev/null | wc -l)" -ge 2 ]'
      cat /dev/zero > "$DISK/filler" 2> /dev/null
      wait $trainer; echo $? > "$OUT/exit"
      rm "$DISK/filler"
      ${resume} > "$OUT/resumed" 2>> "$OUT/stderr-2"; echo $? >> "$OUT/exit"`,
    );
    expect(read(out, "exit")).toBe("1\n0\n");
    const lines = read(out, "stderr").trimEnd().split("\n");
    expect(lines.at(-1)).toMatch(
      /^microgpt: cannot write \S+: the disk is full \(ENOSPC, \d+ bytes needed, \d+ free\)$/,
    );
    expect(read(out, "stderr-2")).toBe("");
    expect(leftovers(join(out, "run"))).toEqual([]);
    await expectAllWhole(join(out, "run"));
  });

  test("that turns read-only in the middle: one line, exit code 1, and the run goes on once it can be written again", async () => {
    const { out } = onSmallDisk(
      "1m",
      ["--num-steps", "1500", "--save-interval", "50", "--eval-interval", "500"],
      ({ train, resume }) => `
      ${train} > "$OUT/stdout" 2> "$OUT/stderr" & trainer=$!
      wait_for '[ "$(ls "$DISK"/run/checkpoints 2> /dev/null | wc -l)" -ge 2 ]'
      wait_for 'mount -o remount,ro none "$DISK" 2> /dev/null'
      wait $trainer; echo $? > "$OUT/exit"
      ${resume} > /dev/null 2> "$OUT/stderr-ro"; echo $? >> "$OUT/exit"
      mount -o remount,rw none "$DISK"
      ${resume} > /dev/null 2> "$OUT/stderr-rw"; echo $? >> "$OUT/exit"`,
    );
    expect(read(out, "exit")).toBe("1\n1\n0\n");
    expect(read(out, "stderr")).not.toMatch(/^ {4}at /m);
    expect(read(out, "stderr").trimEnd().split("\n").at(-1)).toMatch(
      /^microgpt: cannot write \S+: the disk is read-only \(EROFS\)$/,
    );
    expectOneLine(read(out, "stderr-ro"), /cannot write \S+: the disk is read-only \(EROFS\)/); // refused at once
    expect(read(out, "stderr-rw")).toBe("");
    expect(leftovers(join(out, "run"))).toEqual([]);
    await expectAllWhole(join(out, "run"));
  });

  test("that is read-only from the start: refused before the first step", () => {
    const { out } = onSmallDisk(
      "256k",
      STEPS,
      ({ train }) => `
      mount -o remount,ro none "$DISK"
      ${train} > "$OUT/stdout" 2> "$OUT/stderr"; echo $? > "$OUT/exit"`,
    );
    expect(read(out, "exit")).toBe("1\n");
    expect(read(out, "stdout")).toBe("");
    expectOneLine(read(out, "stderr"), /the disk is read-only \(EROFS\)/);
  });

  test("too small for the first file: refused in one line, and nothing is left on it", () => {
    const { out } = onSmallDisk(
      "16k",
      STEPS,
      ({ train }) => `
      cat /dev/zero > "$DISK/filler" 2> /dev/null
      ${train} > "$OUT/stdout" 2> "$OUT/stderr"; echo $? > "$OUT/exit"`,
    );
    expect(read(out, "exit")).toBe("1\n");
    expectOneLine(read(out, "stderr"), /the disk is full \(ENOSPC/);
    expect(read(out, "listing")).toBe(".\n..\nfiller\n");
  });
});

const canDropRights = process.getuid?.() === 0 && isInstalled("setpriv");
const isRoot = process.getuid?.() === 0;
/**
 * Where we are root, who may write everywhere: without that right. As another user we might not even find the build, in a
 * clone below a directory of root's own.
 */
const UNPRIVILEGED = isRoot ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];

test.skipIf(isRoot && !canDropRights)(
  "a directory without permission is refused before the first step (skipped as root without `setpriv`)",
  () => {
    const directory = workspace();
    const data = writeWords(directory);
    fs.mkdirSync(join(directory, "locked"));
    fs.chmodSync(directory, 0o755);
    fs.chmodSync(join(directory, "locked"), 0o555);
    const args = [
      ...UNPRIVILEGED,
      process.execPath,
      CLI,
      "train",
      "--data",
      data,
      "--runs-dir",
      join(directory, "locked"),
      ...TRAINER,
    ];
    const { status, stdout, stderr } = spawnSync(args[0], args.slice(1), { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expectOneLine(stderr, /cannot write \S*locked: permission denied \(EACCES\)\n$/);
    fs.chmodSync(data, 0o000);
    const [program, ...rest] = args.map((word) => (word.endsWith("locked") ? directory : word));
    const unreadable = spawnSync(program, rest, { encoding: "utf8" });
    expect(unreadable.status).toBe(2);
    expectOneLine(unreadable.stderr, /cannot read \S*words\.txt: permission denied \(EACCES\)\n$/);
  },
);

test.each([
  ["a file", (path: string) => fs.writeFileSync(path, "mine")],
  ["a pipe", (path: string) => void spawnSync("mkfifo", [path])],
  ["a device", (path: string) => fs.symlinkSync("/dev/full", path)],
  ["a link to nowhere", (path: string) => fs.symlinkSync("/nowhere/at/all", path)],
])("where the directory of runs is %s, it is refused before the first step", (_name, make) => {
  const directory = workspace();
  const path = join(directory, "runs");
  make(path);
  const { exitCode, stdout, stderr } = microgpt([
    "train",
    "--data",
    writeWords(directory),
    "--runs-dir",
    path,
    ...TRAINER,
  ]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expectOneLine(stderr, /cannot write \S*runs: /);
  expect(fs.readdirSync(directory).toSorted()).toEqual(["runs", "words.txt"]);
});
