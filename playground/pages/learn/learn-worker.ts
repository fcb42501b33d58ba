/** The worker of the lessons: the messages around `Lessons`. */
import text from "../../../data/names.txt?raw";
import { Lessons } from "./lessons.ts";
import { namesOf } from "./model/names.ts";
import type { LessonCall, LessonMessage } from "./protocol.ts";

/** At most 20 reports per second. */
const REPORT_MS = 50;

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
const post = (message: LessonMessage): void => postMessage(message);
let reportedMs = 0;

const lessons = new Lessons(namesOf(text), (rung, report) => {
  const nowMs = performance.now();
  if (nowMs - reportedMs < REPORT_MS) return;
  reportedMs = nowMs;
  post({ type: "progress", rung, report });
});

addEventListener("message", ({ data }: MessageEvent<LessonCall>) => {
  const { id, method, argument } = data;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the client pairs methods with their arguments
    const call = lessons[method].bind(lessons) as (argument: unknown) => unknown;
    post({ type: "result", id, value: call(argument) });
  } catch (error) {
    post({ type: "error", id, message: error instanceof Error ? error.message : String(error) });
  }
});
