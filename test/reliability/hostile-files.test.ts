import { describe, expect, test } from "vitest";
import { decodeCheckpoint, decodeModel } from "../../src/training/checkpoint.ts";
import { InputError } from "../../src/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/training/safetensors.ts";
import { tokenizerFromJson } from "../../src/text/tokenizers/json.ts";
import { CHECKPOINT_CHANGES, CONTAINER_CASES } from "./hostile-files.ts";
import { TOKENIZERS } from "./hostile-tokenizers.ts";
import { file, resealed, SMALL, smallCheckpointBytes, smallModelBytes } from "../setup/sealed.ts";

/** Every refusal is one sentence of at most 500 characters, safe to print; and nothing was poisoned on the way. */
function expectRefusal(error: unknown, expected: RegExp): void {
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message).toMatch(expected);
  expect(message.length).toBeLessThanOrEqual(500);
  expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
}

const caught = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

test("there are at least 120 named cases, no two of one name", () => {
  const names = [...CONTAINER_CASES.map(({ name }) => name), ...CHECKPOINT_CHANGES.map(([name]) => name)];
  names.push(...TOKENIZERS.map(([name]) => `tokenizer: ${name}`));
  expect(names.length).toBeGreaterThanOrEqual(120);
  expect(new Set(names).size).toBe(names.length);
});

describe("a safetensors file is refused by name:", () => {
  test.each(CONTAINER_CASES)("$name", async ({ bytes, error }) => {
    expectRefusal(
      caught(() => decodeSafetensors(bytes)),
      error,
    );
    expectRefusal(await decodeModel(bytes).catch((refusal: unknown) => refusal), error);
  });
});

describe("a checkpoint with a right checksum is refused for what it says:", () => {
  test.each(CHECKPOINT_CHANGES)("%s", async (_name, change, expected) => {
    const bytes = resealed(await smallCheckpointBytes(), change);
    expectRefusal(await decodeCheckpoint(bytes).catch((error: unknown) => error), expected);
  });

  test("the helper that seals such files seals rightly: without a change they are good", async () => {
    expect((await decodeCheckpoint(resealed(await smallCheckpointBytes(), () => {}))).config).toEqual(SMALL);
  });

  test.each([
    ["NaN", Number.NaN],
    ["an infinite number", -Infinity],
  ])("%s among its weights", async (_name, value) => {
    const bytes = await smallModelBytes();
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const data = bytes.slice(8 + headerBytes);
    new DataView(data.buffer).setFloat64(8, value, true);
    const error: unknown = await decodeModel(resealed(bytes, () => {}, data)).catch((refusal: unknown) => refusal);
    expectRefusal(error, /tensor wte has a NaN or an infinite number/);
  });

  test("a model whose step is no number", async () => {
    const change = (step: string) => (header: Parameters<Parameters<typeof resealed>[1]>[0]) => {
      header.__metadata__.step = step;
    };
    for (const step of ["-1", "1.5", '"1"', "null", "x"]) {
      const bytes = resealed(await smallModelBytes(), change(step));
      expectRefusal(await decodeModel(bytes).catch((error: unknown) => error), /`step`/);
    }
  });
});

test("a good file of another program lacks our checksum, and is told so", async () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const foreign = encodeSafetensors({
    tensors: new Map([["wte", { dtype: "F32", shape: [1], bytes }]]),
    metadata: new Map([["format", "pt"]]),
  });
  const error: unknown = await decodeModel(foreign).catch((refusal: unknown) => refusal);
  expectRefusal(error, /checksum: not found at its offset; the file is damaged, or written by another program/);
});

test("a header that is one unfinished string of a million escapes is refused, in time that grows as its length", () => {
  // Quadratic before: a pattern that finds no end of the string tried again behind every escape, for hours.
  expectRefusal(
    caught(() => decodeSafetensors(file(`{"${'\\"'.repeat(2 ** 20)}`))),
    /header/,
  );
});

test("what could not be read again is not written: half a character, a shape that is not the bytes'", () => {
  const one = (name: string, shape: number[]): unknown =>
    caught(() =>
      encodeSafetensors({
        tensors: new Map([[name, { dtype: "U8", shape, bytes: Uint8Array.of(1) }]]),
        metadata: new Map(),
      }),
    );
  expectRefusal(one("a", [2]), /"a"/);
  expectRefusal(one("__proto__", [1]), /__proto__/);
  expectRefusal(
    caught(() => encodeSafetensors({ tensors: new Map(), metadata: new Map([["a", "\ud800"]]) })),
    /half a character/,
  );
});

test("nothing is allocated that a header only claims: a tiny file of huge tensors costs no memory", () => {
  const huge = Array.from(
    { length: 50 },
    (_, i) => `"t${i}":{"dtype":"F64","shape":[${2 ** 47}],"data_offsets":[${i * 2 ** 50},${(i + 1) * 2 ** 50}]}`,
  );
  const before = process.memoryUsage().arrayBuffers;
  expectRefusal(
    caught(() => decodeSafetensors(file(`{${huge.slice(0, 7).join(",")}}`))),
    /bytes of data, the file has 0/,
  );
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
});

describe("a tokenizer.json is refused by name:", () => {
  test.each(TOKENIZERS)("%s", (_name, json, expected) => {
    expectRefusal(
      caught(() => tokenizerFromJson(json)),
      expected,
    );
  });
});
