/**
 * Calls of a worker's methods, each a promise of its result: the page's side, `WorkerCalls`, and the worker's,
 * `serveCalls`. What a worker reports on its own passes through as it is. Knows nothing of trainings.
 */
import { sentenceOf } from "./sentence.ts";

/** The methods of a worker by name. Each takes at most one argument, plain data, and returns plain data. */
// oxlint-disable-next-line typescript/no-explicit-any -- any argument: each method has its own
type Methods<Names> = { [Name in keyof Names]: (argument: any) => unknown };

/** Page → worker. */
export type CallOf<Names extends Methods<Names>> = {
  [Name in keyof Names & string]: {
    readonly id: number;
    readonly method: Name;
    readonly argument: Parameters<Names[Name]>[0];
  };
}[keyof Names & string];

/** Worker → page: how a call ended. */
export type CallEnd =
  | { readonly type: "result"; readonly id: number; readonly value: unknown }
  | { readonly type: "error"; readonly id: number; readonly message: string };

/** What the page does with what is not the end of a call. */
export interface CallListener<Report> {
  /** Takes what the worker reports on its own. */
  readonly report?: (report: Report) => void;
  /** Takes the end of the worker, as a sentence for the visitor; the calls have been rejected with it. */
  readonly lost?: (sentence: string) => void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The page's side. The worker starts with the first call, and anew with the next one after it was lost. */
export class WorkerCalls<Names extends Methods<Names>, Report = never> {
  readonly #start: () => Worker;
  readonly #listener: CallListener<Report>;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #nextId = 0;

  constructor(start: () => Worker, listener: CallListener<Report> = {}) {
    this.#start = start;
    this.#listener = listener;
  }

  /** Calls a method. Rejects with a sentence for the visitor if it fails or the worker ends. */
  async call<Name extends keyof Names & string>(
    method: Name,
    ...[argument]: Parameters<Names[Name]>
  ): Promise<ReturnType<Names[Name]>> {
    const worker = this.open();
    const id = this.#nextId++;
    const result = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage({ id, method, argument });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the worker answers with the method's result
    return (await result) as ReturnType<Names[Name]>;
  }

  /** Starts the worker unless it runs. */
  open(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = this.#start();
    worker.addEventListener("message", ({ data }: MessageEvent<CallEnd | Report>) => this.#take(data));
    worker.addEventListener("error", ({ message }) => this.#lost(message));
    this.#worker = worker;
    return worker;
  }

  /** Ends the worker; its calls reject with this sentence. */
  close(sentence: string): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(new Error(sentence));
    this.#waiting.clear();
  }

  #take(message: CallEnd | Report): void {
    if (!isCallEnd(message)) {
      this.#listener.report?.(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === "result") waiting?.resolve(message.value);
    else waiting?.reject(new Error(message.message));
  }

  #lost(message: string): void {
    const reason = message === "" ? "its worker ended, perhaps for lack of memory" : message;
    const sentence = `The training stopped: ${reason}.`;
    this.close(sentence);
    this.#listener.lost?.(sentence);
  }
}

function isCallEnd(message: unknown): message is CallEnd {
  const type: unknown = typeof message === "object" && message !== null && "type" in message ? message.type : null;
  return type === "result" || type === "error";
}

/** Typed, and without the target origin that only windows have. */
export function post(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  postMessage(message, { transfer: [...transfer] });
}

/** The worker's side: answers each call. @param buffersOf what of a result is moved instead of copied; default: nothing. */
export function serveCalls<Names extends Methods<Names>>(
  answer: (call: CallOf<Names>) => unknown,
  buffersOf: (result: unknown) => readonly ArrayBuffer[] = () => [],
): void {
  const reply = async (call: CallOf<Names>): Promise<void> => {
    try {
      const value = await answer(call);
      post({ type: "result", id: call.id, value } satisfies CallEnd, buffersOf(value));
    } catch (error) {
      post({ type: "error", id: call.id, message: sentenceOf(error) } satisfies CallEnd);
    }
  };
  addEventListener("message", ({ data }: MessageEvent<CallOf<Names>>) => void reply(data));
}
