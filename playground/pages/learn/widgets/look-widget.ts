/**
 * A widget that looks into the trained GPT: a field for the beginning of a name, and a view of what the model makes of it.
 * Trains the model when it is first shown; all such widgets share it.
 */
import { html } from "lit";
import type { PropertyDeclarations, TemplateResult } from "lit";
import type { Look } from "../protocol.ts";
import { failed, LessonWidget, textOf } from "./lesson-widget.ts";
import "./training-progress.ts";

/** Longest beginning in letters; BOS takes one of the 16 positions. */
const MAX_LENGTH = 15;

/** The field, the waiting, and the choice of a letter; subclasses add the view. */
export abstract class LookWidget extends LessonWidget {
  static override properties: PropertyDeclarations = {
    ...LessonWidget.properties,
    text: {},
    look: { state: true },
    failure: { state: true },
    position: { state: true },
  };
  /** The beginning of a name. */
  declare text: string;
  declare look: Look | null;
  declare failure: string | null;
  /** The letter that is looked at; null for the last. */
  declare position: number | null;
  #asked = 0;

  constructor() {
    super();
    this.text = "emma";
    this.look = null;
    this.failure = null;
    this.position = null;
  }

  protected override firstUpdated(): void {
    void this.ask(this.text);
  }

  /** What the model makes of a text. */
  protected abstract view(look: Look): TemplateResult;

  /** The index of the letter that is looked at. */
  protected at(look: Look): number {
    return Math.min(this.position ?? Infinity, look.positions.length - 1);
  }

  /** Runs a text through the model; the answer to a later text wins. */
  protected async ask(text: string): Promise<void> {
    this.text = text;
    this.failure = null;
    const asked = ++this.#asked;
    try {
      const look = await this.learner.call("look", text);
      if (asked === this.#asked) this.look = look;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  override render(): TemplateResult {
    if (this.failure !== null) return failed(this.failure);
    return html`
      <label class="field"
        >The beginning of a name
        <input
          .value=${this.text}
          maxlength=${MAX_LENGTH}
          autocapitalize="off"
          autocomplete="off"
          spellcheck="false"
          @input=${(event: Event) => this.#type(event)}
      /></label>
      ${
        this.look === null
          ? html`<mg-training-progress .learner=${this.learner}></mg-training-progress>`
          : this.view(this.look)
      }
    `;
  }

  /** Buttons for the letters read so far. @param question what the choice is for. */
  protected letters(look: Look, question: string): TemplateResult {
    const at = this.at(look);
    return html`<div class="row letters" role="group" aria-label=${question} style="margin: 10px 0">
      <span class="small muted">${question}</span>
      ${look.positions.map(
        ({ token }, i) =>
          html`<button aria-pressed=${i === at} @click=${() => (this.position = i)}>${look.letters[token]}</button>`,
      )}
    </div>`;
  }

  #type(event: Event): void {
    this.position = null;
    void this.ask(textOf(event));
  }
}
