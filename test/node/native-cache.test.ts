import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Lock } from "../../src/node/lock.ts";
import { NativeCache } from "../../src/node/native-cache.ts";
import { nativeCompiler } from "../../src/node/native.ts";
import { finished, workspace } from "../setup/microgpt.ts";
import { ANSWER, answering, NATIVE, place, REAL, SCRIPT, SKIPPED } from "../setup/native.ts";
import type { Place } from "../setup/native.ts";
import { until } from "../setup/trainer.ts";

const modeOf = (path: string): number => fs.statSync(path).mode & 0o7777;
/** The path of the only library in the cache. */
function libraryIn({ directory, kept }: Place): string {
  const libraries = kept(".so");
  expect(libraries).toHaveLength(1);
  return join(directory, libraries[0]);
}

/** The path of a library without the hash of its bytes and the ending, as its lock's and its log's begin. */
const stemOf = (library: string): string => library.replace(/-[0-9a-f]{64}\.so$/, "");

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe.skipIf(REAL === null)(`native code in the cache (${SKIPPED})`, () => {
  test("is compiled at the first start; the second starts no process", async () => {
    const { answer, calls, compiles, warnings } = place();
    expect(await answer()).toBe(42);
    expect([calls().length, compiles()]).toEqual([4, 1]); // version, target, macros, and the library
    expect(await answer()).toBe(42);
    expect(calls()).toHaveLength(4);
    expect(warnings).toEqual([]);
  });

  test("says which compiler made it, cold and warm", async () => {
    const { directory, env } = place();
    const compile = nativeCompiler({ directory, env, warn: (message) => expect.fail(message) });
    const [cold, warm] = [await compile(ANSWER), await compile(ANSWER)];
    expect(cold.compiler).toMatch(/^(?:gcc|clang) \d+\.\d+\.\d+$/);
    expect(warm.compiler).toBe(cold.compiler);
  });

  test("is loaded as it was stored, without being looked for again", async () => {
    const [find, store] = [vi.spyOn(NativeCache.prototype, "find"), vi.spyOn(NativeCache.prototype, "store")];
    const { answer, warnings } = place();
    expect([await answer(), warnings]).toEqual([42, []]);
    expect(store).toHaveBeenCalledTimes(1);
    expect(find.mock.invocationCallOrder.at(-1)).toBeLessThan(store.mock.invocationCallOrder[0]);
  });

  test("for another source, the compiler is not asked again what it is", async () => {
    const { answer, calls, compiles } = place();
    expect([await answer(answering(1)), await answer(answering(2)), await answer(answering(1))]).toEqual([1, 2, 1]);
    expect([calls().length, compiles()]).toEqual([5, 2]);
  });

  test("belongs to this user alone, and nothing else is left, there or among the temporary files", async () => {
    const one = place();
    await one.answer();
    expect(modeOf(one.directory)).toBe(0o700);
    expect(one.endings()).toEqual([".json", ".so"]);
    const names = fs.readdirSync(one.directory);
    expect(names.filter((name) => !/^[0-9a-f]{64}(?:-[0-9a-f]{64}\.so|\.json)$/.test(name))).toEqual([]);
    expect(names.map((name) => modeOf(join(one.directory, name)))).toEqual([0o600, 0o600]);
    expect(fs.readdirSync(one.temporary)).toEqual([]);
  });

  test("eight requests at once, in one process, compile once", async () => {
    const { answer, compiles } = place();
    expect(await Promise.all(Array.from({ length: 8 }, async () => await answer()))).toEqual(Array(8).fill(42));
    expect(compiles()).toBe(1);
  });

  test("sixteen processes on an empty cache compile once", async () => {
    // The compiler waits for all of them, so that each finds the cache empty.
    const { directory, env, compiles, endings, temporary } = place(
      'while [ "$(wc -l < "$FAKE_READY")" -lt 16 ]; do sleep 0.01; done',
    );
    const args = ["--input-type=module", "-e", SCRIPT, NATIVE, directory, ANSWER];
    const ends = await Promise.all(
      Array.from({ length: 16 }, async () => await finished(process.execPath, args, { env })),
    );
    for (const end of ends) expect(end).toEqual({ exitCode: 0, stdout: "42\n", stderr: "" });
    expect(compiles()).toBe(1);
    expect(endings()).toEqual([".json", ".so"]);
    expect(fs.readdirSync(temporary)).toEqual([]);
  });

  test("a process that has waited too long for another compiles for itself", async () => {
    const one = place();
    await one.answer();
    const library = libraryIn(one);
    fs.rmSync(library);
    const lock = Lock.take(`${stemOf(library)}.lock`);
    expect(await one.answer(ANSWER, { waitMs: 1 })).toBe(42);
    expect(one.compiles()).toBe(2);
    expect(lock.isHeld()).toBe(true);
    lock.release();
    expect(fs.existsSync(libraryIn(one))).toBe(true);
  });

  test("a process that waits for another writes nothing until the library is there", async () => {
    const one = place();
    await one.answer();
    const [library, elsewhere] = [libraryIn(one), join(one.temporary, "library")];
    fs.renameSync(library, elsewhere);
    const lock = Lock.take(`${stemOf(library)}.lock`);
    const find = vi.spyOn(NativeCache.prototype, "find");
    const before = fs.statSync(one.directory).mtimeMs;
    const answer = one.answer(ANSWER, { waitMs: 240_000 });
    await until("it has looked six times", () => find.mock.calls.length >= 6);
    expect(fs.statSync(one.directory).mtimeMs).toBe(before);
    fs.renameSync(elsewhere, library);
    expect(await answer).toBe(42);
    expect([one.compiles(), lock.isHeld()]).toEqual([1, true]);
    lock.release();
  });

  test("a log that cannot be read does no harm", async () => {
    const one = place();
    await one.answer();
    const library = libraryIn(one);
    const log = `${stemOf(library)}.log`;
    fs.rmSync(library);
    fs.symlinkSync(log, log);
    expect(await one.answer()).toBe(42);
    expect([one.compiles(), one.endings()]).toEqual([2, [".json", ".so"]]);
  });

  test.each<[string, (path: string, other: Buffer) => void]>([
    // The first: a process that loads one of the others may not live to say so.
    ["has another's bytes", (path, other) => fs.writeFileSync(path, other)],
    ["is truncated", (path) => fs.truncateSync(path, 1000)],
    ["is empty", (path) => fs.truncateSync(path)],
    [
      "has one other bit",
      (path) => {
        const bytes = fs.readFileSync(path);
        bytes[bytes.length >> 1] ^= 1;
        fs.writeFileSync(path, bytes);
      },
    ],
    ["may be written to by its group", (path) => fs.chmodSync(path, 0o620)],
    [
      "is a link",
      (path) => {
        fs.renameSync(path, `${path}.elsewhere`);
        fs.symlinkSync(`${path}.elsewhere`, path);
      },
    ],
    [
      "is a directory",
      (path) => {
        fs.rmSync(path);
        fs.mkdirSync(path);
      },
    ],
  ])("a library that %s is not loaded, but made anew", async (_what, damage) => {
    const one = place();
    expect(await one.answer(answering(7))).toBe(7);
    const other = fs.readFileSync(libraryIn(one));
    fs.rmSync(libraryIn(one));
    await one.answer();
    const path = libraryIn(one);
    const before = fs.readFileSync(path);
    damage(path, other);
    expect(await one.answer()).toBe(42);
    expect(one.compiles()).toBe(3);
    expect(fs.lstatSync(path).isFile()).toBe(true);
    expect(fs.readFileSync(path).equals(before)).toBe(true);
    expect(modeOf(path)).toBe(0o600);
    await one.answer();
    expect(one.compiles()).toBe(3);
  });

  test.each([
    "",
    "{",
    "null",
    '{"name":"gcc 1.2.3","tuning":0}',
    '{"name":"gcc 1.2.3","tuning":0,"hash":"00"}',
    `{"name":"gcc 1.2.3","tuning":0.5,"hash":"${"0".repeat(64)}"}`,
    `{"name":"gcc 1.2.3","tuning":"0","hash":"${"0".repeat(64)}"}`,
    `{"tuning":0,"hash":"${"0".repeat(64)}"}`,
    `{"name":"\\u001b[31mgcc","tuning":0,"hash":"${"0".repeat(64)}"}`,
  ])("what is kept of the compiler, damaged to %j, is asked anew", async (text) => {
    const one = place();
    await one.answer();
    const path = join(one.directory, one.kept(".json")[0]);
    const before = fs.readFileSync(path, "utf8");
    fs.writeFileSync(path, text);
    expect(await one.answer()).toBe(42);
    expect([one.calls().length, one.compiles()]).toEqual([7, 1]);
    expect(fs.readFileSync(path, "utf8")).toBe(before);
  });

  test("another CPU asks the compiler anew, and compiles anew if its features differ", async () => {
    const { answer, calls, compiles, env } = place();
    await answer();
    await answer(ANSWER, { cpu: "the same, under another name" });
    expect([calls().length, compiles()]).toEqual([7, 1]);
    const other = { cpu: "another", env: { ...env, FAKE_CPU: "__AVX1024__" } };
    expect(await answer(ANSWER, other)).toBe(42);
    expect([calls().length, compiles()]).toEqual([11, 2]);
    await answer(ANSWER, other);
    await answer();
    expect([calls().length, compiles()]).toEqual([11, 2]);
  });

  test("other flags ask and compile anew", async () => {
    const { answer, calls, compiles } = place();
    await answer();
    expect(await answer(ANSWER, { flags: ["-O1", "-shared", "-fPIC"] })).toBe(42);
    expect([calls().length, compiles()]).toEqual([8, 2]);
    expect(calls().at(-1)).toMatch(/^-O1 -shared -fPIC -m/);
  });

  test("another compiler in the same place compiles anew", async () => {
    const { answer, compiles, program } = place();
    await answer();
    fs.appendFileSync(program, "# newer\n");
    expect(await answer()).toBe(42);
    expect(compiles()).toBe(2);
  });
});

describe("a cache of native code", () => {
  test("keeps the 64 newest libraries, and those that are used stay new", () => {
    const directory = join(workspace(), "native");
    const cache = NativeCache.open(directory);
    if (typeof cache === "string") throw new Error(cache);
    const pathOf = (key: string): string | null => cache.find(key);
    const old = Date.now() / 1000 - 1e6;
    for (let i = 0; i < 64; i++) {
      const stored = cache.store(`key ${i}`, Buffer.from(`library ${i}`));
      if (typeof stored === "string") throw new Error(stored);
      fs.utimesSync(stored.path, old + i, old + i);
    }
    expect(pathOf("key 0")).not.toBeNull(); // used: now the newest
    cache.store("one more", Buffer.from("library"));
    cache.store("and another", Buffer.from("library"));
    const kept = fs.readdirSync(directory);
    expect(kept.filter((name) => name.endsWith(".so"))).toHaveLength(64);
    const found = Array.from({ length: 64 }, (_, i) => (pathOf(`key ${i}`) === null ? i : null));
    expect(found.filter((i) => i !== null)).toEqual([1, 2]);
    expect(pathOf("and another")).not.toBeNull();
  });

  test("keeps the 16 newest logs", () => {
    const directory = join(workspace(), "native");
    const cache = NativeCache.open(directory);
    if (typeof cache === "string") throw new Error(cache);
    for (let i = 0; i < 20; i++) expect(fs.existsSync(cache.log(`key ${i}`, "words")!)).toBe(true);
    expect(fs.readdirSync(directory)).toHaveLength(16);
  });

  test("removes old files of the kind only that it writes", () => {
    const directory = join(workspace(), "native");
    const cache = NativeCache.open(directory);
    if (typeof cache === "string") throw new Error(cache);
    for (let i = 0; i < 20; i++) fs.writeFileSync(join(directory, `key ${i}.log`), "words");
    for (let i = 0; i < 70; i++) fs.writeFileSync(join(directory, `key ${i}-hash.so`), "library");
    const count = (ending: string): number => fs.readdirSync(directory).filter((name) => name.endsWith(ending)).length;
    cache.keepCompiler("compiler", { name: "gcc 1.2.3", tuning: 0, hash: "" });
    expect([count(".so"), count(".log"), count(".json")]).toEqual([70, 20, 1]);
    cache.log("one more", "words");
    expect([count(".so"), count(".log"), count(".json")]).toEqual([70, 16, 1]);
    cache.store("one more", Buffer.from("library"));
    expect([count(".so"), count(".log"), count(".json")]).toEqual([64, 15, 1]); // its log is removed: it has compiled
  });
});
