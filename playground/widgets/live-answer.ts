/** Keeps an answer about the shared run up to date while the element that shows it is on the screen. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { RunClient } from "../run/client.ts";
import type { At } from "../run/protocol.ts";
import { Question } from "../run/question.ts";

/** An element that shows something of a run at a moment. */
export interface LookingHost extends ReactiveControllerHost, Element {
  /** The run. */
  readonly run: RunClient;
  /** The moment; null follows the training. */
  readonly at: At;
  /** Whether `at` is the newest snapshot, which the training replaces; absent: the visitor chose it. */
  readonly isFollowing?: boolean;
}

/** What is asked. */
export interface Asking<Answer> {
  /** What the visitor chose, as one string; null: nothing to ask. */
  readonly subject: () => string | null;
  /** Asks the run. */
  readonly ask: (run: RunClient, at: At) => Promise<Answer>;
}

/** Draws the host again after each answer. */
export class LiveAnswer<Answer> implements ReactiveController {
  readonly #host: LookingHost;
  readonly #question: Question<Answer>;
  readonly #observer: IntersectionObserver;
  readonly #check = (): void => this.#question.check();
  readonly #forget = (): void => this.#question.forget();

  constructor(host: LookingHost, { subject, ask }: Asking<Answer>) {
    this.#host = host;
    this.#question = new Question({
      key: () => {
        const [chosen, { run, at, isFollowing = at === null }] = [subject(), host];
        if (chosen === null || run.header === null) return null;
        // The state, too: at rest, the last answer is of the last step.
        return isFollowing
          ? { subject: chosen, moment: `${at ?? run.step} ${run.state}` }
          : { subject: `${at} ${chosen}`, moment: "" };
      },
      ask: () => ask(host.run, host.at),
      changed: () => host.requestUpdate(),
    });
    this.#observer = new IntersectionObserver((entries) =>
      this.#question.want(entries.at(-1)?.isIntersecting ?? false),
    );
    host.addController(this);
  }

  /** The latest answer; null: none yet. */
  get value(): Answer | null {
    return this.#question.answer;
  }

  /** Why the latest asking failed, for the visitor; null if it did not. */
  get problem(): string | null {
    return this.#question.problem;
  }

  hostConnected(): void {
    const { run } = this.#host;
    this.#observer.observe(this.#host);
    run.addEventListener("change", this.#check);
    run.addEventListener("open", this.#forget);
  }

  hostDisconnected(): void {
    const { run } = this.#host;
    this.#observer.disconnect();
    this.#question.want(false);
    run.removeEventListener("change", this.#check);
    run.removeEventListener("open", this.#forget);
  }

  hostUpdated(): void {
    this.#question.check();
  }
}
