import { createHash } from "node:crypto";
import { AtomicEngine } from "../../src/training/atomic.ts";
import { decodeCheckpoint, encodeCheckpoint, encodeModel } from "../../src/training/checkpoint.ts";
import type { Checkpoint } from "../../src/training/checkpoint.ts";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { newProgress } from "../../src/training/train.ts";

/** A real, small training after a few steps. */
export const SMALL = { vocabSize: 5, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 4 };

export async function smallCheckpoint(steps: number = 2): Promise<Checkpoint> {
  const random = new Random(7);
  const engine = new AtomicEngine(SMALL, initWeights(SMALL, random));
  const progress = newProgress();
  for (; progress.step < steps; progress.step++) {
    const update = { step: progress.step, learningRate: 0.01, weightDecay: 0, clipNorm: null };
    progress.meanLoss = (await engine.step([[[4, 0, 1, 4]]], update)).loss;
  }
  progress.evaluation = progress.best = { step: steps, heldOutLoss: 1.5 };
  const origin = {
    config: SMALL,
    dataHash: "d".repeat(64),
    tokenizerHash: "e".repeat(64),
    optionsHash: "f".repeat(64),
  };
  return { ...origin, progress, random: random.getState(), state: await engine.save() };
}

export async function smallCheckpointBytes(steps?: number): Promise<Uint8Array<ArrayBuffer>> {
  return await encodeCheckpoint(await smallCheckpoint(steps));
}

export async function smallModelBytes(tokenizerHash: string = "e".repeat(64)): Promise<Uint8Array<ArrayBuffer>> {
  const { state, ...origin } = await decodeCheckpoint(await smallCheckpointBytes());
  return await encodeModel({ ...origin, tokenizerHash, weights: state.weights, step: 2, heldOutLoss: 1.5 });
}

/** A safetensors file of any header text and data: the length, the header, the bytes. */
export function file(header: string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

type Header = Record<string, Record<string, unknown>> & { __metadata__: Record<string, string> };

/** A file of ours with its header changed and its checksum made right again: only what it says is wrong. */
export function resealed(
  bytes: Uint8Array,
  change: (header: Header) => void,
  data?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Header;
  const { sha256: _old, ...metadata } = header.__metadata__;
  header.__metadata__ = { sha256: "0".repeat(64), ...metadata };
  change(header);
  const changed = file(JSON.stringify(header), data ?? bytes.subarray(8 + length));
  const hash = createHash("sha256").update(changed).digest("hex");
  changed.set(new TextEncoder().encode(hash), 8 + '{"__metadata__":{"sha256":"'.length);
  return changed;
}
