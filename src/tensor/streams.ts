/**
 * Several texts read at once, as one pass per token: what all readers of a batch ask for in one turn of the event loop goes
 * through the model together. Each reader gets the bits that it would get alone. `TensorEngine.advance` does the work;
 * this file collects the calls and hands out the texts' caches.
 *
 *   reader 0   read(a) ─┐                   read(d) ─┐
 *   reader 1   read(g) ─┼─ one pass ─ logits         ├─ one pass ─ logits …
 *   reader 2   read(e) ─┘                   read(n) ─┘
 */
import type { Config } from "../microgpt.ts";
import { mustFit } from "../training/engine.ts";
import type { Reader } from "../training/engine.ts";
import { nextTask } from "../training/pacer.ts";
import type { TextPiece } from "./packing.ts";

/** An engine that was created with streams (`TensorEngine`). */
export interface StreamingEngine {
  /** The model's dimensions. */
  readonly config: Config;
  /** How many texts it reads at once. */
  readonly streams: number;
  /** Most tokens of a pass. */
  readonly streamRows: number;
  /** As `TensorEngine.advance`. */
  advance(pieces: readonly TextPiece[]): Promise<number[][]>;
}

/** A piece that waits for the next pass. */
interface Waiting extends TextPiece {
  readonly resolve: (logits: number[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Gives out readers of texts that are read together. More readers than streams wait for one to close. */
export class Streams {
  /** The model's dimensions. */
  readonly config: Config;
  readonly #engine: StreamingEngine;
  readonly #free: number[];
  readonly #queue: ((stream: number) => void)[] = [];
  #waiting: Waiting[] = [];
  #isRunning = false;

  /** All streams of the engine are free: nothing else may call its `advance`. */
  constructor(engine: StreamingEngine) {
    this.config = engine.config;
    this.#engine = engine;
    this.#free = Array.from({ length: engine.streams }, (_, i) => engine.streams - 1 - i);
  }

  /** A reader with an empty context. Its first `read` waits for a free stream; `close` frees it for another reader. */
  reader(): Reader {
    let stream: Promise<number> | null = null;
    let position = 0;
    return {
      get position() {
        return position;
      },
      read: async (...tokens) => {
        mustFit(position + tokens.length, this.config);
        const piece = { position, tokens };
        position += tokens.length;
        stream ??= this.#take();
        return await this.#read({ ...piece, stream: await stream });
      },
      restart: () => void (position = 0),
      close: () => {
        void stream?.then((number) => this.#giveBack(number));
        stream = null;
      },
    };
  }

  async #take(): Promise<number> {
    return this.#free.pop() ?? (await new Promise<number>((resolve) => this.#queue.push(resolve)));
  }

  #giveBack(stream: number): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free.push(stream);
    else next(stream);
  }

  #read(piece: TextPiece): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...piece, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Passes, until no piece waits. Between two, every reader that has its logits can ask for its next token. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    for (await nextTask(); this.#waiting.length > 0; await nextTask()) {
      // Each text has its share of a pass, so that a long prompt does not hold up the others.
      const share = Math.max(1, Math.floor(this.#engine.streamRows / this.#waiting.length));
      const pieces = this.#waiting.map((piece) => ({ ...piece, tokens: piece.tokens.slice(0, share) }));
      const rests = this.#waiting.map((piece) => cutAfter(piece, share));
      this.#waiting = rests.filter(({ tokens }) => tokens.length > 0);
      try {
        const logits = await this.#engine.advance(pieces);
        for (const [i, { tokens, resolve }] of rests.entries()) if (tokens.length === 0) resolve(logits[i]);
      } catch (error) {
        this.#waiting = this.#waiting.filter((piece) => !rests.includes(piece));
        for (const { reject } of pieces) reject(error);
      }
    }
    this.#isRunning = false;
  }
}

/** What is left of a piece after its first tokens. */
const cutAfter = (piece: Waiting, tokens: number): Waiting => ({
  ...piece,
  position: piece.position + tokens,
  tokens: piece.tokens.slice(tokens),
});
