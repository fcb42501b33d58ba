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
  /** Time trained so far. */
  readonly seconds: number;
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

/**
 * The clock ends each training, so that the times are equal whatever the machine does besides; a schedule that falls
 * would have to know the number of steps beforehand.
 */
const optionsOf = (kind: TokenizerKind, merges: number): ModelOptions => ({
  ...RACE_MODEL,
  tokenizer: kind,
  bpeMerges: merges,
  documents: "file",
  stream: true,
  batchSize: 16,
  learningRate: 0.005,
  schedule: "constant",
  numSteps: 1_000_000_000,
  evalInterval: 25,
  evalDocuments: 1_000_000,
  engine: "wasm",
});

/** Trains one model, at least up to its first evaluation. Throws InputError if the text is too short. */
export async function trainOne(
  kind: TokenizerKind,
  { text, merges, seconds: wanted }: RaceRequest,
  onProgress: (progress: RaceProgress) => void,
): Promise<RaceResult> {
  const trainer = await createTrainer([text], optionsOf(kind, merges));
  try {
    if (trainer.data.heldOut.length === 0) throw new Error("the text is too short to hold out a tenth of it");
    const begin = performance.now();
    let [tokens, seconds] = [0, 0];
    while (seconds < wanted || trainer.progress.best === null) {
      const event = await trainer.step();
      if (event?.type === "step") tokens += event.tokens;
      seconds = (performance.now() - begin) / 1000;
      onProgress({ kind, step: trainer.progress.step, seconds });
    }
    const { data, progress } = trainer;
    const [vocabSize, parameters] = [data.config.vocabSize, countParameters(data.config)];
    return { kind, vocabSize, parameters, steps: progress.step, tokens, seconds, bitsPerByte: bitsPerByte(trainer) };
  } finally {
    trainer.close();
  }
}

/** Every window of the held-out text is evaluated, so its tokens' losses add up to the bits of the text. */
function bitsPerByte({ data, progress }: Trainer): number {
  const { heldOut, heldOutBytes } = data;
  const targets = heldOut.countTokens() - heldOut.length;
  return (progress.best!.heldOutLoss * targets) / Math.LN2 / heldOutBytes;
}
