import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import * as fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { MAX_UNPACKED_BYTES, unzipRun, zipRun } from "../../playground/storage/run-zip.ts";
import { createTrainer, decodeRun, InputError } from "../../src/index.ts";
import { readRunFiles } from "../../src/node/run-files.ts";
import { microgptHere, trained, workspace } from "../setup/microgpt.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A run trained half-way in memory, as in a page, and the held-out loss that it has at its end. */
async function halfTrained(): Promise<{ files: ReadonlyMap<string, Uint8Array>; lossAtEnd: number }> {
  const words = Array.from({ length: 40 }, (_, i) => `${"abcdefgh"[i % 8]}${"klmno"[Math.floor(i / 8)]}a`);
  const options = { nEmbd: 4, nHead: 2, blockSize: 8, numSteps: 30, evalInterval: 10, batchSize: 4, strictMath: true };
  const trainer = await createTrainer([words.join("\n")], options);
  try {
    while (trainer.progress.step < 15) await trainer.step();
    const files = await trainer.files();
    await trainer.run();
    return { files, lossAtEnd: (await trainer.model()).heldOutLoss ?? Number.NaN };
  } finally {
    trainer.close();
  }
}

function writeFiles(directory: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    mkdirSync(join(directory, dirname(path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
}

/** Every file below a directory, by its path. */
function readFiles(directory: string): ReadonlyMap<string, Uint8Array> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(
    paths.map((path) => [relative(directory, path).replaceAll("\\", "/"), new Uint8Array(readFileSync(path))]),
  );
}

const has = (program: string): boolean => spawnSync(program, ["-v"]).status === 0;

describe("a run as a .zip", () => {
  test("a run trained in memory is packed, unpacked to the disk, and microgpt resume trains it to its end", async () => {
    const { files: trainedFiles, lossAtEnd } = await halfTrained();
    const { name, files } = unzipRun(zipRun(trainedFiles, "from-the-page"));
    expect(name).toBe("from-the-page");
    const run = join(workspace(), name);
    writeFiles(run, files);
    const resumed = await microgptHere(["resume", run]);
    expect(resumed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(readFileSync(join(run, "result.json"), "utf8"))).toMatchObject({
      measured: [{ step: 30, heldOutLoss: lossAtEnd }],
    });
    expect(readFileSync(join(run, "metrics.jsonl"), "utf8")).toMatch(/^\{[^}]*"step":16,/);
  });

  test.skipIf(!has("unzip"))("unzip unpacks the same bytes (skipped where unzip is missing)", async () => {
    const directory = workspace();
    const { files } = await halfTrained();
    writeFileSync(join(directory, "run.zip"), zipRun(files, "run"));
    expect(spawnSync("unzip", ["-q", "run.zip"], { cwd: directory, encoding: "utf8" })).toMatchObject({ status: 0 });
    expect(readFiles(join(directory, "run"))).toEqual(new Map(files));
  });

  test.skipIf(!has("zip"))("a run directory packed by zip -r loads back (skipped where zip is missing)", async () => {
    const { run, directory } = trained();
    const packed = spawnSync("zip", ["-qr", "run.zip", "run"], { cwd: directory, encoding: "utf8" });
    expect(packed).toMatchObject({ status: 0 });
    const { name, files } = unzipRun(new Uint8Array(readFileSync(join(directory, "run.zip"))));
    expect(name).toBe("run");
    for (const [path, bytes] of readRunFiles(run)) expect({ path, bytes: files.get(path) }).toEqual({ path, bytes });
    expect((await decodeRun(files)).checkpoint?.progress.step).toBe(30);
  });

  test("the same files are the same bytes, whenever they are packed", async () => {
    const files = new Map([["config.json", bytesOf("{}")]]);
    const first = zipRun(files);
    expect(zipRun(new Map(files))).toEqual(first);
    expect(new Date("1980-01-01T00:00:00").getTime()).toBeLessThan(Date.now()); // the date inside is this one
    const view = new DataView(first.buffer);
    expect([view.getUint16(10, true), view.getUint16(12, true)]).toEqual([0, 0x21]); // 00:00:00, 1 January 1980
  });

  test("whatever the files are, unpacking gives them back", () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,8}\.(?:json|txt|safetensors)$/);
    const path = fc.oneof(
      name,
      name.map((file) => `pages/${file}`),
    );
    const content = fc.dictionary(path, fc.uint8Array({ maxLength: 300 }), { maxKeys: 6, noNullPrototype: true });
    fc.assert(
      fc.property(content, fc.constantFrom("", "run", "a/b"), (entries, folder) => {
        const files = new Map([...Object.entries(entries), ["config.json", bytesOf("{}")] as const]);
        expect(unzipRun(zipRun(files, folder)).files).toEqual(files);
      }),
    );
  });
});

const CONFIG = { "config.json": bytesOf("{}") };

describe("a .zip of anybody's", () => {
  test.each([
    ["../../evil.txt", /leads out of its folder/],
    ["/etc/passwd", /leads out of its folder/],
    ["run/../../evil.txt", /leads out of its folder/],
    ["C:\\evil.txt", /leads out of its folder/],
    ["run\\..\\evil.txt", /leads out of its folder/],
    ["a//b", /leads out of its folder/],
    ["a\u0000b", /leads out of its folder/],
    ["other/config.json", /2 runs in it/],
  ])("with a file %j is refused", (path, message) => {
    const zip = zipSync({ ...CONFIG, [path]: bytesOf("evil") });
    expect(() => unzipRun(zip)).toThrow(InputError);
    expect(() => unzipRun(zip)).toThrow(message);
  });

  test("files beside the run's folder and hidden files are left out", () => {
    const zip = zipSync({
      "mine/config.json": CONFIG["config.json"],
      "mine/.lock": bytesOf("4711"),
      "mine/checkpoints/.step.tmp": bytesOf("half"),
      "mine/tokenizer.json": bytesOf("[]"),
      "__MACOSX/mine/x.json": bytesOf("x"),
    });
    expect([...unzipRun(zip).files.keys()]).toEqual(["config.json", "tokenizer.json"]);
  });

  /** Overwrites a field of every entry in the central directory; 20 is the packed size, 24 the unpacked one. */
  function claim(zip: Uint8Array, offset: number, value: number): Uint8Array {
    const [changed, view] = [zip.slice(), new DataView(zip.slice().buffer)];
    for (let i = 0; i + 46 < zip.length; i++) {
      if (view.getUint32(i, true) === 0x02014b50) new DataView(changed.buffer).setUint32(i + offset, value, true);
    }
    return changed;
  }

  test("that would unpack to more than the limit is refused before it takes the memory", () => {
    const thirty = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}.bin`, new Uint8Array(100_000)]));
    const zip = claim(claim(zipSync({ ...CONFIG, ...thirty }), 20, 2 ** 20), 24, MAX_UNPACKED_BYTES / 20);
    expect(() => unzipRun(zip)).toThrow(/unpacks to too many bytes; at most 1024 MiB are taken/);
  });

  test("whose small file claims to be larger than deflate can make it is refused", () => {
    const zip = claim(zipSync({ ...CONFIG, "a.bin": new Uint8Array(1000) }), 24, 2 ** 29);
    expect(() => unzipRun(zip)).toThrow(/too many bytes/);
  });

  test("whose stored files claim to be smaller than they are is refused", () => {
    const zip = claim(zipSync({ ...CONFIG, "a.bin": new Uint8Array(1000) }, { level: 0 }), 24, 0);
    expect(() => unzipRun(zip)).toThrow(/too many bytes/);
  });

  test("with the same path twice is refused", () => {
    const zip = zipSync({ "config.json": bytesOf("{}"), "config.jsom": bytesOf("{}") }, { level: 0 });
    const text = Buffer.from(zip).toString("latin1").replaceAll("config.jsom", "config.json");
    expect(() => unzipRun(new Uint8Array(Buffer.from(text, "latin1")))).toThrow(/two files of the same path/);
  });

  test("with more files than a run has is refused", () => {
    const many = Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [`${i}`, new Uint8Array(0)]));
    expect(() => unzipRun(zipSync(many, { level: 0 }))).toThrow(/more than 20000 files/);
  });

  test("without a run, or that is no .zip at all, is refused in a sentence", () => {
    expect(() => unzipRun(zipSync({ "a.txt": bytesOf("a") }))).toThrow("the .zip has no run in it: no config.json");
    for (const bytes of [new Uint8Array(0), bytesOf("%PDF-1.7"), new Uint8Array(100)]) {
      expect(() => unzipRun(bytes)).toThrow("the file is not a .zip, or is damaged or encrypted");
    }
  });

  test("damaged anywhere, gives files or a sentence, never another error", () => {
    const zip = zipSync({ "run/config.json": bytesOf("{}".padEnd(500)), "run/a.txt": bytesOf("a".repeat(999)) });
    fc.assert(
      fc.property(fc.nat(zip.length - 1), fc.nat(255), fc.nat(zip.length), (at, value, length) => {
        const damaged = zip.slice(0, at % 3 === 0 ? length : zip.length);
        if (at < damaged.length) damaged[at] = value;
        try {
          expect(unzipRun(damaged).files.has("config.json")).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
