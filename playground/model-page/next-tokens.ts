/** The likeliest next tokens after the prefix: a table whose last column draws the probability as a bar. */
import { shownToken } from "../widgets/token-text.ts";
import { byId, make, percent } from "./elements.ts";
import type { PageModel } from "./page-model.ts";

/** Shows them for what is in the field, each time that it changes; of several changes at once, the last counts. */
export class NextTokensView {
  readonly #model: PageModel;
  readonly #fail: (error: unknown) => void;
  #wanted: string | null = null;
  #isBusy = false;
  #isClosed = false;

  constructor(model: PageModel, fail: (error: unknown) => void) {
    this.#model = model;
    this.#fail = fail;
  }

  /** Shows the tokens after a prefix. */
  async show(prefix: string): Promise<void> {
    this.#wanted = prefix;
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let asked = this.#next(); asked !== null; asked = this.#next()) {
        const tokens = await this.#model.nextTokens(asked);
        if (this.#isClosed) return;
        draw(asked, tokens);
      }
    } catch (error) {
      if (!this.#isClosed) this.#fail(error);
    } finally {
      this.#isBusy = false;
    }
  }

  /** Hides the table; an answer that is under way is ignored. */
  close(): void {
    this.#isClosed = true;
    byId("next-section", HTMLElement).hidden = true;
  }

  #next(): string | null {
    const wanted = this.#wanted;
    this.#wanted = null;
    return wanted;
  }
}

function draw(prefix: string, tokens: Awaited<ReturnType<PageModel["nextTokens"]>>): void {
  byId("next-section", HTMLElement).hidden = false;
  byId("next-caption", HTMLTableCaptionElement).textContent =
    prefix === ""
      ? "The likeliest tokens at the beginning of a text"
      : `The likeliest tokens after “${prefix.slice(-40)}”`;
  const rows = tokens.map(({ token, isEnd, probability }) => {
    const bar = make("div", { class: "bar" });
    bar.style.width = percent(probability).replace(" ", "");
    const name = isEnd ? make("i", {}, "end of the text") : make("code", {}, shownToken(token));
    const cells = [make("td", { class: "number" }, percent(probability)), make("td", { class: "bars" }, bar)];
    return make("tr", {}, make("th", { scope: "row" }, name), ...cells);
  });
  byId("next", HTMLTableSectionElement).replaceChildren(...rows);
}
