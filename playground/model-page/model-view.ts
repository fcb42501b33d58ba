/** The form and what it starts: texts, the next tokens, attention. */
import { initialOptions, SAMPLE_OPTIONS } from "../../src/options/config.ts";
import { AttentionView } from "./attention.ts";
import { byId } from "./elements.ts";
import { NextTokensView } from "./next-tokens.ts";
import type { PageModel, WriteRequest } from "./page-model.ts";
import { TextList } from "./texts.ts";

/** Texts that the form asks for at first; `microgpt sample` writes more, the first of them the same. */
const FIRST_COUNT = 5;

/** The view of one model after another. */
export class ModelView {
  readonly #say: (message: string) => void;
  readonly #fail: (error: unknown) => void;
  readonly #form = byId("form", HTMLFormElement);
  readonly #prefix = byId("prefix", HTMLTextAreaElement);
  readonly #stop = byId("stop", HTMLButtonElement);
  readonly #attention = new AttentionView();
  #model: PageModel | null = null;
  #next: NextTokensView | null = null;
  #writing: AbortController | null = null;

  constructor(say: (message: string) => void, fail: (error: unknown) => void) {
    this.#say = say;
    this.#fail = fail;
    const { temperature, seed } = initialOptions(SAMPLE_OPTIONS);
    for (const [id, value] of Object.entries({ temperature, seed, count: FIRST_COUNT })) {
      byId(id, HTMLInputElement).value = String(value);
    }
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#write();
    });
    this.#stop.addEventListener("click", () => this.#writing?.abort());
    this.#prefix.addEventListener("input", () => void this.#next?.show(this.#prefix.value));
    this.#prefix.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  /** Shows a model in place of the one before, whose texts are hidden and whose late answers are ignored. */
  open(model: PageModel): void {
    this.#writing?.abort();
    this.#next?.close();
    byId("texts-section", HTMLElement).hidden = true;
    this.#model = model;
    this.#next = new NextTokensView(model, this.#fail);
    this.#form.hidden = false;
    this.#say("Ready.");
    void this.#next.show(this.#prefix.value);
  }

  async #write(): Promise<void> {
    const model = this.#model;
    if (model === null || this.#writing !== null) return;
    const { signal } = (this.#writing = new AbortController());
    const request = this.#request();
    const warnings: string[] = [];
    const { attention } = model;
    const list = new TextList(
      attention === null ? null : (text, isAsked) => void this.#look(text, isAsked),
      (warning) => warnings.push(warning),
    );
    list.begin(request.prefix);
    this.#setBusy(true);
    this.#say("Writing…");
    try {
      await model.write(request, list, signal);
      if (model === this.#model) this.#say(warnings.length === 0 ? "Done." : `Done; ${warnings.join("; ")}.`);
    } catch (error) {
      if (model !== this.#model) return; // the status is that of the model that is shown
      if (signal.aborted) this.#say("Stopped.");
      else this.#fail(error);
    } finally {
      this.#writing = null;
      this.#setBusy(false);
    }
  }

  async #look(text: string, isAsked: boolean): Promise<void> {
    try {
      const attention = await this.#model?.attention?.(text);
      if (attention === undefined) return;
      this.#attention.show(attention);
      if (isAsked) this.#attention.focus();
    } catch (error) {
      this.#fail(error);
    }
  }

  #setBusy(isBusy: boolean): void {
    const write = byId("write", HTMLButtonElement);
    const hadFocus = [write, this.#stop].some((button) => button === document.activeElement);
    [write.disabled, this.#stop.disabled] = [isBusy, !isBusy];
    if (hadFocus) (isBusy ? this.#stop : write).focus(); // a disabled button loses it
  }

  #request(): WriteRequest {
    const number = (id: string): number => byId(id, HTMLInputElement).valueAsNumber;
    const topK = number("top-k");
    return {
      prefix: this.#prefix.value,
      temperature: number("temperature"),
      topK: Number.isNaN(topK) ? null : topK,
      count: number("count"),
      seed: number("seed"),
    };
  }
}
