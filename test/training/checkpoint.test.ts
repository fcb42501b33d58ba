import { describe, expect, test } from "vitest";
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel, sha256 } from "../../src/training/checkpoint.ts";
import { InputError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { decodeSafetensors } from "../../src/training/safetensors.ts";
import { byExtent } from "../setup/place.ts";
import { resealed, smallCheckpoint, smallCheckpointBytes, smallModelBytes } from "../setup/sealed.ts";

const DAMAGE = { tags: ["damage"] };

test("a checkpoint comes back as it went: every number, the progress, the generator", async () => {
  const checkpoint = await smallCheckpoint();
  const bytes = await encodeCheckpoint(checkpoint);
  const copy = await decodeCheckpoint(bytes);
  expect(copy).toEqual(checkpoint);
  expect(await encodeCheckpoint(copy)).toEqual(bytes); // and nothing in it depends on the time
});

test("a checkpoint of before steps could be skipped has none that were", async () => {
  const bytes = resealed(await smallCheckpointBytes(), ({ __metadata__: metadata }) => {
    const { skipped, skippedInARow, ...old } = JSON.parse(metadata.progress) as Record<string, unknown>;
    expect([skipped, skippedInARow]).toEqual([0, 0]);
    metadata.progress = JSON.stringify(old);
  });
  expect(await decodeCheckpoint(bytes)).toEqual(await smallCheckpoint());
});

test("a checkpoint remembers how many steps were skipped, in all and in a row", async () => {
  const checkpoint = await smallCheckpoint(9);
  checkpoint.progress.skipped = 3;
  checkpoint.progress.skippedInARow = 2;
  expect((await decodeCheckpoint(await encodeCheckpoint(checkpoint))).progress).toEqual(checkpoint.progress);
});

test("a model comes back as it went, in its own precision", async () => {
  const { state, ...origin } = await smallCheckpoint();
  const float32 = new Map(
    [...state.weights].map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]),
  );
  for (const weights of [state.weights, float32]) {
    const { config, dataHash, tokenizerHash, optionsHash } = origin;
    const model = { config, dataHash, tokenizerHash, optionsHash, weights, step: 12, heldOutLoss: null };
    expect(await decodeModel(await encodeModel(model))).toEqual(model);
  }
});

test("the metadata has the generator in Python's own form, and the hashes", async () => {
  const { metadata } = decodeSafetensors(await smallCheckpointBytes());
  const random: unknown = JSON.parse(metadata.get("random") ?? "");
  expect(random).toMatchObject({ version: 3, words: { length: 625 } });
  expect(metadata.get("dataHash")).toBe("d".repeat(64));
  expect(metadata.get("sha256")).toMatch(/^[0-9a-f]{64}$/);
});

test("the hash is SHA-256 (FIPS 180-4, the example of one block)", async () => {
  expect(await sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test.each([Number.NaN, Infinity])("a weight that is %d is never saved: exit code 3", async (value) => {
  const checkpoint = await smallCheckpoint();
  checkpoint.state.weights.get("lm_head")!.data[3] = value;
  await expect(encodeCheckpoint(checkpoint)).rejects.toMatchObject({ name: "InputError", exitCode: 3 });
  const model = { ...checkpoint, weights: checkpoint.state.weights, step: 1, heldOutLoss: null };
  await expect(encodeModel(model)).rejects.toMatchObject({ exitCode: 3 });
});

describe("damage is noticed, all of it", () => {
  /** Decodes; resolves to whether the file was refused, in words. Another error is a bug, and passes through. */
  async function refuses(decode: (bytes: Uint8Array) => Promise<unknown>, bytes: Uint8Array): Promise<boolean> {
    try {
      await decode(bytes);
      return false;
    } catch (error) {
      if (error instanceof InputError && error.message.length <= 500) return true;
      throw error;
    }
  }

  test.each([
    ["checkpoint", smallCheckpointBytes, decodeCheckpoint],
    ["model", smallModelBytes, decodeModel],
  ])("a %s cut at any length, 0 to all but its last byte", async (_name, make, decode) => {
    const bytes = await make();
    for (let length = 0; length < bytes.length; length++) {
      if (!(await refuses(decode, bytes.subarray(0, length)))) expect.fail(`cut at ${length} was not noticed`);
    }
    expect(await refuses(decode, bytes)).toBe(false);
  });

  /** Flips the bits of `masks` in every byte; the file is the same again afterwards. */
  async function flips(
    decode: (bytes: Uint8Array) => Promise<unknown>,
    bytes: Uint8Array,
    masks: (place: number) => number[],
  ): Promise<number> {
    let count = 0;
    for (let place = 0; place < bytes.length; place++) {
      for (const mask of masks(place)) {
        bytes[place] ^= mask;
        if (!(await refuses(decode, bytes))) expect.fail(`byte ${place} xor ${mask} was not noticed`);
        bytes[place] ^= mask;
        count++;
      }
    }
    return count;
  }

  const EVERY_BIT = [1, 2, 4, 8, 16, 32, 64, 128];

  /** All bits of a byte; in `npm test` one. */
  const bits = (place: number): number[] => byExtent([1 << (place % 8)], EVERY_BIT);
  const BITS = byExtent("one bit of every byte", "every single bit");

  test(`${BITS} of a model.safetensors`, DAMAGE, async () => {
    const bytes = await smallModelBytes();
    expect(await flips(decodeModel, bytes, bits)).toBe(byExtent(1, 8) * bytes.length);
  });

  test(`${BITS} of a checkpoint`, DAMAGE, async () => {
    const bytes = await smallCheckpointBytes();
    expect(bytes.length).toBeGreaterThan(15_000);
    expect(await flips(decodeCheckpoint, bytes, bits)).toBe(byExtent(1, 8) * bytes.length);
  });

  const EDITS = byExtent(2000, 10_000, 100_000);
  test(`${EDITS} random edits and swaps of several bytes`, DAMAGE, async () => {
    const bytes = await smallModelBytes();
    const random = new Random(5);
    let edits = 0;
    for (let i = 0; i < EDITS; i++) {
      const copy = bytes.slice();
      const [from, to, length] = [
        random.randbelow(copy.length),
        random.randbelow(copy.length),
        1 + random.randbelow(16),
      ];
      if (i % 2 === 0) copy.copyWithin(to, from, from + length);
      else for (let j = 0; j < length; j++) copy[(to + j) % copy.length] = random.randbelow(256);
      if (copy.every((byte, place) => byte === bytes[place])) continue;
      edits++;
      if (!(await refuses(decodeModel, copy))) expect.fail(`edit ${i} was not noticed`);
    }
    expect(edits).toBeGreaterThan(0.9 * EDITS);
  });
});
