/** The page's side of its worker: a promise per request. Rejects with a sentence for the visitor. */
import type { StepAnswer, StepData, StepRequest } from "./protocol.ts";

type Unsent<Request> = Request extends StepRequest ? Omit<Request, "id"> : never;

/** Asks the worker, which starts with the first question. */
export class StepClient {
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, { resolve: (answer: StepAnswer) => void; reject: (error: Error) => void }>();
  #nextId = 0;

  /** A step on a document, after some steps of training. */
  async trace(document: string, stepsBefore: number): Promise<StepData> {
    const answer = await this.#ask({ type: "trace", document, stepsBefore });
    if (answer.type !== "traced") throw new Error(answer.type === "refused" ? answer.message : "unexpected answer");
    return answer.data;
  }

  /** d(loss)/d(weight) by a finite difference, at the weights before the step that was traced last. */
  async check(weight: number): Promise<number> {
    const answer = await this.#ask({ type: "check", weight });
    if (answer.type !== "checked") throw new Error(answer.type === "refused" ? answer.message : "unexpected answer");
    return answer.difference;
  }

  #ask(request: Unsent<StepRequest>): Promise<StepAnswer> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
      this.#running().postMessage({ ...request, id });
    });
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL("./step-worker.ts", import.meta.url), { type: "module", name: "one step" });
    worker.addEventListener("message", ({ data }: MessageEvent<StepAnswer>) => {
      this.#waiting.get(data.id)?.resolve(data);
      this.#waiting.delete(data.id);
    });
    worker.addEventListener("error", ({ message }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`The worker stopped: ${message}`));
      this.#waiting.clear();
      this.#worker = null;
    });
    this.#worker = worker;
    return worker;
  }
}
