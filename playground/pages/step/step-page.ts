/**
 * One step: a real training step of src/microgpt.ts in slow motion, at four zooms, beside the source with the running line
 * lit. Owns the clock (an event of the trace) and the chosen value; a worker trains and traces.
 */
import { html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
// oxlint-disable-next-line import/default -- vite makes the text of a file its default export
import source from "../../../src/microgpt.ts?raw";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import type { Shortcut } from "../../shell/shortcuts.ts";
import { whole } from "../../widgets/numbers.ts";
import "../../widgets/player.ts";
import type { Player } from "../../widgets/player.ts";
import "../../widgets/source-view.ts";
import { WorkerCalls } from "../../run/calls.ts";
import type { StepMethods } from "./protocol.ts";
import "./matrix-view.ts";
import "./operations-view.ts";
import "./overview.ts";
import "./stack-view.ts";
import { stepStyle } from "./step-style.ts";
import { lastAt, Story, ZOOMS } from "./story.ts";
import type { Phase, Zoom } from "./story.ts";
import "./value-view.ts";

const STEPS_BEFORE = [0, 10, 100] as const;
const PHASES: Record<Phase, string> = { forward: "forward", backward: "backward", adam: "Adam" };
/** Longest document: what the model reads at once. */
const LONGEST = 15;

/** The page. */
export class StepPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
    story: { state: true },
    event: { state: true },
    zoom: { state: true },
    picked: { state: true },
    message: { state: true },
  };
  static override styles: CSSResult[] = [shared, stepStyle];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;
  declare story: Story | null;
  /** The moment that the page shows. */
  declare event: number;
  declare zoom: Zoom;
  /** The value that the visitor chose; null: the one that the event is about. */
  declare picked: number | null;
  declare message: string;
  readonly #calls = new WorkerCalls<StepMethods>(
    () => new Worker(new URL("./step-worker.ts", import.meta.url), { type: "module", name: "one step" }),
  );
  #document = "emma";
  #stepsBefore: number = STEPS_BEFORE[2];
  readonly #shortcuts: readonly Shortcut[] = [
    { key: " ", label: "Space", does: "play or pause the step", run: () => this.#player?.toggle() },
    { key: "ArrowRight", label: "→", does: "one stop forward", run: () => this.#player?.move(1) },
    { key: "ArrowLeft", label: "←", does: "one stop back", run: () => this.#player?.move(-1) },
    { key: "ArrowDown", label: "↓", does: "look closer", run: () => this.#look(1) },
    { key: "ArrowUp", label: "↑", does: "look from farther away", run: () => this.#look(-1) },
  ];
  #removeShortcuts: (() => void) | null = null;

  constructor() {
    super();
    [this.story, this.event, this.zoom, this.picked, this.message] = [null, 0, "step", null, ""];
    this.addEventListener("keydown", (event) => this.#pressOnButton(event));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.story === null) void this.#trace();
    this.#removeShortcuts = this.app.addShortcuts(this.#shortcuts);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#removeShortcuts?.();
  }

  get #player(): Player | null {
    return this.renderRoot.querySelector<Player>("mg-player");
  }

  async #trace(): Promise<void> {
    this.message = `Training ${this.#stepsBefore} steps, then tracing one on “${this.#document}” …`;
    try {
      this.story = new Story(
        await this.#calls.call("trace", { document: this.#document, stepsBefore: this.#stepsBefore }),
      );
      [this.event, this.picked, this.message] = [0, null, ""];
      this.app.announce(`A step on ${this.#document} is ready: ${whole(this.story.end + 1)} events.`);
    } catch (error) {
      this.message = error instanceof Error ? error.message : String(error);
    }
  }

  /** A button has no use for arrows, so they play on after it was pressed; the shell leaves them to the button. */
  #pressOnButton(event: KeyboardEvent): void {
    const [target] = event.composedPath();
    const shortcut = this.#shortcuts.find(({ key }) => key === event.key && key !== " ");
    if (shortcut === undefined || !(target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    shortcut.run();
  }

  #look(by: number): void {
    this.zoom = ZOOMS[Math.min(Math.max(ZOOMS.indexOf(this.zoom) + by, 0), ZOOMS.length - 1)];
  }

  #go(event: number): void {
    this.#player?.pause();
    [this.event, this.picked] = [event, null];
  }

  override render(): TemplateResult {
    const { story, message } = this;
    return html`
      <h1>One training step, in slow motion</h1>
      <p>
        The file on this page runs, and nothing else: forward, loss, backward, Adam. Every number comes from a recording
        of that run. Press Play, look closer, or press a number to see where it came from.
      </p>
      ${this.#form()}
      <p role="status" class=${message === "" ? "visually-hidden" : ""}>${message}</p>
      ${story === null ? nothing : this.#body(story)}
    `;
  }

  #form(): TemplateResult {
    return html`<form class="row" @submit=${(event: SubmitEvent) => this.#submit(event)}>
      <label class="field"
        >Document, a name
        <input
          name="document"
          .value=${this.#document}
          maxlength=${LONGEST}
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
      /></label>
      <label class="field"
        >Steps trained before
        <select name="steps">
          ${STEPS_BEFORE.map(
            (steps) => html`<option value=${steps} ?selected=${steps === this.#stepsBefore}>${steps}</option>`,
          )}
        </select></label
      >
      <button>Trace this step</button>
    </form>`;
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    if (!(event.target instanceof HTMLFormElement)) return;
    const fields = new FormData(event.target);
    const text = fields.get("document");
    this.#document = typeof text === "string" ? text.trim().toLowerCase() : "";
    this.#stepsBefore = Number(fields.get("steps"));
    void this.#trace();
  }

  #body(story: Story): TemplateResult {
    const stops = story.stops(this.zoom);
    const position = Math.max(0, lastAt(stops, this.event));
    const line = story.lineAt(this.event, this.zoom);
    const where = `${PHASES[story.phaseAt(this.event)]}, line ${line}`;
    return html`
      <div class="bar card">
        <div class="row" role="group" aria-label="Zoom">
          ${ZOOMS.map(
            (zoom) =>
              html`<button aria-pressed=${zoom === this.zoom} @click=${() => (this.zoom = zoom)}>${zoom}</button>`,
          )}
          <span class="muted small">${where}</span>
        </div>
        <mg-player
          .length=${stops.length}
          .position=${position}
          .where=${where}
          @position=${({ detail }: CustomEvent<number>) => this.#move(stops[detail])}
        ></mg-player>
      </div>
      <div class="columns" @value=${(event: CustomEvent<number>) => (this.picked = event.detail)} @go=${this.#onGo}>
        <section class="card" aria-label="The step">${this.#view(story)}</section>
        <div class="side">
          <mg-source .text=${source} .line=${line} name="src/microgpt.ts, the running line is lit"></mg-source>
          <section class="card" aria-label="One value">${this.#value(story)}</section>
        </div>
      </div>
    `;
  }

  readonly #onGo = ({ detail }: CustomEvent<number>): void => this.#go(detail);

  #move(event: number): void {
    [this.event, this.picked] = [event, null];
  }

  #view(story: Story): TemplateResult {
    const { event, zoom } = this;
    const chosen = this.#chosen(story);
    switch (zoom) {
      case "step":
        return html`<mg-step-overview .story=${story} .event=${event} .chosen=${chosen}></mg-step-overview>`;
      case "operation":
        return html`<mg-step-operations .story=${story} .event=${event} .chosen=${chosen}></mg-step-operations>`;
      case "matrix":
        return html`<mg-step-matrix .story=${story} .event=${event} .chosen=${chosen}></mg-step-matrix>`;
      case "number":
        return html`<mg-step-stack .story=${story} .event=${event} .chosen=${chosen}></mg-step-stack>`;
      default:
        return zoom satisfies never;
    }
  }

  #chosen(story: Story): number {
    return this.picked ?? story.valueAt(this.event);
  }

  #value(story: Story): TemplateResult {
    return html`<mg-step-value
      .story=${story}
      .event=${this.event}
      .chosen=${this.#chosen(story)}
      .check=${(weight: number) => this.#calls.call("check", weight)}
    ></mg-step-value>`;
  }
}

customElements.define("mg-step-page", StepPage);
