/** The page's side of the lessons' worker: calls its methods and tells widgets how far a training is. */
import type { LessonCall, LessonMessage, LessonMethod, LessonMethods } from "./protocol.ts";
import type { RungName, StepReport } from "./model/rungs.ts";

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One worker for all chapters, started by the first call. Event "progress": `rung` and `report` have changed. */
export class Learner extends EventTarget {
  /** The rung in training; null before the first. */
  rung: RungName | null = null;
  report: StepReport | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #nextId = 0;

  /** Calls a method of the worker. Rejects with a sentence for the visitor if it fails or the worker ends. */
  async call<Method extends LessonMethod>(
    method: Method,
    ...given: Parameters<LessonMethods[Method]>
  ): Promise<ReturnType<LessonMethods[Method]>> {
    const worker = this.#running();
    const id = this.#nextId++;
    const result = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage({ id, method, argument: given[0] ?? null } satisfies LessonCall);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the worker answers with the method's result
    return (await result) as ReturnType<LessonMethods[Method]>;
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL("./learn-worker.ts", import.meta.url), { type: "module", name: "lessons" });
    worker.addEventListener("message", ({ data }: MessageEvent<LessonMessage>) => this.#take(data));
    worker.addEventListener("error", ({ message }) => this.#lost(message));
    this.#worker = worker;
    return worker;
  }

  #take(message: LessonMessage): void {
    if (message.type === "progress") {
      this.rung = message.rung;
      this.report = message.report;
      this.dispatchEvent(new Event("progress"));
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === "result") waiting?.resolve(message.value);
    else waiting?.reject(new Error(message.message));
  }

  #lost(message: string): void {
    const reason = message === "" ? "its worker ended, perhaps for lack of memory" : message;
    for (const { reject } of this.#waiting.values()) reject(new Error(`The lesson's training stopped: ${reason}.`));
    this.#waiting.clear();
    this.#worker?.terminate();
    this.#worker = null;
  }
}
