/** The worker of the lessons: the messages around `Lessons`. */
import text from "../../../data/names.txt?raw";
import { post, serveCalls } from "../../run/calls.ts";
import { Lessons } from "./lessons.ts";
import { namesOf } from "./model/names.ts";
import type { LessonMethods, LessonReport } from "./protocol.ts";

/** At most 20 reports per second. */
const REPORT_MS = 50;

let reportedMs = 0;

const lessons = new Lessons(namesOf(text), (rung, report) => {
  const nowMs = performance.now();
  if (nowMs - reportedMs < REPORT_MS) return;
  reportedMs = nowMs;
  post({ type: "progress", rung, report } satisfies LessonReport);
});

serveCalls<LessonMethods>(({ method, argument }) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the client pairs methods with their arguments
  const call = lessons[method].bind(lessons) as (argument: unknown) => unknown;
  return call(argument);
});
