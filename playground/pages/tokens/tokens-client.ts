/**
 * The page's side of the tokens worker: sends what the visitor wants now, never more than one call at a time, so that a
 * slider that moves faster than texts are encoded skips positions instead of falling behind.
 */
import type { KindEncoding, Learnt, TokensCall, TokensMessage } from "./tokens-protocol.ts";

/** What to learn from, and what to encode. */
export interface Wanted {
  readonly text: string;
  readonly maxMerges: number;
  readonly unk: boolean;
  /** Merges to apply. */
  readonly merges: number;
  /** The text to encode; null: `text`. */
  readonly other: string | null;
}

/** Makes the worker; tests give a fake one. */
export type StartTokensWorker = () => Worker;

const startWorker: StartTokensWorker = () =>
  new Worker(new URL("./tokens-worker.ts", import.meta.url), { type: "module", name: "tokens" });

/** Keeps the newest answers. Events: "change". */
export class TokensClient extends EventTarget {
  /** null before the first text is learnt. */
  learnt: Learnt | null = null;
  encodings: readonly KindEncoding[] = [];
  /** Why the last call failed, for the visitor; null: it did not. */
  failure: string | null = null;
  readonly #start: StartTokensWorker;
  #worker: Worker | null = null;
  #wanted: Wanted | null = null;
  /** What the worker has learnt, and what it encoded last. */
  #learntFrom: Wanted | null = null;
  #encoded: Wanted | null = null;
  #isBusy = false;

  constructor(start: StartTokensWorker = startWorker) {
    super();
    this.#start = start;
  }

  /** Learns and encodes as wanted, once the worker is free. */
  want(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#next();
  }

  /** Ends the worker; the next `want` starts another. */
  close(): void {
    this.#worker?.terminate();
    [this.#worker, this.#learntFrom, this.#encoded] = [null, null, null];
    this.#isBusy = false;
  }

  #next(): void {
    const wanted = this.#wanted;
    if (this.#isBusy || wanted === null) return;
    const { text, maxMerges, unk, merges, other } = wanted;
    if (this.#learntFrom === null || !isSameText(this.#learntFrom, wanted)) {
      this.#learntFrom = wanted;
      this.#encoded = null;
      this.#send({ type: "learn", text, maxMerges, unk });
    } else if (this.#encoded === null || this.#encoded.merges !== merges || this.#encoded.other !== other) {
      this.#encoded = wanted;
      this.#send({ type: "encode", merges, text: other });
    }
  }

  #send(call: TokensCall): void {
    this.#isBusy = true;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    this.#running().postMessage(call);
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = this.#start();
    worker.addEventListener("message", ({ data }: MessageEvent<TokensMessage>) => this.#take(data));
    worker.addEventListener("error", ({ message }) => {
      this.close();
      this.#take({ type: "failed", message: `the worker ended: ${message}` });
    });
    this.#worker = worker;
    return worker;
  }

  #take(message: TokensMessage): void {
    this.#isBusy = false;
    this.failure = message.type === "failed" ? message.message : null;
    if (message.type === "learnt") this.learnt = message.merges;
    if (message.type === "encoded") this.encodings = message.encodings;
    this.dispatchEvent(new Event("change"));
    if (message.type !== "failed") this.#next();
  }
}

const isSameText = (a: Wanted, b: Wanted): boolean =>
  a.text === b.text && a.maxMerges === b.maxMerges && a.unk === b.unk;
