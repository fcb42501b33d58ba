/** Learn: to be written. */
import { html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import { Learner } from "./learner.ts";
import "./widgets/ladder.ts";

/** The page. */
export class LearnPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
  };
  static override styles: CSSResult[] = [shared];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;
  readonly #learner = new Learner();

  override render(): TemplateResult {
    return html`<h1>Learn</h1>
      <section class="card">
        <h2>Nine models of the same names</h2>
        <mg-ladder .learner=${this.#learner}></mg-ladder>
      </section>`;
  }
}

customElements.define("mg-learn-page", LearnPage);
