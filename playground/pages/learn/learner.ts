/** The page's side of the lessons' worker: calls its methods and tells widgets how far a training is. */
import { WorkerCalls } from "../../run/calls.ts";
import type { LessonMethods, LessonReport } from "./protocol.ts";
import type { RungName, StepReport } from "./model/rungs.ts";

/** One worker for all chapters, started by the first call. Event "progress": `rung` and `report` have changed. */
export class Learner extends EventTarget {
  /** The rung in training; null before the first. */
  rung: RungName | null = null;
  report: StepReport | null = null;
  readonly #calls = new WorkerCalls<LessonMethods, LessonReport>(
    () => new Worker(new URL("./learn-worker.ts", import.meta.url), { type: "module", name: "lessons" }),
    { report: (report) => this.#take(report) },
  );

  /** Calls a method of the worker. Rejects with a sentence for the visitor if it fails or the worker ends. */
  call: WorkerCalls<LessonMethods>["call"] = (method, ...argument) => this.#calls.call(method, ...argument);

  #take({ rung, report }: LessonReport): void {
    this.rung = rung;
    this.report = report;
    this.dispatchEvent(new Event("progress"));
  }
}
