import { describe, expect, test, vi } from "vitest";
import { RunStore } from "../../playground/storage/run-store.ts";
import { faultOf } from "../../playground/storage/stored.ts";
import type { Stored } from "../../playground/storage/stored.ts";
import type { RunFiles } from "../../src/index.ts";
import { FakeDirectory, FakeDisk, FakeFile } from "./fake-opfs.ts";

function valueOf<Value>(result: Stored<Value>): Value {
  if (!result.ok) expect.fail(`${result.fault}: ${result.message}`);
  return result.value;
}

const openStore = async (disk: FakeDisk): Promise<RunStore> => valueOf(await RunStore.open(disk.handle));

/** A run as it is after some steps: other bytes, and another checkpoint's name. */
const filesAt = (step: number): RunFiles =>
  new Map([
    ["config.json", new TextEncoder().encode(`{"step": ${step}}`)],
    [`checkpoints/step-${String(step).padStart(6, "0")}.safetensors`, new Uint8Array(1000 + step).fill(step)],
    ["pages/0001.txt", new TextEncoder().encode("ada\ngrace")],
    ["pages/empty.txt", new Uint8Array(0)],
  ]);

const RUN = { id: "a-1", title: "names", step: 1, numSteps: 9 };

describe("a saved run", () => {
  test("loads back in another tab, byte for byte", async () => {
    const disk = new FakeDisk();
    valueOf(await (await openStore(disk)).save(RUN, filesAt(1)));
    expect(valueOf(await (await openStore(disk)).load("a-1"))).toEqual(filesAt(1));
  });

  test("replaces the run's last save, whose bytes are freed", async () => {
    const disk = new FakeDisk();
    const store = await openStore(disk);
    for (const step of [1, 2, 3]) valueOf(await store.save({ ...RUN, step }, filesAt(step)));
    expect(valueOf(await store.load("a-1"))).toEqual(filesAt(3));
    expect(disk.root.bytes).toBeLessThan(2 * 1003);
  });

  test("is in the list with its title, step and size, the newest first; the last one loads", async () => {
    const now = vi.spyOn(Date, "now");
    const store = await openStore(new FakeDisk());
    for (const [i, id] of ["b", "c", "a"].entries()) {
      now.mockReturnValue(1000 * (i + 1));
      valueOf(await store.save({ id, title: id.toUpperCase(), step: i, numSteps: 9 }, filesAt(i)));
    }
    now.mockRestore();
    const size = [...filesAt(2).values()].reduce((sum, { length }) => sum + length, 0);
    const runs = valueOf(await store.list());
    expect(runs.map(({ id }) => id)).toEqual(["a", "c", "b"]);
    expect(runs[0]).toEqual({ id: "a", title: "A", step: 2, numSteps: 9, savedMs: 3000, bytes: size });
    expect(valueOf(await store.loadLast())).toEqual({ run: runs[0], files: filesAt(2) });
  });

  test("is gone once deleted, and deleting it again is no fault", async () => {
    const disk = new FakeDisk();
    const store = await openStore(disk);
    valueOf(await store.save(RUN, filesAt(1)));
    valueOf(await store.delete("a-1"));
    valueOf(await store.delete("a-1"));
    expect(await store.load("a-1")).toMatchObject({ ok: false, fault: "missing" });
    expect(await store.loadLast()).toMatchObject({ ok: false, fault: "missing" });
    expect(disk.root.bytes).toBe(0);
  });

  test.each(["", "../x", "A", "a/b", "x".repeat(65)])("cannot have the id %j", async (id) => {
    const store = await openStore(new FakeDisk());
    await expect(store.save({ ...RUN, id }, filesAt(1))).rejects.toThrow(/^id: got .*, expected/);
  });
});

describe("the last good save stays", () => {
  test("when the tab is closed before any operation of the next one; which then leaves nothing behind", async () => {
    let isSaved = false;
    let kept = 0;
    for (let operations = 0; !isSaved; operations++) {
      const disk = new FakeDisk();
      valueOf(await (await openStore(disk)).save(RUN, filesAt(1)));
      const store = await openStore(disk);
      disk.operationsLeft = operations;
      isSaved = (await store.save({ ...RUN, step: 2 }, filesAt(2))).ok && disk.operationsLeft >= 0;
      disk.operationsLeft = Number.POSITIVE_INFINITY;

      const again = await openStore(disk);
      const loaded = valueOf(await again.load("a-1"));
      const step = valueOf(await again.list())[0].step;
      expect([1, 2]).toContain(step);
      expect(loaded).toEqual(filesAt(step));
      kept += step === 1 ? 1 : 0;

      valueOf(await again.save({ ...RUN, step: 3 }, filesAt(3)));
      const folder = (disk.root.entries.get("runs") as FakeDirectory).entries.get("a-1") as FakeDirectory;
      expect([...folder.entries.keys()].toSorted()).toEqual(["pointer.json", expect.stringMatching(/^save-/)]);
    }
    expect(kept).toBeGreaterThan(15);
  });

  test("when the disk is full, wherever it fills up; the sentence says so", async () => {
    const whole = 2 * (1002 + 100) + 600;
    let faults = 0;
    for (let capacity = 1300; capacity < whole; capacity += 61) {
      const disk = new FakeDisk();
      const store = await openStore(disk);
      valueOf(await store.save(RUN, filesAt(1)));
      disk.capacity = capacity;
      const result = await store.save({ ...RUN, step: 2 }, filesAt(2));
      if (!result.ok) {
        faults++;
        expect(result).toEqual({
          ok: false,
          fault: "full",
          message:
            "The browser has no room for this run (0.0 MB). The save of step 1 is kept; delete a saved run, or download this one.",
        });
      }
      expect(valueOf(await store.load("a-1"))).toEqual(filesAt(result.ok ? 2 : 1));
      disk.capacity = Number.POSITIVE_INFINITY;
      expect(disk.root.bytes).toBeLessThan(1600); // what was written in vain is gone
    }
    expect(faults).toBeGreaterThan(5);
  });

  test("and where there is none, the sentence says that, too", async () => {
    const disk = new FakeDisk();
    disk.capacity = 500;
    expect(await (await openStore(disk)).save(RUN, filesAt(1))).toMatchObject({
      ok: false,
      fault: "full",
      message: expect.stringContaining("Nothing of it is saved") as string,
    });
  });
});

describe("a fault is a sentence:", () => {
  test.each([
    ["a browser without such a file system", () => Promise.reject(new TypeError("x is not a function"))],
    ["a private window", () => Promise.reject(new DOMException("no", "SecurityError"))],
  ])("%s", async (_, root) => {
    expect(await RunStore.open(root)).toEqual({
      ok: false,
      fault: "refused",
      message:
        "This browser does not let the page store anything, so a reload starts anew; download the run to keep it.",
    });
  });

  test("a browser that cannot write", async () => {
    const disk = new FakeDisk();
    const store = await openStore(disk);
    const createWritable = vi.spyOn(FakeFile.prototype, "createWritable");
    Object.assign(FakeFile.prototype, { createWritable: undefined });
    const result = await store.save(RUN, filesAt(1));
    createWritable.mockRestore();
    expect(result).toMatchObject({ ok: false, fault: "refused" });
  });

  test("another failure, with the browser's own words", async () => {
    const disk = new FakeDisk();
    const store = await openStore(disk);
    disk.operationsLeft = 0;
    const message = "The browser's storage failed: the tab is closed.";
    expect(await store.save(RUN, filesAt(1))).toEqual({ ok: false, fault: "failed", message });
    expect(await store.list()).toEqual({ ok: false, fault: "failed", message });
    expect(await store.load("a-1")).toEqual({ ok: false, fault: "failed", message });
    expect(await store.delete("a-1")).toEqual({ ok: false, fault: "failed", message });
  });

  test.each([
    [
      "cut off",
      (save: FakeDirectory) => void ((save.entries.get("config.json") as FakeFile).content = new Uint8Array(1)),
    ],
    ["missing", (save: FakeDirectory) => void save.entries.delete("config.json")],
  ])("a file is %s, and the run before it is the last", async (_, damage) => {
    const disk = new FakeDisk();
    const store = await openStore(disk);
    valueOf(await store.save({ ...RUN, id: "older" }, filesAt(4)));
    valueOf(await store.save(RUN, filesAt(1)));
    const folder = (disk.root.entries.get("runs") as FakeDirectory).entries.get("a-1") as FakeDirectory;
    damage([...folder.entries.values()].find((entry) => entry instanceof FakeDirectory)!);
    expect(await store.load("a-1")).toEqual({
      ok: false,
      fault: "damaged",
      message: "The saved run is damaged: a file of it is missing or cut off.",
    });
    expect(valueOf(await store.loadLast()).run.id).toBe("older");
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '{"format":"microgpt-saved-run","version":2}',
    '{"format":"microgpt-saved-run","version":1,"run":{}}',
  ])("a pointer %j of another page's", async (text) => {
    const disk = new FakeDisk();
    const store = await openStore(disk);
    valueOf(await store.save(RUN, filesAt(1)));
    const folder = (disk.root.entries.get("runs") as FakeDirectory).entries.get("a-1") as FakeDirectory;
    (folder.entries.get("pointer.json") as FakeFile).content = new TextEncoder().encode(text);
    expect(await store.load("a-1")).toMatchObject({ ok: false, fault: "damaged" });
    expect(valueOf(await store.list())).toEqual([]);
    valueOf(await store.save(RUN, filesAt(2)));
    expect(valueOf(await store.load("a-1"))).toEqual(filesAt(2));
  });
});

test.each([
  [new DOMException("", "QuotaExceededError"), "full"],
  [new DOMException("", "NotFoundError"), "missing"],
  [new DOMException("", "NotAllowedError"), "refused"],
  [new Error("x"), "failed"],
  ["x", "failed"],
  [null, "failed"],
])("%s is %s", (error, kind) => {
  expect(faultOf(error)).toBe(kind);
});
