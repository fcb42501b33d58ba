import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pytorch } from "../../src/export/pytorch.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import { VERSES, verseModel, writeExported } from "../setup/exported.ts";
import { workspace } from "../setup/microgpt.ts";
import { client, hasClients, WITHOUT_CLIENTS } from "./client.ts";

interface Transformers {
  readonly AutoTokenizer: {
    from_pretrained(folder: string, options: object): Promise<{ encode(text: string): number[] }>;
  };
}

describe.skipIf(!hasClients)(`transformers.js ${WITHOUT_CLIENTS}`, () => {
  test.each(TOKENIZER_KINDS)("%s: BOS and our tokens for 200 verses, and for an empty text", async (kind) => {
    const model = await verseModel(kind);
    const folder = writeExported(join(workspace(), "model"), await pytorch.files(model));
    const { AutoTokenizer } = await client<Transformers>("@huggingface/transformers");
    const theirs = await AutoTokenizer.from_pretrained(folder, { local_files_only: true });
    const { bos } = model.tokenizer;
    for (const text of [...VERSES, ""]) {
      expect(theirs.encode(text)).toEqual([bos, ...model.tokenizer.encode(text).ids]);
    }
  });
});
