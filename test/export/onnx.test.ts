import * as fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { importModel } from "../../src/export/import.ts";
import { onnx } from "../../src/export/onnx.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import { verseModel } from "../setup/exported.ts";

test.each(TOKENIZER_KINDS)("%s: export, import and export again give the same bytes", async (kind) => {
  const model = await verseModel(kind);
  const files = await onnx.files(model);
  const back = await importModel(files, []);
  expect([...back.weights].map(([name, { shape }]) => [name, shape])).toEqual(
    [...model.weights].map(([name, { shape }]) => [name, shape]),
  );
  const again = await onnx.files({ ...model, ...back, training: back.training! });
  expect(again.get("onnx/model.onnx")).toEqual(files.get("onnx/model.onnx"));
  expect(again.get("microgpt.json")).toEqual(files.get("microgpt.json"));
});

test("a graph that is cut or damaged is refused in a sentence, or is another model", async () => {
  const model = await verseModel("char");
  const files = await onnx.files(model);
  const whole = files.get("onnx/model.onnx")!;
  const good = await importModel(files, []);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, value, isCut) => {
      const bytes = isCut ? whole.slice(0, at) : whole.slice();
      if (!isCut) bytes[at] = value;
      try {
        const read = await importModel(new Map(files).set("onnx/model.onnx", bytes), []);
        expect([...read.weights.keys()]).toEqual([...good.weights.keys()]);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }),
    { numRuns: 300 },
  );
});
