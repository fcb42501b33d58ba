import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { InputError } from "../../src/errors.ts";
import { decodeSafetensors } from "../../src/training/safetensors.ts";
import { decodeCheckpoint } from "../../src/training/checkpoint.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import { tokenizerFromJson } from "../../src/text/tokenizers/json.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { LONG } from "../setup/place.ts";
import { resealed, smallCheckpointBytes, smallModelBytes } from "../setup/sealed.ts";

const RUNS = { numRuns: LONG ? 100_000 : 2_000 };

/** What a person, a bug or an enemy might put where something else belongs. */
const hostile = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    -1,
    -0,
    0.5,
    1e308,
    Number.MAX_SAFE_INTEGER + 1,
    [],
    {},
    [[]],
    "__proto__",
    "\u0000",
    "\ud800",
  ),
  fc.integer(),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constant("x".repeat(100_000)),
  fc.constant(Array.from({ length: 1000 }, (_, i) => [i, i])),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Ways into a JSON: at each step a number that picks one of the fields, or of the items. */
const path = fc.array(fc.nat(1000), { maxLength: 4 });

type Json = unknown;

/** A copy in which what is at the end of the path is another value, is gone, or is there twice. */
function mutated(
  json: Json,
  [step, ...rest]: readonly number[],
  change: "replace" | "remove" | "double",
  value: Json,
): Json {
  if (step === undefined || typeof json !== "object" || json === null) return change === "replace" ? value : json;
  if (Array.isArray(json)) {
    const at = json.length === 0 ? 0 : step % json.length;
    if (rest.length === 0 && change === "remove") return json.toSpliced(at, 1);
    if (rest.length === 0 && change === "double") return json.toSpliced(at, 0, json[at]);
    return json.toSpliced(at, 1, mutated(json[at], rest, change, value));
  }
  const entries = Object.entries(json);
  const at = entries.length === 0 ? 0 : step % entries.length;
  if (entries.length === 0) return { [String(value).slice(0, 20)]: value };
  if (rest.length === 0 && change === "remove") return Object.fromEntries(entries.toSpliced(at, 1));
  if (rest.length === 0 && change === "double") return { ...json, [`${entries[at][0]}2`]: entries[at][1] };
  return Object.fromEntries(entries.with(at, [entries[at][0], mutated(entries[at][1], rest, change, value)]));
}

const mutation = fc.tuple(path, fc.constantFrom("replace", "remove", "double"), hostile);

/** Either it is refused in one sentence, or what comes of it works. */
function refusedOr<Value>(work: () => Value, use: (value: Value) => void): void {
  let value: Value;
  try {
    value = work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message.length).toBeLessThanOrEqual(500);
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
    return;
  }
  use(value);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
}

describe("files that were changed somewhere are refused in one sentence, or work (reliability 23):", () => {
  test.each(TOKENIZER_KINDS)("tokenizer.json, %s", (kind) => {
    const tokenizer = trainTokenizer(["the theatre of the thé", "aaaa a"], {
      tokenizer: kind,
      bpeMerges: 20,
      vocabSize: null,
      unk: kind === "char",
    });
    const json: Json = JSON.parse(JSON.stringify(tokenizer));
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const changed = mutations.reduce((all, [where, change, value]) => mutated(all, where, change, value), json);
        refusedOr(
          () => tokenizerFromJson(changed),
          (read) => {
            const { ids } = read.encode("the theatre aaaa é \u0000");
            expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < read.bos)).toBe(true);
            read.decode([...ids, read.bos]);
            expect(JSON.parse(JSON.stringify(tokenizerFromJson(JSON.parse(JSON.stringify(read)))))).toEqual(
              JSON.parse(JSON.stringify(read)),
            );
          },
        );
      }),
      RUNS,
    );
  });

  test("config.json", () => {
    const options: Json = JSON.parse(JSON.stringify(checkOptions(TRAIN_OPTIONS, {})));
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const changed = mutations.reduce((all, [where, change, value]) => mutated(all, where, change, value), options);
        if (typeof changed !== "object" || changed === null || Array.isArray(changed)) return;
        refusedOr(
          () => checkOptions(TRAIN_OPTIONS, { ...changed }),
          (read) => expect(checkOptions(TRAIN_OPTIONS, { ...read })).toEqual(read),
        );
      }),
      RUNS,
    );
  });

  test("safetensors, bytes here and there", async () => {
    const original = await smallModelBytes();
    const edit = fc.tuple(fc.nat(original.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), fc.nat(original.length), (edits, length) => {
        const bytes = Uint8Array.from(original);
        for (const [at, byte] of edits) bytes[at] = byte;
        const cut = edits.length % 2 === 0 ? bytes.subarray(0, length) : bytes;
        refusedOr(
          () => decodeSafetensors(cut),
          ({ tensors }) =>
            expect([...tensors.values()].every(({ bytes: data }) => data.length <= cut.length)).toBe(true),
        );
      }),
      RUNS,
    );
  });

  test("a checkpoint with a right checksum, its header changed", async () => {
    const original = await smallCheckpointBytes();
    const property = fc.asyncProperty(mutation, async ([where, change, value]) => {
      const bytes = resealed(original, (header) => {
        const changed = mutated(header, where, change, value);
        if (typeof changed !== "object" || changed === null) return;
        for (const key of Object.keys(header)) delete header[key];
        Object.assign(header, changed);
      });
      const outcome = await decodeCheckpoint(bytes).catch((error: unknown) => error);
      if (!(outcome instanceof InputError)) expect(outcome).toHaveProperty("state");
    });
    await expect(fc.assert(property, { numRuns: LONG ? 20_000 : 500 })).resolves.toBeUndefined();
  });
});
