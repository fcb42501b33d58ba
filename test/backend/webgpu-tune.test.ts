import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import type { Backend } from "../../src/tensor/backend.ts";
import { candidates, guess, TILES } from "../../src/backend/webgpu/tiles.ts";
import type { TileChoice, Shape } from "../../src/backend/webgpu/tiles.ts";
import { tuneTiles } from "../../src/backend/webgpu/tune.ts";
import { openTuning } from "../../src/run/tuning.ts";
import { workspace } from "../setup/microgpt.ts";

const SHAPES: readonly Shape[] = [
  { form: "linear", rows: 1000, columns: 512, depth: 128 },
  { form: "inputGrad", rows: 1000, columns: 128, depth: 512 },
  { form: "weightGrad", rows: 512, columns: 128, depth: 1000 },
];

/** The clock that the measurements read, in milliseconds; a busy machine does not move it. */
let clockMs = 0;

beforeEach(() => {
  const spy = vi.spyOn(performance, "now").mockImplementation(() => clockMs);
  return () => spy.mockRestore();
});

/** Backends on which the third candidate of each shape returns at once and all others take 5 ms. */
function fakeBackends(): { backendWith: (choice: TileChoice) => Backend; opened: TileChoice[] } {
  const opened: TileChoice[] = [];
  const backendWith = (choice: TileChoice): Backend => ({
    kind: "webgpu",
    name: "fake",
    align: 4,
    headAlign: 4,
    open: async (_, [program]) => {
      opened.push(choice);
      const [{ kernel }] = program.phases[0].sections[0].instructions;
      const form = kernel === "linear" ? 0 : kernel === "linearInputGrad" ? 1 : 2;
      const isFast = candidates(SHAPES[form])[2].tile === choice.tile;
      return await Promise.resolve({
        run: async () => {
          if (!isFast) clockMs += 5;
          return await Promise.resolve({ data: new Float32Array(), stride: 4 });
        },
        step: async () => await Promise.resolve({ loss: 0, applied: true }),
        read: async () => await Promise.resolve(new Float32Array()),
        write: async () => {},
        weightsChanged: async () => {},
        bytes: 0,
        close: () => undefined,
      });
    },
  });
  return { backendWith, opened };
}

test("the fastest of ten candidates is found for each shape, kept in a file, and not measured again", async () => {
  const path = join(workspace(), "caches", "gpu.json");
  const { backendWith, opened } = fakeBackends();
  const choose = await tuneTiles(backendWith, "a GPU", SHAPES, openTuning(path));
  for (const shape of SHAPES) expect(choose(shape)).toEqual(candidates(shape)[2]);
  expect(opened).toHaveLength(30);
  // A batch of similar size shares the result; another shape gets the estimate.
  expect(choose({ ...SHAPES[0], rows: 900 })).toEqual(candidates(SHAPES[0])[2]);
  const other: Shape = { form: "linear", rows: 64, columns: 27, depth: 16 };
  expect(choose(other)).toEqual(guess(other));
  const again = await tuneTiles(backendWith, "a GPU", SHAPES, openTuning(path));
  expect(opened).toHaveLength(30);
  for (const shape of SHAPES) expect(again(shape)).toEqual(choose(shape));
  await tuneTiles(backendWith, "another GPU", SHAPES, openTuning(path));
  expect(opened).toHaveLength(60);
});

test("a corrupt file counts as missing, and a file that cannot be written is ignored", async () => {
  const directory = workspace();
  const key = "a GPU; linear 1024 512 128";
  for (const value of ["[99,1]", "[1,0]", "[1,1", "{}", "[1,1000]"]) {
    const path = join(directory, "gpu.json");
    writeFileSync(path, JSON.stringify({ [key]: value }));
    const { backendWith, opened } = fakeBackends();
    await tuneTiles(backendWith, "a GPU", SHAPES.slice(0, 1), openTuning(path));
    expect(opened).toHaveLength(10);
  }
  writeFileSync(join(directory, "text.json"), "no JSON");
  mkdirSync(join(directory, "folder.json"));
  for (const name of ["text.json", "folder.json", "text.json/below.json"]) {
    const store = openTuning(join(directory, name));
    expect(store.get(key)).toBeNull();
    store.set(key, "[1,1]");
    expect(store.get(key)).toBe("[1,1]");
  }
  expect(TILES.length).toBeGreaterThan(10);
});
