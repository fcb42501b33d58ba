/** Starts the page: with the model that is in it, or with those of the server that it came from. */
import type { PageData } from "../../src/export/page.ts";
import { currentTheme, startTheme, toggleTheme } from "../shell/theme.ts";
import { byId, make } from "./elements.ts";
import { openInlineModel } from "./inline-model.ts";
import { describeModel } from "./about.ts";
import { Refusal, remoteModel, servedModels } from "./remote-model.ts";
import { ModelView } from "./model-view.ts";
import "./style.css";

const status = byId("status", HTMLParagraphElement);

function say(message: string): void {
  status.textContent = message;
}

function fail(error: unknown): void {
  say(error instanceof Error ? error.message : String(error));
}

async function startInline(data: Extract<PageData, { kind: "model" }>): Promise<void> {
  const model = await openInlineModel(byId("weights", HTMLScriptElement).text.trim(), data.marks);
  describeModel(data);
  new ModelView(say, fail).open(model);
}

async function startRemote(key: string | null, view: ModelView): Promise<void> {
  try {
    const models = await servedModels(key);
    byId("key-form", HTMLFormElement).hidden = true;
    const choice = byId("model", HTMLSelectElement);
    choice.replaceChildren(...models.map(({ id }, i) => make("option", { value: String(i) }, id)));
    byId("model-field", HTMLLabelElement).hidden = models.length === 1;
    const choose = (): void => {
      const model = models[Number(choice.value)];
      document.title = model.id;
      byId("name", HTMLHeadingElement).textContent = model.id;
      view.open(remoteModel(model, key));
    };
    choice.addEventListener("change", choose);
    choose();
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401) throw error;
    byId("key-form", HTMLFormElement).hidden = false;
    say(key === null ? "This server asks for an API key." : "The server refuses this key.");
  }
}

function startServed(): Promise<void> {
  const view = new ModelView(say, fail);
  byId("key-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    startRemote(byId("key", HTMLInputElement).value, view).catch(fail);
  });
  return startRemote(null, view);
}

function startThemeButton(): void {
  startTheme();
  const button = byId("theme", HTMLButtonElement);
  const name = (): void => void (button.textContent = currentTheme() === "dark" ? "Light" : "Dark");
  addEventListener("themechange", name);
  button.addEventListener("click", toggleTheme);
  name();
}

startThemeButton();
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `src/export/page.ts`
const data = JSON.parse(byId("data", HTMLScriptElement).text) as PageData;
(data.kind === "model" ? startInline(data) : startServed()).catch(fail);
