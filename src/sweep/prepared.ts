/**
 * A text that was read, cleaned, learnt and encoded once, in a file, for the many runs of a sweep. A run is not bound to
 * it: without the file it would make the same from the text.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { seal, sha256, unseal } from "../training/checkpoint.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError, isRecord } from "../errors.ts";
import { readWhole, writeDurably } from "../node/files.ts";
import { showPath } from "../errors.ts";
import type { RawTensor } from "../training/safetensors.ts";
import { TextSet } from "../text/text-set.ts";
import { idArray, TokenCollector } from "../text/token-sequences.ts";
import type { Ids } from "../text/token-sequences.ts";
import { tokenizerFromJson } from "../text/tokenizers/json.ts";
import type { Cleaning } from "../text/corpus.ts";
import type { EncodedDocuments, EncodedText } from "../library/encode.ts";

const FORMAT = "microgpt-prepared";

/** Options with the same key have the same encoded text, if their data is the same. Hex. */
export async function textKey({ tokenizer, bpeMerges, vocabSize, unk }: TrainOptions): Promise<string> {
  const isMerged = tokenizer === "bpe" || tokenizer === "byte-bpe";
  const merges = isMerged && vocabSize === null ? bpeMerges : null;
  return (await sha256(JSON.stringify({ tokenizer, merges, vocabSize, unk }))).slice(0, 16);
}

export const preparedPath = (directory: string, key: string): string => join(directory, `${key}.safetensors`);

/** Throws InputError (exit code 1) if it can't be written. */
export async function savePrepared(path: string, text: EncodedText): Promise<void> {
  const { encodings, ...cleaning } = text.cleaning;
  const tensors = new Map([
    ["tokenizer", tensorOf(new TextEncoder().encode(JSON.stringify(text.tokenizer)))],
    ...documentTensors("documents", text.documents),
    ...documentTensors("tails", text.tails),
    ["known", tensorOf(text.known.pack())],
  ] as const);
  const metadata = new Map([
    ["format", FORMAT],
    ["version", "1"],
    ["duplicates", String(text.duplicates)],
    ["dataHash", text.dataHash],
    ["cleaning", JSON.stringify({ ...cleaning, encodings: [...encodings] })],
  ]);
  writeDurably(path, await seal({ tensors, metadata }));
}

/** Null where there is no such file. Throws InputError if it is damaged. */
export async function loadPrepared(path: string): Promise<EncodedText | null> {
  if (!fs.existsSync(path)) return null;
  try {
    const { tensors, metadata } = await unseal(readWhole(path));
    if (metadata.get("format") !== FORMAT || metadata.get("version") !== "1")
      throw new InputError("it is no such file");
    // The hash says that it is what microgpt wrote, so what follows is as it was.
    const bytesOf = (name: string): ArrayBuffer => Uint8Array.from(tensors.get(name)?.bytes ?? []).buffer;
    const tokenizer = tokenizerFromJson(JSON.parse(new TextDecoder().decode(bytesOf("tokenizer"))));
    const documents = (name: string): EncodedDocuments => {
      const ids: Ids = new (idArray(tokenizer.vocabSize))(bytesOf(`${name}.ids`));
      const lengths = new Uint32Array(bytesOf(`${name}.lengths`));
      const tokens = TokenCollector.unpack(tokenizer.vocabSize, ids, lengths);
      return { tokens, bytes: new Uint32Array(bytesOf(`${name}.bytes`)) };
    };
    return {
      tokenizer,
      documents: documents("documents"),
      tails: documents("tails"),
      known: TextSet.unpack(new Uint32Array(bytesOf("known"))),
      duplicates: Number(metadata.get("duplicates")),
      dataHash: metadata.get("dataHash") ?? "",
      cleaning: cleaningFrom(JSON.parse(metadata.get("cleaning") ?? "null")),
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${showPath(path)}: ${error.message}; remove it, and the text is read again`);
  }
}

function cleaningFrom(json: unknown): Cleaning {
  const fields = isRecord(json) ? json : {};
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as `savePrepared` wrote it, which the hash has proved
  return { ...fields, encodings: new Map(fields.encodings as [string, number][]) } as unknown as Cleaning;
}

function documentTensors(name: string, { tokens, bytes }: EncodedDocuments): (readonly [string, RawTensor])[] {
  const { ids, lengths } = tokens.pack();
  return [
    [`${name}.ids`, tensorOf(ids)],
    [`${name}.lengths`, tensorOf(lengths)],
    [`${name}.bytes`, tensorOf(bytes)],
  ];
}

/** Numbers as bytes: all machines that run this have the same order of bytes. */
function tensorOf(numbers: Uint8Array | Uint16Array | Uint32Array): RawTensor {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return { dtype: "U8", shape: [bytes.length], bytes };
}
