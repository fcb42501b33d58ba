/** Play: to be written. */
import { html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";

/** The page. */
export class PlayPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
  };
  static override styles: CSSResult[] = [shared];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;

  override render(): TemplateResult {
    return html`<h1>Play</h1>`;
  }
}

customElements.define("mg-play-page", PlayPage);
