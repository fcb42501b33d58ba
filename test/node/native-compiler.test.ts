import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { findCompiler } from "../../src/node/native-compiler.ts";
import { isRunning } from "../../src/node/owner.ts";
import { finished, workspace } from "../setup/microgpt.ts";
import { ANSWER, failureOf, NATIVE, place, REAL, SCRIPT, SKIPPED } from "../setup/native.ts";
import type { Place } from "../setup/native.ts";
import { until } from "../setup/trainer.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** The processes that a compiler has written down, once there are so many. */
async function pidsOf({ env }: Place, count: number): Promise<number[]> {
  const read = (): number[] => {
    const text = fs.existsSync(env.FAKE_PIDS!) ? fs.readFileSync(env.FAKE_PIDS!, "utf8") : "";
    return [...text.matchAll(/^(\d+)\n/gm)].map(([, pid]) => Number(pid)); // whole lines only
  };
  await until("the compiler has started", () => read().length >= count);
  return read();
}

/** A process whose compiler has just started. */
async function compilingIn(one: Place): Promise<{ child: ChildProcess; ended: Promise<unknown[]>; pids: number[] }> {
  const args = ["--input-type=module", "-e", SCRIPT, NATIVE, one.directory, ANSWER];
  const child = spawn(process.execPath, args, { env: one.env, stdio: "ignore" });
  const ended = once(child, "exit");
  return { child, ended, pids: await pidsOf(one, 1) };
}

/** Nothing is left but what says why, and what the compiler is. */
function expectNothingLeft({ directory, temporary, kept }: Place): void {
  expect(kept("").filter((name) => !/^[0-9a-f]{64}\.(?:log|json)$/.test(name))).toEqual([]);
  expect(fs.existsSync(directory)).toBe(true);
  expect(fs.readdirSync(temporary)).toEqual([]);
}

describe("the compiler", () => {
  const directory = (): string => {
    const path = workspace();
    for (const name of ["clang", "gcc"]) fs.writeFileSync(join(path, name), "#!/bin/sh\n", { mode: 0o755 });
    fs.writeFileSync(join(path, "cc"), "not a program", { mode: 0o644 });
    fs.mkdirSync(join(path, "folder"));
    return path;
  };

  test("is cc, clang or gcc, in this order, wherever on the PATH it is", () => {
    const [first, second] = [directory(), directory()];
    const PATH = `relative:${first}::${second}`;
    expect(findCompiler({ PATH }).path).toBe(join(first, "clang"));
    fs.chmodSync(join(second, "cc"), 0o755);
    expect(findCompiler({ PATH, MICROGPT_CC: "" }).path).toBe(join(second, "cc"));
    expect(findCompiler({ PATH, MICROGPT_CC: "gcc" }).path).toBe(join(first, "gcc"));
    expect(findCompiler({ PATH, MICROGPT_CC: join(second, "gcc") }).path).toBe(join(second, "gcc"));
  });

  test("without one, one sentence says so", () => {
    for (const env of [{}, { PATH: "" }, { PATH: "/nowhere" }]) {
      expect(() => findCompiler(env)).toThrow(
        expect.objectContaining({
          name: "NativeUnavailable",
          message: "no C compiler was found (cc, clang, gcc; MICROGPT_CC names another)",
        }),
      );
    }
  });

  test.each(["nonsense", "cc -O2", "./gcc", "folder", "cc", "/nowhere/cc", 'a "b"', "../"])(
    "MICROGPT_CC=%s names no program, and no other is taken",
    (name) => {
      const PATH = directory();
      expect(() => findCompiler({ PATH, MICROGPT_CC: name })).toThrow(
        expect.objectContaining({
          name: "NativeUnavailable",
          message: `MICROGPT_CC: there is no program ${/[ "]/.test(name) ? JSON.stringify(name) : name}`,
        }),
      );
    },
  );
});

describe.skipIf(REAL === null)(`a C compiler (${SKIPPED})`, () => {
  test("that reports an error: its output and its arguments are in the file that the sentence names", async () => {
    const one = place();
    const { message, log } = await failureOf(one.answer("int answer(void) { return nonsense; }"));
    expect(message).toBe(
      `the C compiler ${JSON.stringify(one.program)} failed (exit code 1); see ${JSON.stringify(log)}`,
    );
    const words = fs.readFileSync(log!, "utf8");
    expect(words).toMatch(/^\$ .* -shared .*-o native\.so native\.c -lm\nexit code 1\n/);
    expect(words).toContain("‘nonsense’".replace(/[‘’]/g, "'"));
    expect(dirname(log!)).toBe(one.directory);
    expect(fs.statSync(log!).mode & 0o777).toBe(0o600);
    expectNothingLeft(one);
  });

  test("that has failed is asked again at the next start; when it succeeds, its output is removed", async () => {
    const one = place('if [ -e "$FAKE_PIDS" ]; then exit 3; fi');
    fs.writeFileSync(one.env.FAKE_PIDS!, "");
    const { message, log } = await failureOf(one.answer());
    expect(message).toContain("failed (exit code 3)");
    await failureOf(one.answer());
    expect(one.compiles()).toBe(2);
    fs.rmSync(one.env.FAKE_PIDS!);
    expect(await one.answer()).toBe(42);
    expect(fs.existsSync(log!)).toBe(false);
  });

  test("that fails for eight at once is started once", async () => {
    const one = place("exit 1");
    const all = Array.from({ length: 8 }, async () => await failureOf(one.answer()));
    const failures = await Promise.all(all);
    for (const { message } of failures) expect(message).toMatch(/^the C compiler .*failed/);
    expect(new Set(failures.map(({ log }) => log)).size).toBe(1);
    expect(one.compiles()).toBe(1);
  });

  test.each([
    ["crashes", "kill -SEGV $$", "failed (ended by SIGSEGV)"],
    ["writes nothing", "exit 0", "failed (it wrote no library)"],
    ["writes an empty file", ": > native.so; exit 0", "failed (it wrote no library)"],
    ["writes a directory", "mkdir native.so; exit 0", "failed (it wrote no library)"],
    ["writes a link", "ln -s /dev/zero native.so; exit 0", "failed (it wrote no library)"],
    ["writes what is no library", "echo no > native.so; exit 0", "made cannot be loaded"],
    ["leaves what it works with", 'touch a.s b.o "$TMPDIR/c.s"; exit 1', "failed (exit code 1)"],
    ["does not know how to end", "exit 255", "failed (exit code 255)"],
  ])("that %s: a sentence, a file, and nothing else", async (_what, instead, words) => {
    const one = place(instead);
    const failure = await failureOf(one.answer());
    expect(failure.message).toContain(`${words}; see `);
    expect(fs.existsSync(failure.log!)).toBe(true);
    expect(one.kept(".log")).toHaveLength(1);
    expectNothingLeft(one);
  });

  test("that prints megabytes: 256 KB of them are kept, and it may end as it likes", async () => {
    const shout = "head -c 20000000 /dev/zero | tr '\\0' x; head -c 20000000 /dev/zero | tr '\\0' y >&2";
    const one = place(`${shout}; exit 1`);
    const { log } = await failureOf(one.answer());
    const { size } = fs.statSync(log!);
    expect(size).toBeGreaterThan(2 * 262_144);
    expect(size).toBeLessThan(2 * 262_144 + 4096);
    expect(await place(shout).answer()).toBe(42);
  });

  test("that reads its standard input finds it empty", async () => {
    expect(await place("cat > /dev/null").answer()).toBe(42);
  });

  test("that can't be started: a sentence", async () => {
    const one = place();
    fs.writeFileSync(one.program, "#!/nowhere/at/all\n", { mode: 0o755 });
    const { message } = await failureOf(one.answer());
    expect(message).toContain("failed (cannot be started (ENOENT))");
  });

  test("that refuses the flags for this CPU gets fewer", async () => {
    const one = place();
    const refuse = (flag: string): void => {
      const text = fs.readFileSync(one.program, "utf8");
      fs.writeFileSync(one.program, text.replace("case", `case "$*" in *${flag}*) exit 1;; esac\ncase`), {
        mode: 0o755,
      });
    };
    const flagsOf = (): string[] =>
      one
        .calls()
        .at(-1)!
        .split(" ")
        .filter((arg) => /^-m(?:arch|cpu|prefer)/.test(arg));
    refuse("-mprefer-vector-width");
    refuse("-mcpu");
    expect(await one.answer()).toBe(42);
    expect(flagsOf()).toEqual(["-march=native"]);
    refuse("-march");
    expect(await one.answer()).toBe(42);
    expect(flagsOf()).toEqual([]);
  });

  test("is ended, with all that it started, when its time is over", { tags: ["clock"] }, async () => {
    const one = place('sleep 600 & echo $! >> "$FAKE_PIDS"; echo $$ >> "$FAKE_PIDS"; echo "I hang" >&2; sleep 600');
    await failureOf(one.answer("no C", { limitMs: 60_000, env: { ...one.env, MICROGPT_CC: REAL! } }));
    const { message, log } = await failureOf(one.answer(ANSWER, { limitMs: 1500 }));
    expect(message).toContain("failed (it did not end within 1.5 s); see ");
    expect(fs.readFileSync(log!, "utf8")).toContain("I hang");
    const pids = await pidsOf(one, 2);
    await until("all have ended", () => !pids.some(isRunning));
    expectNothingLeft(one);
  });

  test("that has ended, but for a process outside of its group which holds its output, is not waited for", async () => {
    const hold = "setsid sh -c 'echo $$ >> \"$FAKE_PIDS\"; exec sleep 600'";
    const one = place(`${hold} & while [ ! -s "$FAKE_PIDS" ]; do sleep 0.01; done`);
    expect(await one.answer(ANSWER, { limitMs: 120_000 })).toBe(42);
    const [pid] = await pidsOf(one, 1);
    expect(isRunning(pid)).toBe(true);
    process.kill(pid);
  });

  test("whose time is over at once has failed", async () => {
    const { message } = await failureOf(place().answer(ANSWER, { limitMs: 0 }));
    expect(message).toContain("failed (it did not end within 0 s)");
  });

  test("at Ctrl-C: the compiler ends, and nothing is left", async () => {
    const one = place('echo $$ >> "$FAKE_PIDS"; sleep 600');
    const { child, ended, pids } = await compilingIn(one);
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    await until("the compiler has ended", () => !pids.some(isRunning));
    expectNothingLeft(one);
  });

  test("a process that was killed leaves a directory, which the next one removes", async () => {
    const one = place('echo $$ >> "$FAKE_PIDS"; test -e "$FAKE_LOG.again" || sleep 600');
    const { child, ended, pids } = await compilingIn(one);
    child.kill("SIGKILL");
    await ended;
    for (const pid of pids) process.kill(-pid, "SIGKILL");
    expect(fs.readdirSync(one.temporary)).toHaveLength(1);
    fs.writeFileSync(`${one.env.FAKE_LOG}.again`, "");
    expect(await one.answer()).toBe(42);
    expect(one.endings()).toEqual([".json", ".so"]);
    expect(fs.readdirSync(one.temporary)).toEqual([]);
  });

  test("without a directory for temporary files: a sentence", async () => {
    const one = place();
    vi.stubEnv("TMPDIR", "/nowhere/at/all");
    const { message, log } = await failureOf(one.answer());
    expect(log).toBeNull();
    expect(message).toMatch(/^cannot write \/nowhere\/at\/all: there is no such file \(ENOENT\)$/);
  });

  test("without a usable cache, its output is among the temporary files", async () => {
    const one = place("exit 1");
    fs.symlinkSync("/nowhere", one.directory);
    const { log } = await failureOf(one.answer());
    expect(dirname(log!)).toBe(one.temporary);
    expect(fs.readdirSync(one.temporary).map((name) => join(one.temporary, name))).toEqual([log]);
    expect(fs.statSync(log!).mode & 0o777).toBe(0o600);
  });

  test("a function that is missing, or whose library is closed, throws", async () => {
    const one = place();
    const { nativeCompiler } = await import("../../src/node/native.ts");
    const { directory, env } = one;
    const library = await nativeCompiler({ directory, env, warn: () => {} })(`
      double half(double x) { return x / 2; }
      int sum(const void *bytes, int count) { int s = 0; while (count--) s += ((const char *)bytes)[count]; return s; }
      void nothing(void) {}`);
    const half = library.func("double half(double)");
    const sum = library.func("int sum(const void *, int)");
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const values = [half(5), sum(bytes, 4), sum(bytes.subarray(2), 2), sum(bytes.buffer, 4)];
    expect([...values, library.func("void nothing(void)")()]).toEqual([2.5, 10, 7, 10, 0]);
    expect(() => library.func("int nowhere(void)")).toThrow("nowhere");
    library.close();
    library.close();
    expect(() => half(5)).toThrow("double half(double): its library is closed");
  });

  test("without koffi: a sentence, and no compiler is started", async () => {
    const one = place();
    const copy = workspace();
    const [dist, packages] = [dirname(dirname(NATIVE)), join(copy, "node_modules")];
    fs.cpSync(dist, join(copy, "dist"), { recursive: true });
    fs.writeFileSync(join(copy, "package.json"), '{"type":"module"}');
    fs.mkdirSync(packages);
    fs.symlinkSync(join(dist, "..", "node_modules", "env-paths"), join(packages, "env-paths"));
    const args = [
      "--input-type=module",
      "-e",
      SCRIPT,
      pathToFileURL(join(copy, "dist/node/native.js")).href,
      one.directory,
      ANSWER,
    ];
    const end = await finished(process.execPath, args, { env: one.env });
    expect(end).toMatchObject({ exitCode: 0, stderr: "" });
    expect(end.stdout).toBe("the package koffi is not installed, or has no build for this platform\n");
    expect(one.calls()).toEqual([]);
  });
});
