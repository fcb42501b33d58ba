/**
 * What a visitor takes along: the run as a .zip that `microgpt resume` continues, a link that trains the same model, and a
 * run from a .zip that continues here. Also says whether the browser keeps the run.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import { sentenceOf } from "../../run/sentence.ts";
import type { RunKeeper } from "../../storage/run-keeper.ts";
import { BUNDLED_NAMES } from "../../texts/bundled.ts";
import { isOnThisMachine } from "../../shell/offline.ts";
import { whole } from "../../widgets/numbers.ts";
import { downloadedMessage, linkMessage, openedMessage } from "./keep-words.ts";

/** Loaded when the first run is packed or unpacked: the first page stays small. */
const loadZip = (): Promise<typeof import("../../storage/run-zip.ts")> => import("../../storage/run-zip.ts");

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

  override updated(changed: PropertyValues): void {
    if (!changed.has("run")) return;
    // What was said is of the run before.
    this.run.addEventListener("open", () => (this.message = ""));
  }

  override render(): TemplateResult {
    const { header, request } = this.run;
    const { problem, savedStep } = this.keeper;
    return html`
      <div class="row">
        <button ?disabled=${header === null} @click=${() => void this.#download()}>Download the run</button>
        <button ?disabled=${request === null} @click=${() => void this.#copyLink()}>Copy a link</button>
        ${
          header !== null && request === null
            ? html`<span class="small muted">A run from a file has no link; download it instead.</span>`
            : nothing
        }
        ${
          this.hasOwnText
            ? html`<label
                ><input type="checkbox" .checked=${this.withText} @change=${() => (this.withText = !this.withText)} />
                put my text in the link</label
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
      const { unzipRun } = await loadZip();
      const { name, files } = unzipRun(new Uint8Array(await file.arrayBuffer()));
      const header = await this.run.openFiles({ files, bundled: BUNDLED_NAMES });
      this.message = openedMessage(name, { step: header.step, numSteps: header.options.numSteps });
    } catch (error) {
      this.message = sentenceOf(error);
    }
  }

  async #download(): Promise<void> {
    try {
      const { step, header } = this.run;
      const name = `run-${step}`;
      const { zipRun } = await loadZip();
      const blob = new Blob([zipRun(await this.run.files(), name)], { type: "application/zip" });
      const url = URL.createObjectURL(blob);
      const link = Object.assign(document.createElement("a"), { href: url, download: `${name}.zip` });
      link.click();
      URL.revokeObjectURL(url);
      this.message = downloadedMessage(name, { step, numSteps: header?.options.numSteps ?? step });
    } catch (error) {
      this.message = sentenceOf(error);
    }
  }

  async #copyLink(): Promise<void> {
    try {
      const { hasOwnText, withText } = this;
      await navigator.clipboard.writeText(this.linkOf(withText));
      const isStrict = this.run.header?.options.strictMath ?? false;
      this.message = linkMessage({ hasOwnText, withText, isStrict, isLocal: isOnThisMachine() });
    } catch (error) {
      this.message = sentenceOf(error);
    }
  }

  async #choose({ target }: Event): Promise<void> {
    const file = target instanceof HTMLInputElement ? target.files?.item(0) : null;
    if (file !== null && file !== undefined) await this.openZip(file);
  }
}

customElements.define("mg-keep-run", KeepRun);
