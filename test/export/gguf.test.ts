import { expect, test } from "vitest";
import { gguf } from "../../src/export/gguf.ts";
import { verseModel } from "../setup/exported.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";

test("what llama.cpp would split in another way is refused, with the way out", async () => {
  for (const kind of ["word", "bpe"] as const) {
    expect(gguf.refusals(await verseModel(kind))).toEqual([
      `llama.cpp has no tokenizer that splits text as ${kind} does; train with --tokenizer byte-bpe, or export --to gpt2`,
    ]);
  }
  const model = await verseModel("char");
  expect(gguf.refusals(model)).toEqual([]);
  expect(gguf.refusals(await verseModel("byte-bpe"))).toEqual([]);
  const tokenizer = trainTokenizer(["æbc", "ø"], { tokenizer: "char", bpeMerges: 0, vocabSize: null, unk: false });
  expect(gguf.refusals({ ...model, tokenizer })).toEqual([
    "llama.cpp reads bytes, and æ ø have several; train with --tokenizer byte-bpe, or export --to gpt2",
  ]);
});

test("the header is as the format says, and every tensor begins at a multiple of 32 bytes, within the file", async () => {
  const files = await gguf.files(await verseModel("byte-bpe"));
  const [[name, bytes]] = [...files];
  expect(name).toBe("verses-byte-bpe.gguf");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  expect([new TextDecoder().decode(bytes.subarray(0, 4)), view.getUint32(4, true)]).toEqual(["GGUF", 3]);
  expect(bytes.length % 32).toBe(0);
});
