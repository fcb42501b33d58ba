/**
 * A question that is asked again when it has changed: one at a time, the newest wish next, and only while the answer is
 * wanted. What the visitor changes is asked at once; what only the training changes, at most twice per second.
 */

/** What a training changes, it changes faster than anyone can see. */
const MIN_INTERVAL_MS = 500;

/** What an answer depends on. */
export interface QuestionKey {
  /** What the visitor chose, as one string. */
  readonly subject: string;
  /** What the training changes, such as its step. */
  readonly moment: string;
}

/** How a question is asked. */
export interface QuestionParts<Answer> {
  /** What the answer depends on now; null: there is nothing to ask. */
  readonly key: () => QuestionKey | null;
  /** Asks. A rejection is a problem for the visitor. */
  readonly ask: () => Promise<Answer>;
  /** Called after each answer and each problem. */
  readonly changed: () => void;
}

/** A question and its latest answer. Differs from `live-answer.ts`, which knows when an element is on the screen. */
export class Question<Answer> {
  /** The latest answer; null: none yet. */
  answer: Answer | null = null;
  /** Why the latest asking failed; null if it did not. */
  problem: string | null = null;
  readonly #parts: QuestionParts<Answer>;
  #isWanted = false;
  #isAsking = false;
  #asked: QuestionKey | null = null;
  #askedMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Answers of an earlier run are dropped. */
  #run = 0;

  constructor(parts: QuestionParts<Answer>) {
    this.#parts = parts;
  }

  /** Says whether anyone looks at the answer. */
  want(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (!isWanted && this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    this.check();
  }

  /** Forgets the answer: the run is another one. */
  forget(): void {
    [this.answer, this.problem, this.#asked] = [null, null, null];
    this.#run++;
  }

  /** Asks if the question has changed since it was last asked. */
  check(): void {
    const key = this.#parts.key();
    if (!this.#isWanted || this.#isAsking || key === null || isSame(key, this.#asked)) return;
    const isSubjectNew = key.subject !== this.#asked?.subject;
    const waitMs = isSubjectNew ? 0 : this.#askedMs + MIN_INTERVAL_MS - performance.now();
    if (waitMs <= 0) void this.#ask(key);
    else this.#timer ??= setTimeout(() => this.#checkLater(), waitMs);
  }

  #checkLater(): void {
    this.#timer = null;
    this.check();
  }

  async #ask(key: QuestionKey): Promise<void> {
    const run = this.#run;
    [this.#isAsking, this.#asked, this.#askedMs] = [true, key, performance.now()];
    const [answer, problem] = await this.#parts.ask().then(
      (found): [Answer, null] => [found, null],
      (error: unknown): [null, string] => [null, error instanceof Error ? error.message : String(error)],
    );
    this.#isAsking = false;
    if (run === this.#run) {
      [this.answer, this.problem] = [answer ?? this.answer, problem];
      this.#parts.changed();
    }
    this.check();
  }
}

const isSame = (a: QuestionKey, b: QuestionKey | null): boolean => a.subject === b?.subject && a.moment === b.moment;
