import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/training/safetensors.ts";
import type { Dtype, RawTensor, SafetensorsFile } from "../../src/training/safetensors.ts";
import { workspace } from "../setup/microgpt.ts";
import { file } from "../setup/sealed.ts";

const BYTES: Readonly<Record<string, number>> = { U8: 1, BF16: 2, F16: 2, F32: 4, I64: 8, F64: 8 };

const tensor: fc.Arbitrary<RawTensor> = fc
  .tuple(fc.constantFrom(...Object.keys(BYTES)), fc.array(fc.nat(4), { maxLength: 3 }), fc.nat(255))
  .map(([dtype, shape, fill]) => {
    const size = shape.reduce((product, side) => product * side, BYTES[dtype]);
    return { dtype: dtype as Dtype, shape, bytes: new Uint8Array(size).map((_, i) => fill + 31 * i) };
  });
const name = fc
  .stringMatching(/^[a-z][a-z0-9._-]{0,20}$/)
  .filter((text) => text !== "constructor" && text !== "prototype");
const anyFile: fc.Arbitrary<SafetensorsFile> = fc
  .tuple(
    fc.dictionary(name, tensor, { maxKeys: 6 }),
    fc.dictionary(name, fc.string({ unit: "grapheme" }), { maxKeys: 4 }),
  )
  .map(([tensors, metadata]) => ({
    tensors: new Map(Object.entries(tensors)),
    metadata: new Map(Object.entries(metadata)),
  }));

test("what is written is read again: names, types, shapes, bytes, metadata, order", () => {
  fc.assert(
    fc.property(anyFile, (original) => {
      const { tensors, metadata } = decodeSafetensors(encodeSafetensors(original));
      expect([...tensors]).toEqual([...original.tensors]);
      expect([...metadata]).toEqual([...original.metadata]);
    }),
    { numRuns: 300 },
  );
});

test("the bytes are what the format says, and the data starts at a multiple of eight", () => {
  const bytes = new Uint8Array(new Float32Array([1, 2, 3]).buffer);
  const written = encodeSafetensors({
    tensors: new Map([["a", { dtype: "F32", shape: [3], bytes }]]),
    metadata: new Map([["k", "v"]]),
  });
  const length = Number(new DataView(written.buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(written.subarray(8, 8 + length));
  expect(length % 8).toBe(0);
  expect(header.trimEnd()).toBe('{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}');
  expect(written.subarray(8 + length)).toEqual(bytes);
});

test("foreign files are read: white space around the header, empty tensors, tensors in any order", () => {
  const header = `\n {"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},
    "empty":{"dtype":"F64","shape":[0,7],"data_offsets":[1,1]},
    "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}   `;
  const { tensors } = decodeSafetensors(file(header, Uint8Array.of(7, 8, 9)));
  expect([...tensors.get("a")!.bytes]).toEqual([7]);
  expect([...tensors.get("b")!.bytes]).toEqual([8, 9]);
  expect(tensors.get("empty")).toMatchObject({ shape: [0, 7], dtype: "F64" });
});

/** Everything a decoder may do with bytes from anywhere: refuse them in words, or tile the data exactly. */
function decodeOrRefuse(bytes: Uint8Array): "refused" | "decoded" {
  try {
    const { tensors } = decodeSafetensors(bytes);
    const total = [...tensors.values()].reduce((sum, one) => sum + one.bytes.length, 0);
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    expect(total).toBe(bytes.length - 8 - length);
    return "decoded";
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message.length).toBeLessThanOrEqual(500);
    return "refused";
  }
}

test("two thousand files with a header bent out of shape are refused in words, or are whole", () => {
  const odd = fc.oneof(
    fc.constantFrom(null, -1, 1.5, 2 ** 53, 1e300, "F32", "f32", [], {}, [1, 2], [0, 4], true, "__proto__", "a/b"),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const outcomes = { refused: 0, decoded: 0 };
  fc.assert(
    fc.property(
      anyFile,
      fc.array(fc.tuple(fc.nat(), fc.nat(), odd), { maxLength: 3 }),
      fc.nat(3),
      (original, edits, cut) => {
        const bytes = encodeSafetensors(original);
        const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
        const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, unknown>;
        for (const [which, field, value] of edits) {
          const keys = Object.keys(header);
          const target = header[keys[which % Math.max(keys.length, 1)]];
          const fields = ["dtype", "shape", "data_offsets", "extra"];
          if (field % 5 === 4 || typeof target !== "object" || target === null) header[`n${which % 3}`] = value;
          else Object.assign(target, { [fields[field % 4]]: value });
        }
        outcomes[decodeOrRefuse(file(JSON.stringify(header), bytes.subarray(8 + length, bytes.length - cut)))]++;
      },
    ),
    { numRuns: 2000 },
  );
  expect(outcomes.refused).toBeGreaterThan(500);
  expect(outcomes.decoded).toBeGreaterThan(100);
});

test("ten thousand files of random bytes, or with random bytes in them, never surprise the decoder", () => {
  const valid = encodeSafetensors({
    tensors: new Map([["a", { dtype: "U8", shape: [4], bytes: Uint8Array.of(1, 2, 3, 4) }]]),
    metadata: new Map([["k", "v"]]),
  });
  const edited = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 }).map((edits) => {
    const copy = valid.slice();
    for (const [place, byte] of edits) copy[place] = byte;
    return copy;
  });
  const outcomes = { refused: 0, decoded: 0 };
  fc.assert(
    fc.property(fc.oneof(edited, fc.uint8Array({ maxLength: 64 })), (bytes) => void outcomes[decodeOrRefuse(bytes)]++),
    { numRuns: 10_000 },
  );
  expect(outcomes.refused).toBeGreaterThan(5_000);
});

const hasPythonSafetensors = spawnSync("python3", ["-c", "import safetensors, numpy"]).status === 0;

test.skipIf(!hasPythonSafetensors)(
  "Python's safetensors reads ours, and we its (skipped where it is not installed)",
  () => {
    const directory = workspace();
    const bytes = new Uint8Array(new Float64Array([1.5, -2]).buffer);
    const ours = encodeSafetensors({
      tensors: new Map([["a", { dtype: "F64", shape: [1, 2], bytes }]]),
      metadata: new Map(),
    });
    writeFileSync(join(directory, "ours.safetensors"), ours);
    const script = `
from safetensors.numpy import load_file, save_file
import numpy
tensors = load_file("ours.safetensors")
assert tensors["a"].tolist() == [[1.5, -2.0]], tensors
save_file({"b": numpy.array([[3.0], [4.0]], dtype=numpy.float32)}, "theirs.safetensors", {"who": "python"})`;
    const { status, stderr } = spawnSync("python3", ["-c", script], { cwd: directory, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { tensors, metadata } = decodeSafetensors(readFileSync(join(directory, "theirs.safetensors")));
    expect(tensors.get("b")).toMatchObject({ dtype: "F32", shape: [2, 1] });
    expect([...new Float32Array(tensors.get("b")!.bytes.slice().buffer)]).toEqual([3, 4]);
    expect(metadata.get("who")).toBe("python");
  },
);
