/**
 * What a visitor takes along: the run as a .zip that `microgpt resume` continues, a link that trains the same model, and a
 * run from a .zip that continues here. Also says whether the browser keeps the run.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { RunHeader } from "../../run/protocol.ts";
import { sentenceOf } from "../../run/sentence.ts";
import type { RunKeeper } from "../../storage/run-keeper.ts";
import { unzipRun, zipRun } from "../../storage/run-zip.ts";
import { BUNDLED_NAMES } from "../../texts/bundled.ts";
import { whole } from "../../widgets/numbers.ts";

/** `<mg-keep-run .run .keeper .linkOf>`; fires nothing: a run that is opened replaces the shared one. */
export class KeepRun extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    keeper: { attribute: false },
    linkOf: { attribute: false },
    hasOwnText: { attribute: false },
    message: { state: true },
    withText: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .file input {
        max-width: 16em;
      }
    `,
  ];
  declare run: RunClient;
  declare keeper: RunKeeper;
  /** The address of the training. Throws InputError if the text is too long for one. */
  declare linkOf: (withText: boolean) => string;
  /** Whether the run was trained on the visitor's own text. */
  declare hasOwnText: boolean;
  declare message: string;
  declare withText: boolean;

  constructor() {
    super();
    this.hasOwnText = false;
    this.message = "";
    this.withText = false;
  }

  override render(): TemplateResult {
    const { header } = this.run;
    const { problem, savedStep } = this.keeper;
    return html`
      <div class="row">
        <button ?disabled=${header === null} @click=${() => void this.#download()}>Download the run</button>
        <button ?disabled=${this.run.request === null} @click=${() => void this.#copyLink()}>Copy a link</button>
        ${
          this.hasOwnText
            ? html`<label
                ><input type="checkbox" .checked=${this.withText} @change=${() => (this.withText = !this.withText)} />
                with my text</label
              >`
            : nothing
        }
        <label class="field file"
          >Open a run (.zip)
          <input type="file" accept=".zip" @change=${(event: Event) => void this.#choose(event)} />
        </label>
      </div>
      <p class="small muted">${this.message}</p>
      ${problem === null ? nothing : html`<p class="small" role="alert">${problem}</p>`}
      ${
        savedStep === null || problem !== null
          ? nothing
          : html`<p class="small muted">Kept in this browser at step ${whole(savedStep)}.</p>`
      }
    `;
  }

  /** Opens a run from a .zip, as when one is dropped on the page. */
  async openZip(file: Blob): Promise<void> {
    try {
      const { name, files } = unzipRun(new Uint8Array(await file.arrayBuffer()));
      const header = await this.run.openFiles({ files, bundled: BUNDLED_NAMES });
      this.message = openedMessage(name, header);
    } catch (error) {
      this.message = sentenceOf(error);
    }
  }

  async #download(): Promise<void> {
    try {
      const name = `run-${this.run.step}`;
      const blob = new Blob([zipRun(await this.run.files(), name)], { type: "application/zip" });
      const url = URL.createObjectURL(blob);
      const link = Object.assign(document.createElement("a"), { href: url, download: `${name}.zip` });
      link.click();
      URL.revokeObjectURL(url);
      this.message = `Unpack ${name}.zip into runs/ and continue it with: microgpt resume runs/${name}`;
    } catch (error) {
      this.message = sentenceOf(error);
    }
  }

  async #copyLink(): Promise<void> {
    try {
      const link = this.linkOf(this.withText);
      await navigator.clipboard.writeText(link);
      this.message = "The link is copied. It trains the same model, to the same losses, with strict arithmetic.";
    } catch (error) {
      this.message = sentenceOf(error);
    }
  }

  async #choose({ target }: Event): Promise<void> {
    const file = target instanceof HTMLInputElement ? target.files?.item(0) : null;
    if (file !== null && file !== undefined) await this.openZip(file);
  }
}

/** What an opened run is ready for. @param name its folder in the .zip; "" for none. */
function openedMessage(name: string, { step, options: { numSteps } }: RunHeader): string {
  const run = name === "" ? "The run" : name;
  const steps = `step ${whole(step)} of ${whole(numSteps)}`;
  return step < numSteps
    ? `${run} is open, at ${steps}: “Play” continues its training.`
    : `${run} is open and finished, at ${steps}: what it writes is above.`;
}

customElements.define("mg-keep-run", KeepRun);
