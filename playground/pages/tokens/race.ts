/** Trains the same small model with a tokenizer for some seconds and measures it on held-out text. Runs in a worker. */
import { countParameters, createTrainer } from "../../../src/index.ts";
import type { ModelOptions, Trainer, TokenizerKind } from "../../../src/index.ts";

/** What to train. */
export interface RaceRequest {
  /** One document; its last tenth is held out. */
  readonly text: string;
  /** Merges of bpe and byte-bpe. */
  readonly merges: number;
  /** Training time of each tokenizer's model. */
  readonly seconds: number;
}

/** A model's progress. */
export interface RaceProgress {
  readonly kind: TokenizerKind;
  readonly step: number;
  readonly numSteps: number;
}

/** A model that has been trained and measured. */
export interface RaceResult {
  readonly kind: TokenizerKind;
  readonly vocabSize: number;
  readonly parameters: number;
  readonly steps: number;
  /** Tokens that the steps learnt from, repetitions included. */
  readonly tokens: number;
  /** Time that the steps and evaluations took. */
  readonly seconds: number;
  /** −log₂ of the probability of the held-out text ÷ its UTF-8 bytes, at the best evaluation. */
  readonly bitsPerByte: number;
}

/** The model: the same for every tokenizer, except for the size of its vocabulary. */
export const RACE_MODEL = { nEmbd: 32, nHead: 4, nLayer: 1, blockSize: 32 } as const;

const optionsOf = (kind: TokenizerKind, { merges, seconds }: RaceRequest): ModelOptions => ({
  ...RACE_MODEL,
  tokenizer: kind,
  bpeMerges: merges,
  seconds,
  documents: "file",
  stream: true,
  batchSize: 16,
  engine: "wasm",
  evalInterval: 50,
  evalDocuments: 1_000_000,
});

/** Trains one model. Throws InputError if the text is too short. */
export async function trainOne(
  kind: TokenizerKind,
  request: RaceRequest,
  onProgress: (progress: RaceProgress) => void,
): Promise<RaceResult> {
  const trainer = await createTrainer([request.text], optionsOf(kind, request));
  try {
    const { numSteps } = trainer.options;
    const begin = performance.now();
    let tokens = 0;
    for (let event = await trainer.step(); event !== null; event = await trainer.step()) {
      if (event.type === "step") tokens += event.tokens;
      onProgress({ kind, step: event.step, numSteps });
    }
    const seconds = (performance.now() - begin) / 1000;
    const { config } = trainer.data;
    const [vocabSize, parameters] = [config.vocabSize, countParameters(config)];
    return { kind, vocabSize, parameters, steps: numSteps, tokens, seconds, bitsPerByte: bitsPerByte(trainer) };
  } finally {
    trainer.close();
  }
}

/** Every window of the held-out text is evaluated, so its tokens' losses add up to the bits of the text. */
function bitsPerByte({ data, progress }: Trainer): number {
  const { heldOut, heldOutBytes } = data;
  if (progress.best === null) throw new Error("nothing was held out");
  const targets = heldOut.countTokens() - heldOut.length;
  return (progress.best.heldOutLoss * targets) / Math.LN2 / heldOutBytes;
}
