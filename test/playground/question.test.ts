import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Question } from "../../playground/run/question.ts";
import type { QuestionKey } from "../../playground/run/question.ts";

/** A question whose answers are given by hand. */
function newQuestion(): {
  readonly question: Question<string>;
  readonly asked: string[];
  readonly set: (subject: string, moment: string) => void;
  readonly answer: () => Promise<void>;
  readonly fail: (message: string) => Promise<void>;
} {
  let key: QuestionKey = { subject: "a", moment: "1" };
  const asked: string[] = [];
  let waiting: { resolve: (answer: string) => void; reject: (error: Error) => void } | null = null;
  const question = new Question<string>({
    key: () => key,
    ask: () => {
      asked.push(`${key.subject}${key.moment}`);
      return new Promise<string>((resolve, reject) => (waiting = { resolve, reject }));
    },
    changed: () => {},
  });
  const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
  return {
    question,
    asked,
    set: (subject, moment) => {
      key = { subject, moment };
      question.check();
    },
    answer: async () => {
      waiting?.resolve(`answer to ${asked.at(-1)}`);
      await settled();
    },
    fail: async (message) => {
      waiting?.reject(new Error(message));
      await settled();
    },
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a question about a training", () => {
  test("is asked when it is wanted, once for each change", async () => {
    const { question, asked, answer } = newQuestion();
    question.check();
    expect(asked).toEqual([]);
    question.want(true);
    question.check();
    expect(asked).toEqual(["a1"]);
    await answer();
    expect([question.answer, asked]).toEqual(["answer to a1", ["a1"]]);
  });

  test("what the training changes is asked at most twice per second, and the newest moment counts", async () => {
    const { question, asked, set, answer } = newQuestion();
    question.want(true);
    await answer();
    for (let moment = 2; moment <= 100; moment++) {
      set("a", String(moment));
      await vi.advanceTimersByTimeAsync(15);
      if (asked.length > 1) await answer();
    }
    // 99 moments of 15 ms: at 0 ms, 500 ms and 1,000 ms.
    expect(asked).toEqual(["a1", "a35", "a68"]);
    await vi.advanceTimersByTimeAsync(500);
    expect(asked.at(-1)).toBe("a100");
  });

  test("what the visitor changes is asked at once", async () => {
    const { question, asked, set, answer } = newQuestion();
    question.want(true);
    await answer();
    set("b", "1");
    expect(asked).toEqual(["a1", "b1"]);
  });

  test("while an answer is awaited, the last wish waits", async () => {
    const { question, asked, set, answer } = newQuestion();
    question.want(true);
    set("b", "1");
    set("c", "1");
    expect(asked).toEqual(["a1"]);
    await answer();
    expect(asked).toEqual(["a1", "c1"]);
  });

  test("out of view nothing is asked, also not what was planned", async () => {
    const { question, asked, set, answer } = newQuestion();
    question.want(true);
    await answer();
    set("a", "2");
    question.want(false);
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked).toEqual(["a1"]);
    question.want(true);
    expect(asked).toEqual(["a1", "a2"]);
  });

  test("a failure is a problem and leaves the last answer; the next answer ends it", async () => {
    const { question, set, answer, fail } = newQuestion();
    question.want(true);
    await answer();
    set("b", "1");
    await fail("no such matrix");
    expect([question.answer, question.problem]).toEqual(["answer to a1", "no such matrix"]);
    set("c", "1");
    await answer();
    expect([question.answer, question.problem]).toEqual(["answer to c1", null]);
  });

  test("an answer about an earlier run is dropped, and the question asked again", async () => {
    const { question, asked, answer } = newQuestion();
    question.want(true);
    question.forget();
    await answer();
    expect(question.answer).toBe(null);
    expect(asked).toEqual(["a1", "a1"]);
    await answer();
    expect(question.answer).toBe("answer to a1");
  });
});
