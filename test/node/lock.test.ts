import * as fs from "node:fs";
import builtin from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { InputError } from "../../src/errors.ts";
import { removeTemporaries, temporaryName } from "../../src/node/files.ts";
import { Lock } from "../../src/node/lock.ts";
import { thisProcess } from "../../src/node/owner.ts";
import { Run } from "../../src/node/run-directory.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { charTokenizer } from "../../src/text/tokenizers/char.ts";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { leftovers } from "../setup/trainer.ts";

const ELSEWHERE = {
  "another container": { namespace: "pid:[1]" },
  "another host": { machine: "00000000", boot: "another", host: "far" },
  "an earlier boot": { boot: "another" },
} as const;

/** A lock of a process elsewhere, last touched so many seconds ago. */
function lockFrom(where: keyof typeof ELSEWHERE, secondsAgo: number): string {
  const path = join(workspace(), ".lock");
  const owner = { ...thisProcess(), pid: 4321, ...ELSEWHERE[where] };
  fs.writeFileSync(path, JSON.stringify(owner));
  const touched = new Date(Date.now() - 1000 * secondsAgo);
  fs.utimesSync(path, touched, touched);
  return path;
}

const REFUSAL =
  /^\S+ is in use by process 4321 (?:on far|of another container on \S+|of an earlier boot of \S+) since \S+, last heard of \d+ s ago; stop it there or, if it is certainly gone, repeat this command with --take-over$/;

describe("a lock whose process can't be seen from here", () => {
  test.each([
    ["another container", 0, ["any"], true],
    ["another container", 3600, ["silent", "any"], false],
    ["another host", 0, ["any"], true],
    ["another host", 3600, ["silent", "any"], false],
    ["an earlier boot", 0, ["any"], true], // somebody still touches it: two hosts of one name
    ["an earlier boot", 3600, ["dead", "silent", "any"], false],
  ] as const)("of %s, touched %d s ago, is taken over as %j", (where, secondsAgo, takers, isTaken) => {
    expect(Lock.isTaken(lockFrom(where, secondsAgo))).toBe(isTaken);
    for (const takeOver of ["dead", "silent", "any"] as const) {
      const path = lockFrom(where, secondsAgo);
      const before = fs.readFileSync(path, "utf8");
      if (takers.some((taker) => taker === takeOver)) {
        Lock.check(path, takeOver);
        const lock = Lock.take(path, takeOver);
        expect(lock.isHeld()).toBe(true);
        lock.release();
        expect(fs.readdirSync(join(path, ".."))).toEqual([]);
      } else {
        for (const refused of [() => Lock.check(path, takeOver), () => Lock.take(path, takeOver)]) {
          expect(refused).toThrow(expect.objectContaining({ code: "in-use", message: expect.stringMatching(REFUSAL) }));
        }
        expect(fs.readFileSync(path, "utf8")).toBe(before);
        expect(fs.readdirSync(join(path, ".."))).toEqual([".lock"]);
      }
    }
  });

  test("a process that is seen running is never taken over, not even if the user says so", () => {
    const path = join(workspace(), ".lock");
    fs.writeFileSync(path, JSON.stringify({ ...thisProcess(), pid: process.ppid, started: null }));
    expect(() => Lock.take(path, "any")).toThrow(`in use by process ${process.ppid}; wait for it, or stop it (Ctrl-C)`);
  });

  test("a guard that a process elsewhere left in the middle of taking over does not keep others out", () => {
    const path = lockFrom("another host", 3600);
    fs.cpSync(path, `${path}.takeover`, { preserveTimestamps: true });
    const lock = Lock.take(path, "silent");
    expect(fs.readdirSync(join(path, ".."))).toEqual([".lock"]);
    lock.release();
  });
});

test("a held lock is touched every few seconds; one that was taken over is left alone", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const path = join(workspace(), ".lock");
  const lock = Lock.take(path);
  const content = fs.readFileSync(path, "utf8");
  const longAgo = new Date(0);
  fs.utimesSync(path, longAgo, longAgo);
  vi.advanceTimersByTime(10_000);
  expect(fs.statSync(path).mtimeMs).toBeGreaterThan(0);
  expect(fs.readFileSync(path, "utf8")).toBe(content);
  fs.writeFileSync(`${path}-new`, JSON.stringify(thisProcess()));
  fs.renameSync(`${path}-new`, path);
  fs.utimesSync(path, longAgo, longAgo);
  vi.advanceTimersByTime(10_000);
  expect(fs.statSync(path).mtimeMs).toBe(0);
  expect(lock.isHeld()).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
  lock.release();
  expect(fs.existsSync(path)).toBe(true); // the new owner's
});

test("a lock that can't be read is a failure of the machine, not a lost lock", () => {
  const path = join(workspace(), ".lock");
  const lock = Lock.take(path);
  fs.rmSync(path);
  fs.mkdirSync(path);
  expect(() => lock.isHeld()).toThrow(expect.objectContaining({ code: "machine" }));
  fs.rmdirSync(path);
  expect(lock.isHeld()).toBe(false);
  lock.release();
});

/** Makes calls of `fs` fail, for this test, where `fails` says so. */
function failing(
  name: "linkSync" | "fsyncSync",
  code: string,
  fails: (...parameters: unknown[]) => boolean,
): () => number {
  const original: unknown = builtin[name];
  let count = 0;
  const restore = (): void => {
    Object.assign(builtin, { [name]: original });
    syncBuiltinESMExports();
  };
  Object.assign(builtin, {
    [name]: (...parameters: unknown[]) => {
      if (!fails(...parameters)) return Reflect.apply(original as () => unknown, builtin, parameters);
      count++;
      throw Object.assign(new Error(code), { code });
    },
  });
  syncBuiltinESMExports();
  onTestFinished(restore);
  return () => count;
}

const isDirectory = (file: unknown): boolean => fs.fstatSync(Number(file)).isDirectory();

describe("a file system", () => {
  test.each(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "EMLINK"])(
    "without hard links (%s): one process gets the lock, another is refused, and nothing is left",
    (code) => {
      const count = failing("linkSync", code, () => true);
      const path = join(workspace(), ".lock");
      const lock = Lock.take(path);
      expect(() => Lock.take(path)).toThrow(/is in use by process \d+; wait for it/);
      expect(lock.isHeld()).toBe(true);
      lock.release();
      fs.writeFileSync(path, '{"pid":999999999,"started":null,"token":"stale"}');
      Lock.take(path).release();
      expect(fs.readdirSync(join(path, ".."))).toEqual([]);
      expect(count()).toBeGreaterThan(2);
    },
  );

  test.each([
    ["hard links", "linkSync", "EPERM", () => true],
    ["fsync of directories", "fsyncSync", "EINVAL", isDirectory],
    ["fsync of directories", "fsyncSync", "EPERM", isDirectory],
    ["any fsync", "fsyncSync", "ENOTSUP", () => true],
  ] as const)("without %s (%s: %s) is trained on, without a word", async (_what, name, code, fails) => {
    const directory = workspace();
    const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TINY];
    const count = failing(name, code, fails);
    expect(await microgptHere(args)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(count()).toBeGreaterThan(0);
    expect(fs.existsSync(join(directory, "run", "model.safetensors"))).toBe(true);
    expect(leftovers(directory)).toEqual([]);
  });

  test("whose fsync of a directory reports a broken disk is not trusted", () => {
    failing("fsyncSync", "EIO", isDirectory);
    expect(() =>
      Run.create(workspace(), "run", "stem", resolveOptions(initialOptions(TRAIN_OPTIONS)), charTokenizer(["abcd"])),
    ).toThrow(InputError);
  });
});

describe("temporary files", () => {
  const ago = (path: string, hours: number): void => {
    const then = new Date(Date.now() - 3_600_000 * hours);
    fs.utimesSync(path, then, then);
  };

  test("of a living process and of other places stay; of dead ones, and older than a day, they go", () => {
    const directory = workspace();
    const mine = temporaryName(join(directory, "mine"));
    const [pid, start, place, random] = mine.slice(mine.lastIndexOf(".tmp-") + 5).split("-");
    const named = (name: string, ...tag: (string | number)[]): string =>
      join(directory, `.${name}.tmp-${tag.join("-")}`);
    const dead = named("dead", 999_999_999, start, place, random);
    const far = named("far", pid, start, "00000000", random);
    const farAndOld = named("far-and-old", pid, start, "00000000", random);
    const ofOldVersion = named("old-version", 999_999_999, random);
    const ofOldVersionAndOld = named("old-version-and-old", 999_999_999, random);
    const oldButMine = `${mine.slice(0, -8)}01234567`;
    const all = [mine, dead, far, farAndOld, ofOldVersion, ofOldVersionAndOld, oldButMine];
    for (const path of all) fs.writeFileSync(path, "x");
    for (const path of [farAndOld, ofOldVersionAndOld, oldButMine]) ago(path, 25);
    for (const path of [far, ofOldVersion]) ago(path, 23);
    removeTemporaries(directory);
    const left = all.filter((path) => fs.existsSync(path));
    expect(left).toEqual([mine, far, ofOldVersion, oldButMine]);
    expect(fs.readdirSync(directory)).toHaveLength(left.length); // and no trace of asking for the time
  });

  test("have names that fit where the file's own only just does", () => {
    for (const name of ["n".repeat(255), "ä".repeat(127), "家".repeat(85), "👩‍👩‍👧".repeat(14)]) {
      expect(Buffer.byteLength(temporaryName(name))).toBeLessThan(143);
    }
  });
});
