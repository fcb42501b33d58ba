/** Samples of a trained model that comes with the page, before any training: what a visitor sees first. */
import type { Model } from "../../src/index.ts";
import type { PreviewRequest, Sample } from "./protocol.ts";
import { samplesOf } from "./samples.ts";

/** Generates samples and compares them with the documents. */
export async function previewOf(
  model: Model,
  { documents, prefix, count, temperature, seed }: PreviewRequest,
): Promise<Sample[]> {
  const texts: string[] = [];
  while (texts.length < count) texts.push(await model.generate({ prefix, temperature, seed: seed + texts.length }));
  const { tokenizer } = model;
  const encode = (text: string): readonly number[] => tokenizer.encode(text).ids;
  return samplesOf(texts.map(encode), documents.map(encode), tokenizer);
}
