/** Draws an element at most once per animation frame, and only while it is on the screen and something has changed. */
import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Calls `draw` in the next animation frame after `mark`, or when the element comes into view. */
export class VisibleFrame implements ReactiveController {
  readonly #host: Element;
  readonly #draw: () => void;
  readonly #observer: IntersectionObserver;
  #isVisible = false;
  #isDirty = true;
  #frame: number | null = null;

  constructor(host: ReactiveControllerHost & Element, draw: () => void) {
    this.#host = host;
    this.#draw = draw;
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "100px" });
    host.addController(this);
  }

  hostConnected(): void {
    this.#observer.observe(this.#host);
  }

  hostDisconnected(): void {
    this.#observer.disconnect();
    this.#isVisible = false;
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
  }

  /** Says that the picture is out of date. */
  mark(): void {
    this.#isDirty = true;
    this.#schedule();
  }

  #seen(entries: readonly IntersectionObserverEntry[]): void {
    this.#isVisible = entries.at(-1)?.isIntersecting ?? false;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#isVisible || !this.#isDirty || this.#frame !== null) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = null;
      this.#isDirty = false;
      this.#draw();
    });
  }
}
