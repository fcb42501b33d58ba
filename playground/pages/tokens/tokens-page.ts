/** Tokens: a text through the four tokenizers side by side, merge by merge, learnt from that text in this page. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { TokenizerKind } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import { fetchGenesis } from "../../texts/bundled.ts";
import "../../widgets/text-input.ts";
import type { TextChange } from "../../widgets/text-input.ts";
import { countsTable, frequentTable } from "./counts-table.ts";
import { MergeBar } from "./merge-bar.ts";
import "./token-race.ts";
import "./token-view.ts";
import { TokensClient } from "./tokens-client.ts";
import type { KindEncoding } from "./tokens-protocol.ts";

/** Merges that are learnt, where the text has so many. */
const MAX_MERGES = 500;
const FIRST_MERGES = 40;

/** What a token is, by tokenizer. */
const ABOUT: Readonly<Record<TokenizerKind, string>> = {
  char: "A token is a character. Few ids, long texts.",
  word: "A token is a word or a mark. Short texts, a vocabulary as large as the text's; a new word is unknown.",
  bpe: "Words begin as characters; the most frequent pair becomes a token, again and again. </w> ends a word.",
  "byte-bpe": "The same from bytes, a space being part of the word after it. Nothing is unknown; GPT-2 reads so.",
};

const styles = css`
  .stack {
    display: grid;
    gap: var(--gap);
    grid-template-columns: minmax(0, 1fr);
  }
  label.row {
    flex-wrap: nowrap;
    margin-top: 6px;
  }
  .two {
    display: grid;
    gap: var(--gap);
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr));
  }
  .about {
    min-height: 3em;
  }
  .frequent {
    max-height: 260px;
  }
  table {
    min-width: 420px;
  }
`;

/** The page. */
export class TokensPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
    text: { state: true },
    initial: { state: true },
    problem: { state: true },
    other: { state: true },
    showsOther: { state: true },
    merges: { state: true },
    unk: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;
  declare text: string;
  /** The text of the beginning; "" before it is loaded. */
  declare initial: string;
  /** Why there is no such text; null: there is. */
  declare problem: string | null;
  /** Another text, which the tokenizers did not learn from. */
  declare other: string;
  /** Whether the page shows the other text in tokens. */
  declare showsOther: boolean;
  declare merges: number;
  declare unk: boolean;
  readonly #client = new TokensClient();
  #removeShortcuts: () => void = () => {};

  constructor() {
    super();
    [this.text, this.initial, this.problem] = ["", "", null];
    [this.other, this.showsOther] = [OTHER_TEXT, false];
    [this.merges, this.unk] = [FIRST_MERGES, false];
    this.#client.addEventListener("change", () => this.requestUpdate());
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#removeShortcuts = this.app.addShortcuts([
      { key: " ", label: "Space", does: "play or pause the merges", run: () => this.#bar?.togglePlay() },
      { key: "ArrowRight", label: "→", does: "one merge more", run: () => this.#bar?.step(1) },
      { key: "ArrowLeft", label: "←", does: "one merge fewer", run: () => this.#bar?.step(-1) },
    ]);
    if (this.initial === "") void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.initial = await fetchGenesis();
      this.#change({ text: this.text === "" ? this.initial : this.text });
    } catch {
      this.problem = "The bundled text could not be loaded; type or paste one.";
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#removeShortcuts();
  }

  get #bar(): MergeBar | null {
    const bar = this.renderRoot.querySelector("mg-merge-bar");
    return bar instanceof MergeBar ? bar : null;
  }

  #want(): void {
    const { text, merges, unk } = this;
    const other = this.showsOther ? this.other : null;
    if (text !== "") this.#client.want({ text, maxMerges: MAX_MERGES, unk, merges, other });
  }

  #change(change: Partial<Pick<TokensPage, "text" | "other" | "showsOther" | "merges" | "unk">>): void {
    Object.assign(this, change);
    this.problem = null;
    this.#want();
  }

  override render(): TemplateResult {
    const { failure, learnt, encodings } = this.#client;
    const problem = failure ?? this.problem;
    return html`
      <h1>Tokens</h1>
      <p>
        A model reads numbers, each of which is the id of a token: a piece of text. Four tokenizers learn their tokens
        from your text, here in the page.
      </p>
      <div class="stack">
        <div class="two">
          <section class="card">
            <mg-text-input
              label="Text to learn from"
              .value=${this.text}
              .initial=${this.initial}
              @text=${({ detail }: TextChange) => this.#change({ text: detail })}
            ></mg-text-input>
          </section>
          <section class="card">${this.#another()}</section>
        </div>
        ${problem === null ? "" : html`<p class="card" role="alert">${problem}</p>`}
        <section class="card">
          <h2>Merge by merge</h2>
          <mg-merge-bar
            .learnt=${learnt}
            .value=${this.merges}
            @merges=${({ detail }: CustomEvent<number>) => this.#change({ merges: detail })}
          ></mg-merge-bar>
        </section>
        <section class="card">
          <h2>${!this.showsOther ? "The text in tokens" : "The other text in tokens"}</h2>
          ${countsTable(encodings)}
        </section>
        <div class="two">${encodings.map((encoding) => this.#view(encoding))}</div>
        <section class="card">
          <mg-token-race
            .text=${this.text}
            .merges=${this.merges}
            .announce=${(message: string) => this.app.announce(message)}
          ></mg-token-race>
        </section>
      </div>
    `;
  }

  #another(): TemplateResult {
    return html`
      <mg-text-input
        label="Another text to encode"
        .value=${this.other}
        .initial=${OTHER_TEXT}
        rows="3"
        @text=${({ detail }: TextChange) => this.#change({ other: detail, showsOther: true })}
      ></mg-text-input>
      <label class="row"
        ><input
          type="checkbox"
          .checked=${this.showsOther}
          @change=${() => this.#change({ showsOther: !this.showsOther })}
        />show this text below: what happens to letters and words that the tokenizers have not seen?</label
      >
      <label class="row"
        ><input type="checkbox" .checked=${this.unk} @change=${() => this.#change({ unk: !this.unk })} />learn a token
        for unknown pieces (char, word)</label
      >
    `;
  }

  #view(encoding: KindEncoding): TemplateResult {
    const { kind, shown, newest, isCut } = encoding;
    return html`<section class="card">
      <h2>${kind}</h2>
      <p class="small muted about">${ABOUT[kind]}</p>
      <mg-token-view .tokens=${shown} .newest=${newest} label="The text as ${kind} tokens"></mg-token-view>
      ${isCut ? html`<p class="small muted">The beginning of the text; the counts are of all of it.</p>` : ""}
      <details>
        <summary class="small">Most frequent tokens as a table</summary>
        ${frequentTable(encoding)}
      </details>
    </section>`;
  }
}

const OTHER_TEXT = "In the beginning was the café, 日本 and 🙂.";

customElements.define("mg-tokens-page", TokensPage);
