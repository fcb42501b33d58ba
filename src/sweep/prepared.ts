/**
 * The file format of a prepared text: read, cleaned and encoded once, for all runs of a sweep. The file is a cache; a
 * run that finds none encodes the text again, with the same result (`texts.ts`).
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

/** A hash of the options that determine the encoding, in hex: the same key and data give the same encoded text. */
export async function textKey({ tokenizer, bpeMerges, vocabSize, unk }: TrainOptions): Promise<string> {
  const isMerged = tokenizer === "bpe" || tokenizer === "byte-bpe";
  const merges = isMerged && vocabSize === null ? bpeMerges : null;
  return (await sha256(JSON.stringify({ tokenizer, merges, vocabSize, unk }))).slice(0, 16);
}

/** The path of the prepared text with this key. */
export const preparedPath = (directory: string, key: string): string => join(directory, `${key}.safetensors`);

/** Writes the file. Throws InputError (code "machine") if it cannot be written. */
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

/** Reads the file; resolves to null if there is none. Throws InputError if it is damaged. */
export async function loadPrepared(path: string): Promise<EncodedText | null> {
  if (!fs.existsSync(path)) return null;
  try {
    const { tensors, metadata } = await unseal(readWhole(path));
    if (metadata.get("format") !== FORMAT || metadata.get("version") !== "1")
      throw new InputError("it is not a prepared text");
    // `unseal` has verified the hash, so the content is what microgpt wrote.
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
      lacking: null,
      dataHash: metadata.get("dataHash") ?? "",
      cleaning: cleaningFrom(JSON.parse(metadata.get("cleaning") ?? "null")),
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${showPath(path)}: ${error.message}; remove it to have the text read again`);
  }
}

function cleaningFrom(json: unknown): Cleaning {
  const fields = isRecord(json) ? json : {};
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `savePrepared`, as the hash proves
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

/** Numbers as bytes, little-endian, as on every machine that runs Node today. */
function tensorOf(numbers: Uint8Array | Uint16Array | Uint32Array): RawTensor {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return { dtype: "U8", shape: [bytes.length], bytes };
}
