/** Which tokens a token reads: a text's tokens in a row, coloured by the attention of the one that is pointed at or focused. */
import { shownToken } from "../widgets/token-text.ts";
import { byId, make, percent } from "./elements.ts";
import type { Attention } from "./page-model.ts";

/** The tokens that are named below the row. */
const NAMED = 4;

/** The row of tokens, and the choice of layer and head. */
export class AttentionView {
  readonly #row = byId("tokens", HTMLDivElement);
  readonly #layer = byId("layer", HTMLSelectElement);
  readonly #head = byId("head", HTMLSelectElement);
  #shown: Attention = { tokens: [], attention: [] };
  #buttons: HTMLButtonElement[] = [];
  #chosen = 0;

  constructor() {
    for (const select of [this.#layer, this.#head]) select.addEventListener("change", () => this.#read(this.#chosen));
    this.#row.addEventListener("keydown", (event) => this.#press(event));
    this.#row.addEventListener("pointerleave", () => this.#read(this.#chosen));
  }

  /** Moves the focus to the chosen token. */
  focus(): void {
    this.#buttons.at(this.#chosen)?.focus();
  }

  /** Shows a text's attention, from its last token. */
  show(shown: Attention): void {
    byId("attention-section", HTMLElement).hidden = false;
    this.#shown = shown;
    fill(this.#layer, shown.attention.length, "layer");
    fill(this.#head, shown.attention[0].length, "head", "mean of all");
    this.#buttons = shown.tokens.map((token, position) => this.#button(token, position));
    this.#row.replaceChildren(...this.#buttons);
    this.#choose(shown.tokens.length - 1);
  }

  #button(token: string, position: number): HTMLButtonElement {
    const button = make("button", { type: "button", role: "radio" }, shownToken(token));
    button.addEventListener("pointerenter", () => this.#read(position));
    button.addEventListener("focus", () => this.#choose(position));
    button.addEventListener("click", () => this.#choose(position));
    return button;
  }

  #press(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#buttons.at(Math.max(0, Math.min(this.#buttons.length - 1, this.#chosen + step)))?.focus();
  }

  #choose(position: number): void {
    this.#chosen = position;
    for (const [i, button] of this.#buttons.entries()) {
      button.setAttribute("aria-checked", String(i === position));
      button.tabIndex = i === position ? 0 : -1;
    }
    this.#read(position);
  }

  /** Colours the tokens by what the one at `position` reads. */
  #read(position: number): void {
    const { tokens } = this.#shown;
    const shares = this.#sharesOf(position);
    for (const [i, button] of this.#buttons.entries()) {
      button.style.setProperty("--share", String(shares[i]));
      button.classList.toggle("reading", i === position);
    }
    const most = [...shares.keys()].toSorted((a, b) => shares[b] - shares[a]).slice(0, NAMED);
    const named = most.filter((i) => shares[i] > 0).map((i) => `“${shownToken(tokens[i])}” ${percent(shares[i])}`);
    const reads = `“${shownToken(tokens[position])}” reads ${named.join(", ")}`;
    byId("reads", HTMLParagraphElement).textContent = reads;
  }

  /** The row of the matrix [T]; 0 for later tokens. */
  #sharesOf(position: number): number[] {
    const { tokens, attention } = this.#shown;
    const heads = attention[Number(this.#layer.value)];
    const chosen = this.#head.value === "" ? heads : [heads[Number(this.#head.value)]];
    return tokens.map(
      (_, i) => chosen.reduce((sum, head) => sum + head[position * tokens.length + i], 0) / chosen.length,
    );
  }
}

/** Options 0 to `count` − 1, after one for all of them; keeps a choice that is still there. */
function fill(select: HTMLSelectElement, count: number, noun: string, all: string | null = null): void {
  if (select.dataset.count === String(count)) return;
  select.dataset.count = String(count);
  const options = Array.from({ length: count }, (_, i) => make("option", { value: String(i) }, `${noun} ${i}`));
  if (all !== null) options.unshift(make("option", { value: "" }, all));
  select.replaceChildren(...options);
}
