import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import builtinFs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ownerTag } from "../../src/node/owner.ts";
import { PageCache } from "../../src/pages/cache.ts";
import type { CachedPage } from "../../src/pages/cache.ts";
import { Random } from "../../src/random.ts";
import { workspace } from "../setup/microgpt.ts";
import { LONG } from "../setup/place.ts";

const page = (body: string | Buffer, more: Partial<CachedPage> = {}): CachedPage => ({
  url: "https://a.example/",
  contentType: "text/html; charset=utf-8",
  etag: '"1"',
  lastModified: null,
  fetchedMs: 1_700_000_000_000,
  body: Buffer.from(body),
  ...more,
});

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
const modeOf = (path: string): number => fs.lstatSync(path).mode & 0o777;

/** 1,000 of them: every trick of a name, with numbers so that all differ. */
function hostileUrls(): string[] {
  const tricks = [
    (i: number) => `https://a.example/${"../".repeat(1 + (i % 40))}etc/passwd?${i}`,
    (i: number) => `https://a.example/${"..%2f".repeat(1 + (i % 40))}etc/passwd?${i}`,
    (i: number) => `../../../${i}`,
    (i: number) => `/etc/passwd/${i}`,
    (i: number) => `https://a.example/\u0000${i}`,
    (i: number) => `https://a.example/%00${i}`,
    (i: number) => `https://a.example/${"x".repeat(4096)}${i}`,
    (i: number) => `${["CON", "NUL", "aux.txt", "COM1", "LPT1"][i % 5]}${"/".repeat(i)}`,
    (i: number) => `https://a.example/Page${i}`,
    (i: number) => `https://a.example/page${i}`,
    (i: number) => `https://a.example/PAGE${i}`,
    (i: number) => `https://a.example/%2e%2e/${i}`,
    (i: number) => `https://a.example/%2E%2E/${i}`,
    (i: number) => `https://a.example/..\\..\\${i}`,
    (i: number) => `https://a.example/caf\u00e9${i}`,
    (i: number) => `https://a.example/cafe\u0301${i}`,
    (i: number) => `https://a.example/a:b*?"<>|${i}`,
    (i: number) => `https://a.example/${i}. `,
    (i: number) => `https://a.example/${i}.`,
    (i: number) => `file:///dev/null\n${i}`,
  ];
  return Array.from({ length: 50 }, (_, i) => tricks.map((trick) => trick(i))).flat();
}

test("1,000 hostile addresses: names are digits, nothing is outside, nothing collides, everything comes back", () => {
  const directory = join(workspace(), "deep", "cache");
  const cache = new PageCache(directory);
  const urls = hostileUrls();
  expect(new Set(urls).size).toBe(1000);
  for (const [i, url] of urls.entries()) cache.put(url, page(`body ${i}`, { url: `https://a.example/${i}` }));

  expect(fs.readdirSync(directory).toSorted()).toEqual(["bodies", "pages"]);
  expect(fs.readdirSync(join(directory, "..", ".."))).toEqual(["deep"]);
  for (const kind of ["bodies", "pages"]) {
    const names = fs.readdirSync(join(directory, kind));
    expect(names).toHaveLength(1000);
    expect(names.filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
    expect(new Set(names.map((name) => modeOf(join(directory, kind, name))))).toEqual(new Set([0o600]));
    expect(modeOf(join(directory, kind))).toBe(0o700);
  }
  expect(modeOf(directory)).toBe(0o700);

  const again = new PageCache(directory);
  for (const [i, url] of urls.entries()) {
    expect(again.get(url)).toEqual(page(`body ${i}`, { url: `https://a.example/${i}` }));
  }
});

test("a body lies under its own hash, once for all pages that have it", () => {
  const directory = workspace();
  const cache = new PageCache(directory);
  for (let i = 0; i < 5; i++) cache.put(`https://a.example/${i}`, page("the same"));
  expect(fs.readdirSync(join(directory, "bodies"))).toEqual([sha256("the same")]);
  expect(fs.readFileSync(join(directory, "bodies", sha256("the same")), "utf8")).toBe("the same");
});

test("bytes of every value, and none at all, come back as they were; the last one wins", () => {
  const cache = new PageCache(workspace());
  const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
  for (const body of [bytes, Buffer.alloc(0), Buffer.alloc(3_000_000, 7)]) {
    cache.put("https://a.example/", page(body, { contentType: null, etag: null, lastModified: "é\u0000\n😀" }));
    const found = cache.get("https://a.example/");
    expect(found?.body.equals(body)).toBe(true);
    expect([found?.contentType, found?.etag, found?.lastModified]).toEqual([null, null, "é\u0000\n😀"]);
  }
});

const URL_A = "https://a.example/a";
const URL_B = "https://a.example/b";

/** A cache of two pages, and where the files of the first lie. */
function twoPages(): { cache: PageCache; directory: string; files: Record<"pages" | "bodies", string> } {
  const directory = workspace();
  const cache = new PageCache(directory);
  cache.put(URL_A, page("the text of a", { url: URL_A }));
  const [entry] = fs.readdirSync(join(directory, "pages"));
  cache.put(URL_B, page("the text of b", { url: URL_B }));
  const files = { pages: join(directory, "pages", entry), bodies: join(directory, "bodies", sha256("the text of a")) };
  return { cache, directory, files };
}

type Damage = (path: string, others: { secret: string; other: string }) => void;

const DAMAGES: readonly (readonly [name: string, damage: Damage])[] = [
  [
    "tampered",
    (path) => {
      const bytes = fs.readFileSync(path);
      const at = bytes.indexOf("a.example") < 0 ? 0 : bytes.indexOf("a.example"); // in an entry: its key
      bytes[at] ^= 1;
      fs.writeFileSync(path, bytes);
    },
  ],
  ["truncated", (path) => fs.truncateSync(path, fs.statSync(path).size - 1)],
  ["longer", (path) => fs.appendFileSync(path, "x")],
  ["emptied", (path) => fs.truncateSync(path, 0)],
  ["gone", (path) => fs.rmSync(path)],
  ["made of zeros", (path) => fs.writeFileSync(path, Buffer.alloc(fs.statSync(path).size))],
  ["another page's", (path, { other }) => fs.copyFileSync(other, path)],
  [
    "a link to a copy of itself",
    (path, { secret }) => {
      fs.copyFileSync(path, `${secret}-copy`);
      fs.rmSync(path);
      fs.symlinkSync(`${secret}-copy`, path);
    },
  ],
  [
    "a link to a secret",
    (path, { secret }) => {
      fs.rmSync(path);
      fs.symlinkSync(secret, path);
    },
  ],
  [
    "a link to nowhere",
    (path) => {
      fs.rmSync(path);
      fs.symlinkSync("/nowhere/at/all", path);
    },
  ],
  [
    "a directory with something in it",
    (path) => {
      fs.rmSync(path);
      fs.mkdirSync(path);
      fs.writeFileSync(join(path, "file"), "x");
    },
  ],
];

describe("an entry that was changed is not believed, and put mends it (reliability 34)", () => {
  test.each(
    DAMAGES.flatMap(([name, damage]) => (["pages", "bodies"] as const).map((kind) => [kind, name, damage] as const)),
  )("%s: %s", (kind, _name, damage) => {
    const { cache, directory, files } = twoPages();
    expect(cache.get(URL_A)?.body.toString()).toBe("the text of a");
    const outside = workspace();
    const secret = join(outside, "secret");
    fs.writeFileSync(secret, "do not touch");
    const other = fs.readdirSync(join(directory, kind)).find((name) => !files[kind].endsWith(name)) ?? "";
    damage(files[kind], { secret, other: join(directory, kind, other) });

    expect(cache.get(URL_A)).toBe(null);
    expect(cache.get(URL_B)?.body.toString()).toBe("the text of b");

    cache.put(URL_A, page("the text of a", { url: URL_A }));
    expect(cache.get(URL_A)).toEqual(page("the text of a", { url: URL_A }));
    expect(fs.lstatSync(files[kind]).isFile()).toBe(true);
    expect(fs.readFileSync(secret, "utf8")).toBe("do not touch");
    expect(cache.get(URL_B)?.body.toString()).toBe("the text of b");
  });

  /** Every path that is opened from now on to the end of the test. */
  function openedPaths(): string[] {
    const opened: string[] = [];
    const { openSync } = builtinFs;
    const spy = vi.spyOn(builtinFs, "openSync").mockImplementation((path, ...rest) => {
      opened.push(String(path));
      return openSync(path, ...rest);
    });
    syncBuiltinESMExports();
    onTestFinished(() => {
      spy.mockRestore();
      syncBuiltinESMExports();
    });
    return opened;
  }

  test("what a hostile entry says is never followed", () => {
    const { cache, directory, files } = twoPages();
    fs.writeFileSync(join(directory, "secret"), "secret");
    const entry = JSON.parse(fs.readFileSync(files.pages, "utf8")) as Record<string, unknown>;
    const write = (changes: object): void => fs.writeFileSync(files.pages, JSON.stringify({ ...entry, ...changes }));
    write({});
    expect(cache.get(URL_A)?.body.toString()).toBe("the text of a");
    const length = "secret".length;
    const opened = openedPaths();
    const hostile: readonly object[] = [
      { body: "../secret", length },
      { body: "../../etc/passwd", length: fs.statSync("/etc/passwd").size },
      { body: join(directory, "secret"), length },
      { body: sha256("the text of a").toUpperCase() },
      { body: `${sha256("the text of a")}\n` },
      { body: `./${sha256("the text of a")}` },
      { body: [sha256("the text of a")] },
      { body: sha256("another") },
      { body: null },
      { key: URL_B },
      { key: null },
      { url: "no address" },
      { url: 7 },
      { url: { toString: "x" } },
      { contentType: 1 },
      { contentType: ["text/html"] },
      { etag: {} },
      { lastModified: false },
      { fetchedMs: "0" },
      { fetchedMs: null },
      { length: 12 },
      { length: "13" },
      { length: -1 },
      { length: 13.5 },
      { length: 1e15 },
      { length: 1e300 },
      { length: null },
    ];
    for (const changes of hostile) {
      write(changes);
      expect([changes, cache.get(URL_A)]).toEqual([changes, null]);
    }
    expect(opened.length).toBeGreaterThan(hostile.length);
    const inside = new Set(Object.values(files).concat(join(directory, "bodies", sha256("another"))));
    expect(opened.filter((path) => path !== "" && !inside.has(path))).toEqual([]);
  });

  test("nor is what is no entry at all", () => {
    const { cache, files } = twoPages();
    const good = fs.readFileSync(files.pages, "utf8");
    const texts = ["", "null", "[]", "7", '"x"', "{}", "{", "nul", `[${good}]`, `${good}${good}`, "[".repeat(60_000)];
    texts.push(`{"__proto__": ${good}}`, `{"constructor": ${good}}`, `${good}${" ".repeat(70_000)}`);
    for (const text of texts) {
      fs.writeFileSync(files.pages, text);
      expect([text.slice(0, 30), cache.get(URL_A)]).toEqual([text.slice(0, 30), null]);
    }
    expect(Object.keys({})).toEqual([]);
    fs.writeFileSync(files.pages, `${good.slice(0, -1)}, "__proto__": {"polluted": 1}}`);
    expect(cache.get(URL_A)).toEqual(page("the text of a", { url: URL_A }));
    expect("polluted" in {}).toBe(false);
  });
});

test("temporary files of processes that are gone go at the next start, others stay", async () => {
  const directory = workspace();
  const cache = new PageCache(directory);
  cache.put(URL_A, page("a"));
  const gone = fork("-e", [], { execArgv: [], stdio: "ignore" });
  await new Promise((done) => gone.on("exit", done));
  const tag = ownerTag();
  const nameOf = (pid: number | undefined): string => `.${"0".repeat(64)}.tmp-${tag.replace(/^\d+/, String(pid))}`;
  for (const kind of ["pages", "bodies"]) {
    for (const name of [nameOf(gone.pid), nameOf(process.pid)]) fs.writeFileSync(join(directory, kind, name), "x");
  }
  const again = new PageCache(directory);
  for (const kind of ["pages", "bodies"]) {
    const hidden = fs.readdirSync(join(directory, kind)).filter((name) => name.startsWith("."));
    expect(hidden).toEqual([nameOf(process.pid)]);
  }
  expect(again.get(URL_A)?.body.toString()).toBe("a");
});

const WORKERS = LONG ? 16 : 4;
const KEYS = LONG ? 200 : 25;
const KILLS = LONG ? 100 : 16;

test(
  `${WORKERS} processes on ${KEYS} pages, ${KILLS} of them killed: no page is torn or another's (reliability 35)`,
  { timeout: 600_000 },
  async () => {
    const directory = workspace();
    const script = fileURLToPath(new URL("cache-worker.mjs", import.meta.url));
    const module = fileURLToPath(new URL("../../dist/pages/cache.js", import.meta.url));
    const random = new Random(35);
    const errors: string[] = [];
    const start = async (
      worker: number,
      rounds: number,
    ): Promise<{ child: ChildProcess; ended: Promise<number | null>; output: () => string }> => {
      const child = fork(script, [module, directory, worker, KEYS, rounds].map(String), {
        execArgv: [],
        stdio: "pipe",
      });
      let output = "";
      child.stderr?.on("data", (text: Buffer) => errors.push(text.toString()));
      child.stdout?.on("data", (text: Buffer) => (output += text.toString()));
      const ended = new Promise<number | null>((done) => child.on("close", done));
      await new Promise((done) => child.on("message", done).on("close", done));
      return { child, ended, output: () => output };
    };
    let killed = 0;
    const victims = async (worker: number): Promise<void> => {
      while (killed < KILLS) {
        const { child, ended } = await start(worker, 1e9);
        await sleep(5 + random.randbelow(100));
        child.kill("SIGKILL");
        killed++;
        expect(await ended).toBe(null);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, (_, worker) => victims(worker)));
    expect(errors).toEqual([]);
    expect(killed).toBeGreaterThanOrEqual(KILLS);

    // One that nobody kills: it finds pages of the others, whole.
    const last = await start(WORKERS, KEYS);
    expect([await last.ended, errors]).toEqual([0, []]);
    expect(Number(last.output())).toBeGreaterThan(0);
    const all = ["pages", "bodies"].flatMap((kind) =>
      fs.readdirSync(join(directory, kind)).map((name) => [kind, name]),
    );
    expect(all.filter(([, name]) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
    const torn = all.filter(
      ([kind, name]) => kind === "bodies" && sha256(fs.readFileSync(join(directory, kind, name))) !== name,
    );
    expect(torn).toEqual([]);
    const cache = new PageCache(directory);
    const missing = Array.from({ length: KEYS }, (_, key) => `https://a.example/${key}`).filter(
      (url) => cache.get(url) === null,
    );
    expect(missing).toEqual([]);
  },
);
