/** The list of texts that the model writes: they grow while it writes, and then get their mark. */
import type { Completion } from "../../src/library/prompt.ts";
import type { Mark } from "../../src/text/text-marks.ts";
import { byId, make } from "./elements.ts";
import type { TextSink } from "./page-model.ts";

const NAMES: Readonly<Record<Mark, string>> = { copied: "copied", near: "near copy", new: "new" };

/** The list. */
export class TextList implements TextSink {
  readonly #list = byId("texts", HTMLOListElement);
  readonly #look: ((text: string, isAsked: boolean) => void) | null;
  readonly warn: (message: string) => void;
  #prefix = "";
  #items: { readonly item: HTMLLIElement; readonly text: HTMLSpanElement }[] = [];

  /** @param look shows a text's attention, of the first one unasked; null: that is not known. @param warn shows what was left out of a prefix. */
  constructor(look: ((text: string, isAsked: boolean) => void) | null, warn: (message: string) => void) {
    this.#look = look;
    this.warn = warn;
  }

  /** Begins anew. */
  begin(prefix: string): void {
    byId("texts-section", HTMLElement).hidden = false;
    this.#prefix = prefix;
    this.#items = [];
    this.#list.replaceChildren();
  }

  add(index: number, piece: string): void {
    while (this.#items.length <= index) {
      const text = make("span", { class: "text" }, make("span", { class: "prefix" }, this.#prefix));
      const item = make("li", {}, text);
      this.#items.push({ item, text });
      this.#list.append(item);
    }
    this.#items[index].text.append(piece);
  }

  end(index: number, { prompt, more }: Completion, mark: Mark | null): void {
    this.add(index, "");
    const { item, text } = this.#items[index];
    text.replaceChildren(make("span", { class: "prefix" }, prompt), more);
    if (prompt + more === "") item.append(make("span", { class: "muted" }, "(empty: the model ends the text at once)"));
    if (mark !== null) item.append(" ", make("span", { class: `mark ${mark}` }, NAMES[mark]));
    const look = this.#look;
    if (look === null) return;
    const button = make(
      "button",
      { type: "button", class: "look", "aria-label": `Attention of text ${index + 1}` },
      "attention",
    );
    button.addEventListener("click", () => look(prompt + more, true));
    item.append(" ", button);
    if (index === 0) look(prompt + more, false);
  }
}
