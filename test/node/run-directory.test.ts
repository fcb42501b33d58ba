import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../src/training/checkpoint.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { InputError } from "../../src/errors.ts";
import { splitLines } from "../../src/text/dataset.ts";
import { BUNDLED_NAMES, TextSource } from "../../src/node/text.ts";
import { ownerTag } from "../../src/node/owner.ts";
import { Run } from "../../src/node/run-directory.ts";
import { stemOf } from "../../src/node/run-name.ts";
import { charTokenizer } from "../../src/text/tokenizers/char.ts";
import { OTHER_FORMATS } from "../reliability/hostile-files.ts";
import { workspace } from "../setup/microgpt.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { smallCheckpoint, smallModelBytes } from "../setup/sealed.ts";

const options = resolveOptions({ ...initialOptions(TRAIN_OPTIONS), keep: 2 });
const tokenizer = charTokenizer(["abcd"]);

/** A new, locked run named `run` in a directory of its own. */
function newRun(): { run: Run; path: string; checkpoints: string } {
  const run = Run.create(workspace(), "run", "stem", options, tokenizer);
  return { run, path: run.path, checkpoints: join(run.path, "checkpoints") };
}

const messageOf = async (work: () => Promise<unknown>): Promise<string> => {
  const error: unknown = await work().then(
    () => null,
    (refusal: unknown) => refusal,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
};

describe("checkpoints", () => {
  test("the newest are kept, as many as asked, and the best beside them", async () => {
    const { run, checkpoints } = newRun();
    const checkpoint = await smallCheckpoint();
    for (const step of [10, 20, 30, 40, 50]) {
      const best = { step: step >= 20 ? 20 : 10, heldOutLoss: 1 };
      await run.saveCheckpoint({ ...checkpoint, progress: { ...checkpoint.progress, step, best } });
    }
    expect(fs.readdirSync(checkpoints).toSorted()).toEqual(
      ["000020", "000040", "000050"].map((step) => `step-${step}.safetensors`),
    );
    expect((await run.loadCheckpoint(() => {}))?.progress.step).toBe(50);
  });

  test("steps beyond a million are still the newest", async () => {
    const { run } = newRun();
    const checkpoint = await smallCheckpoint();
    for (const step of [999_999, 1_000_000]) {
      await run.saveCheckpoint({ ...checkpoint, progress: { ...checkpoint.progress, step } });
    }
    expect((await run.loadCheckpoint(() => {}))?.progress.step).toBe(1_000_000);
  });

  test.skipIf(process.platform === "win32")(
    "behind a symbolic link nothing is removed, and a resumed run says so",
    async () => {
      const { run, checkpoints } = newRun();
      const elsewhere = workspace();
      const dead = `.step-000001.safetensors.tmp-${ownerTag().replace(/^\d+/, "999999999")}`;
      const others = ["step-000000.safetensors", "step-000001.safetensors", dead];
      for (const name of others) fs.writeFileSync(join(elsewhere, name), "of another run");
      fs.rmSync(checkpoints, { recursive: true });
      fs.symlinkSync(elsewhere, checkpoints);
      const checkpoint = await smallCheckpoint();
      for (const step of [10, 20, 30]) {
        await run.saveCheckpoint({ ...checkpoint, progress: { ...checkpoint.progress, step, best: null } });
      }
      run.close();
      run.lock();
      const saved = [10, 20, 30].map((step) => `step-0000${step}.safetensors`);
      expect(fs.readdirSync(elsewhere).toSorted()).toEqual([...others, ...saved].toSorted());
      const warnings: string[] = [];
      expect((await run.loadCheckpoint((message) => warnings.push(message)))?.progress.step).toBe(30);
      expect(warnings).toEqual([expect.stringMatching(/checkpoints is a symbolic link: no old checkpoint is removed/)]);
    },
  );

  test("a damaged one is passed over for the one before, with a word", async () => {
    const { run, checkpoints } = newRun();
    const checkpoint = await smallCheckpoint();
    for (const step of [10, 20])
      await run.saveCheckpoint({ ...checkpoint, progress: { ...checkpoint.progress, step } });
    const newest = join(checkpoints, "step-000020.safetensors");
    const bytes = fs.readFileSync(newest);
    bytes[bytes.length >> 1] ^= 1;
    fs.writeFileSync(newest, bytes);
    const warnings: string[] = [];
    expect((await run.loadCheckpoint((warning) => warnings.push(warning)))?.progress.step).toBe(10);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/step-000020\.safetensors is skipped \(checksum: the bytes are not what was written/);
  });

  test("where none is whole the run can't go on, and where none is yet it begins anew", async () => {
    const { run, checkpoints } = newRun();
    expect(await run.loadCheckpoint(() => {})).toBeNull();
    fs.writeFileSync(join(checkpoints, "step-000010.safetensors"), "garbage");
    expect(await messageOf(() => run.loadCheckpoint(() => {}))).toMatch(/has no intact checkpoint/);
  });

  test("files of other names are none of ours: never read, never removed", async () => {
    const { run, checkpoints } = newRun();
    for (const name of ["step-1.safetensors", "notes.txt", "step-000001.safetensors.bak"]) {
      fs.writeFileSync(join(checkpoints, name), "mine");
    }
    await run.saveCheckpoint(await smallCheckpoint());
    expect(fs.readdirSync(checkpoints)).toHaveLength(4);
  });

  test("without its lock a run is not written to", async () => {
    const { run, path } = newRun();
    fs.rmSync(join(path, ".lock"));
    expect(await messageOf(async () => run.saveCheckpoint(await smallCheckpoint()))).toMatch(
      /its lock is gone, so it was deleted or taken over; the training stops$/,
    );
  });

  test("a write that fails leaves no part of a file, and says what it needed", async () => {
    const { run, checkpoints } = newRun();
    fs.rmSync(checkpoints, { recursive: true });
    const message = await messageOf(async () => run.saveCheckpoint(await smallCheckpoint()));
    expect(message).toMatch(/^cannot write \S*step-000002\.safetensors: there is no such file \(ENOENT\)$/);
    fs.writeFileSync(checkpoints, "in the way");
    expect(await messageOf(async () => run.saveCheckpoint(await smallCheckpoint()))).toMatch(/\(ENOTDIR\)$/);
    expect(fs.readdirSync(run.path).filter((name) => name.includes("tmp"))).toEqual([]);
  });
});

describe("model.safetensors", () => {
  /** A run that is complete but for its model. */
  function runWithModel(): { run: Run; model: string } {
    const { run, path } = newRun();
    return { run, model: join(path, "model.safetensors") };
  }

  test("every truncation and every flipped byte is noticed, on the disk", async () => {
    const { run, model } = runWithModel();
    const bytes = await smallModelBytes(await sha256(run.tokenizerText));
    fs.writeFileSync(model, bytes);
    expect((await run.loadModel()).step).toBe(2);
    for (let place = 0; place < bytes.length; place++) {
      fs.writeFileSync(model, bytes.subarray(0, place));
      expect(await messageOf(() => run.loadModel())).toMatch(/^\S*model\.safetensors: /);
      const damaged = bytes.slice();
      damaged[place] ^= 0xff;
      fs.writeFileSync(model, damaged);
      expect(await messageOf(() => run.loadModel())).toMatch(/^\S*model\.safetensors: /);
    }
  });

  test.each(OTHER_FORMATS)("$name is refused by name after its first bytes", async ({ bytes, error }) => {
    const { run, model } = runWithModel();
    fs.writeFileSync(model, bytes);
    fs.truncateSync(model, 2 ** 40); // a terabyte of nothing behind: nobody could read it all
    expect(await messageOf(() => run.loadModel())).toMatch(
      new RegExp(error.source.replace(", which microgpt never opens", "")),
    );
  });

  test("a sparse file of a terabyte is refused for its size, unread", async () => {
    const { run, model } = runWithModel();
    fs.writeFileSync(model, await smallModelBytes());
    fs.truncateSync(model, 2 ** 40);
    expect(await messageOf(() => run.loadModel())).toMatch(/has 1099511627776 bytes; at most 1073741824 can be read/);
  });

  const special: readonly (readonly [string, (path: string) => void, RegExp])[] = [
    ["missing", () => {}, /cannot read \S*model\.safetensors: there is no such file \(ENOENT\)/],
    ["a directory", (path) => fs.mkdirSync(path), /is a directory, not a file/],
    ["a pipe (which must not be waited for)", (path) => spawnSync("mkfifo", [path]), /is a pipe, not a file/],
    ["a link to a device", (path) => fs.symlinkSync("/dev/zero", path), /is a device, not a file/],
    ["a link to itself", (path) => fs.symlinkSync(path, path), /its symbolic links form a loop \(ELOOP\)/],
    ["a link to nowhere", (path) => fs.symlinkSync("/nowhere/at/all", path), /there is no such file/],
    ["empty", (path) => fs.writeFileSync(path, ""), /it has 0 bytes, expected at least 8, the header length/],
  ];

  test.each(special)("that is %s is refused", async (_name, make, expected) => {
    const { run, model } = runWithModel();
    make(model);
    expect(await messageOf(() => run.loadModel())).toMatch(expected);
  });

  test("that is a socket is refused", async () => {
    const { run, model } = runWithModel();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(model, resolve));
    expect(await messageOf(() => run.loadModel())).toMatch(/is a socket, not a file/);
    server.close();
  });

  test("of another tokenizer than the one beside it is refused", async () => {
    const { run, model } = runWithModel();
    fs.writeFileSync(model, await smallModelBytes());
    expect(await messageOf(() => run.loadModel())).toMatch(/the tokenizer\.json beside it is not the one it was/);
  });
});

describe("config.json and tokenizer.json", () => {
  test.each(["config.json", "tokenizer.json"])("%s cut at any length is refused in words", (name) => {
    const { run, path } = newRun();
    run.close();
    const file = join(path, name);
    const text = fs.readFileSync(file, "utf8").trimEnd();
    for (let length = 0; length < text.length; length++) {
      fs.writeFileSync(file, text.slice(0, length));
      expect(() => Run.open(path)).toThrow(InputError);
    }
    fs.writeFileSync(file, text);
    expect(Run.open(path).options).toEqual(options);
  });

  test.each([
    ["[]", /config\.json is not a run's config/],
    ['{"format":"other"}', /config\.json is not a run's config/],
    ['{"format":"microgpt-run","version":2}', /version "2" is not 1; update microgpt/],
    ['{"format":"microgpt-run","version":1}', /is damaged: it has no options/],
    ['{"format":"microgpt-run","version":1,"options":{"nEmbd":0}}', /--n-embd: expected a whole number from 1/],
    ['{"format":"microgpt-run","version":1,"options":{"nembd":1}}', /"nembd" is not an option/],
    ['{"format":"microgpt-run","version":1,"options":{"__proto__":{"polluted":1}}}', /"__proto__" is not an option/],
  ])("a config of %s is refused", (text, expected) => {
    const { run, path } = newRun();
    run.close();
    fs.writeFileSync(join(path, "config.json"), text);
    expect(() => Run.open(path)).toThrow(expected);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("names", () => {
  test("a run is named after its first file, safely", () => {
    expect(stemOf([])).toBe("names");
    expect(stemOf(["/a/b/poems.txt", "other.txt"])).toBe("poems");
    expect(stemOf(["..hidden file!.txt"])).toBe("hidden-file-");
    expect(stemOf(["---.txt"])).toBe("run");
  });

  test("a half-made run of a process that is gone is cleared away; one of another container or host is not", () => {
    const directory = workspace();
    const [pid, start, place, random] = ownerTag().split("-");
    const nameOf = (...tag: unknown[]): string => `.new-run-${tag.join("-")}`;
    const dead = nameOf(999_999_999, start, place, random);
    const [far, farAndOld] = ["00000000", "11111111"].map((other) => nameOf(pid, start, other, random));
    const ofOldVersion = nameOf(999_999_999, 1);
    for (const name of [dead, far, farAndOld, ofOldVersion]) {
      fs.mkdirSync(join(directory, name, "checkpoints"), { recursive: true });
    }
    const longAgo = new Date(Date.now() - 25 * 3_600_000);
    fs.utimesSync(join(directory, farAndOld), longAgo, longAgo);
    Run.create(directory, null, "stem", options, tokenizer).close();
    expect(fs.readdirSync(directory).toSorted()).toEqual([far, ofOldVersion, "stem-1"].toSorted());
  });

  test.each([
    ["n".repeat(254), "n".repeat(110)],
    [`${"ä".repeat(120)}.txt`, "ä".repeat(55)],
    ["家".repeat(85), "家".repeat(36)],
    ["𠀀".repeat(63), "𠀀".repeat(27)],
  ])("a run of a file of a long name, %s, has a name that fits", (file, stem) => {
    expect(stemOf([file])).toBe(stem);
    const directory = workspace();
    const run = Run.create(directory, null, stemOf([file]), options, tokenizer);
    run.close();
    expect(run.path).toBe(join(directory, `${stem}-1`));
  });

  test.each([
    ["n".repeat(101), "101 characters, 101 bytes"],
    ["家".repeat(86), "86 characters, 258 bytes"],
  ])("--name %s is refused in a sentence", (name, size) => {
    const directory = workspace();
    const expected = new RegExp(
      String.raw`^--name: "[^"]*" \(${size}\) is too long for a directory \(at most 100 .*\); choose a shorter name$`,
    );
    expect(() => Run.create(directory, name, "stem", options, tokenizer)).toThrow(expected);
    expect(fs.readdirSync(directory)).toEqual([]);
  });
});

test("the bundled data is what is read without --data: 8,403 distinct names", () => {
  const names = splitLines(TextSource.file(BUNDLED_NAMES).text());
  expect(names).toHaveLength(8403);
  expect(new Set(names).size).toBe(8403);
  expect(names.every((name) => /^[a-z]{2,}$/.test(name))).toBe(true);
});
