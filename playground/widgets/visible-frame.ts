/**
 * Draws an element at most once per animation frame, and only while it is on the screen and something has changed. For a printer,
 * which also takes what is off the screen and waits for no frame, it draws at once.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Calls `draw` in the next animation frame after `mark`, or when the element comes into view. */
export class VisibleFrame implements ReactiveController {
  readonly #host: Element;
  readonly #draw: () => void;
  readonly #observer: IntersectionObserver;
  #isVisible = false;
  #isDirty = true;
  #isPrinting = false;
  #frame: number | null = null;

  constructor(host: ReactiveControllerHost & Element, draw: () => void) {
    this.#host = host;
    this.#draw = draw;
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "100px" });
    host.addController(this);
  }

  hostConnected(): void {
    this.#observer.observe(this.#host);
    addEventListener("beforeprint", this.#print);
    addEventListener("afterprint", this.#printed);
  }

  hostDisconnected(): void {
    this.#observer.disconnect();
    removeEventListener("beforeprint", this.#print);
    removeEventListener("afterprint", this.#printed);
    [this.#isVisible, this.#isPrinting] = [false, false];
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

  readonly #print = (): void => {
    this.#isPrinting = true;
    this.#schedule();
  };

  readonly #printed = (): void => {
    this.#isPrinting = false;
  };

  #schedule(): void {
    if (!this.#isDirty) return;
    if (this.#isPrinting) this.#drawNow();
    else if (this.#isVisible) this.#frame ??= requestAnimationFrame(() => this.#drawNow());
  }

  #drawNow(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.#isDirty = false;
    this.#draw();
  }
}
