/**
 * The frame around every page: navigation, theme, the list of keys, the live region. Owns the shared run; shows one page
 * at a time and keeps those that were shown, so that coming back to one loses nothing.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { RunClient } from "../run/client.ts";
import type { App, PageElement } from "./app.ts";
import { addressOf, ROUTES } from "./routes.ts";
import type { Address, Route } from "./routes.ts";
import { Shortcuts } from "./shortcuts.ts";
import { currentTheme, startTheme, toggleTheme } from "./theme.ts";

/** The frame. */
export class Shell extends LitElement implements App {
  static override properties: PropertyDeclarations = { address: { state: true }, message: { state: true } };
  static override styles: CSSResult[] = [
    shared,
    css`
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 14px;
        padding: 10px 20px;
        border-bottom: 1px solid var(--line);
        background: var(--card);
      }
      .name {
        font-weight: 700;
        font-size: 17px;
        color: var(--ink);
        text-decoration: none;
        margin-right: 6px;
      }
      nav {
        display: flex;
        gap: 2px;
        flex: 1 1 auto;
        flex-wrap: wrap;
      }
      nav a {
        color: var(--muted);
        text-decoration: none;
        padding: 6px 10px;
        border-radius: 7px;
        white-space: nowrap;
      }
      nav a[aria-current="page"] {
        color: var(--ink);
        background: var(--accent-soft);
        font-weight: 600;
      }
      main {
        max-width: 1240px;
        margin: 0 auto;
        padding: 20px 20px 60px;
      }
      .skip {
        position: absolute;
        left: -9999px;
      }
      .skip:focus {
        left: 8px;
        top: 8px;
        background: var(--card);
        padding: 8px;
        z-index: 9;
      }
      dialog {
        background: var(--card);
        color: var(--ink);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        max-width: min(90vw, 480px);
      }
      kbd {
        font-family: var(--mono);
        border: 1px solid var(--line);
        border-radius: 5px;
        padding: 0 6px;
      }
      @media (max-width: 560px) {
        header {
          padding: 8px 12px;
        }
        nav {
          order: 3;
          flex-basis: 100%;
        }
        main {
          padding: 14px 12px 48px;
        }
      }
      @media print {
        header {
          display: none;
        }
      }
    `,
  ];
  declare address: Address;
  declare message: string;
  readonly run: RunClient = new RunClient();
  readonly #shortcuts = new Shortcuts();
  readonly #pages = new Map<Route, PageElement>();

  constructor() {
    super();
    this.address = addressOf(globalThis.location.hash);
    this.message = "";
    startTheme();
    addEventListener("hashchange", () => this.#go());
    addEventListener("keydown", (event) => this.#shortcuts.press(event));
    this.#shortcuts.add([
      { key: "?", label: "?", does: "list the keys", run: () => this.#showKeys() },
      { key: "d", label: "D", does: "switch between light and dark", run: () => this.#toggleTheme() },
      ...ROUTES.map(({ path, title }, i) => {
        const key = String(i + 1);
        return { key, label: key, does: `go to ${title}`, run: () => void (globalThis.location.hash = `#/${path}`) };
      }),
    ]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#go();
  }

  announce(message: string): void {
    this.message = message;
  }

  addShortcuts: App["addShortcuts"] = (shortcuts) => this.#shortcuts.add(shortcuts);

  #go(): void {
    this.address = addressOf(globalThis.location.hash);
    void this.#show(this.address);
  }

  async #show({ route, rest, parameters }: Address): Promise<void> {
    await route.load();
    // A faster second click wins.
    if (this.address.route !== route) return;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every page of the table has these properties
    const page = this.#pages.get(route) ?? (document.createElement(route.tag) as PageElement);
    this.#pages.set(route, page);
    Object.assign(page, { app: this, rest, parameters });
    document.title = `${route.title} · microgpt playground`;
    this.requestUpdate();
  }

  #toggleTheme(): void {
    toggleTheme();
    this.requestUpdate();
  }

  #showKeys(): void {
    this.requestUpdate();
    this.#dialog?.showModal();
  }

  get #dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  override render(): TemplateResult {
    const { route, ignored } = this.address;
    return html`
      <button class="skip" @click=${() => this.#skip()}>Skip to the content</button>
      <header>
        <a class="name" href="#/play">microgpt</a>
        <nav aria-label="Pages">
          ${ROUTES.map(
            ({ path, title, summary }) =>
              html`<a href="#/${path}" title=${summary} aria-current=${path === route.path ? "page" : "false"}
                >${title}</a
              >`,
          )}
        </nav>
        <div class="row">
          <button @click=${() => this.#toggleTheme()}>${currentTheme() === "dark" ? "Light" : "Dark"}</button>
          <button @click=${() => this.#showKeys()} aria-label="List the keys" title="Keys">?</button>
        </div>
      </header>
      <main id="main" tabindex="-1">
        ${ignored.map((sentence) => html`<p class="small">The link: ${sentence}</p>`)} ${this.#pages.get(route)}
      </main>
      <div class="visually-hidden" role="status" aria-live="polite">${this.message}</div>
      <dialog aria-label="Keys">
        <h2>Keys</h2>
        <table>
          <tbody>
            ${this.#shortcuts.all.map(
              ({ label, does }) =>
                html`<tr>
                  <td><kbd>${label}</kbd></td>
                  <td>${does}</td>
                </tr>`,
            )}
          </tbody>
        </table>
        <p>
          <a href="#/learn" @click=${() => this.#dialog?.close()}
            >What do the words mean? Learn says it in ten chapters.</a
          >
        </p>
        <form method="dialog"><button>Close</button></form>
      </dialog>
    `;
  }

  #skip(): void {
    this.renderRoot.querySelector<HTMLElement>("main")?.focus();
  }
}

customElements.define("mg-shell", Shell);
