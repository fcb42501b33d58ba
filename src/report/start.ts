/** Starts a report in the browser. Like `client.ts`, it is copied into the page as text. */
import type { ReportData } from "../experiments/report-data.ts";
import { drawCurves, drawScatter, sizeAxis, timeAxis } from "./charts.ts";
import { drawCompletions, drawImportance, drawSamples, drawTable, make } from "./client.ts";
import type { ReportPage } from "./client.ts";

/** An element of the page. Throws Error if it is missing. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`report: the page has no #${id}`);
  return element;
}

/** The kinds of curves that at least one run has. */
export function curveKinds(data: ReportData): ("heldOutBits" | "heldOut" | "loss")[] {
  return (["heldOutBits", "heldOut", "loss"] as const).filter((kind) =>
    data.runs.some((run) => run[kind].steps.length > 0),
  );
}

/** Draws the whole report. The script is at the end of the page, so all elements exist. */
export function start(): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `page.ts`
  const data = JSON.parse(byId("data").textContent) as ReportData;
  const kinds = curveKinds(data);
  const choice = make("select", { "aria-label": "which curves", id: "kind" });
  const names = { heldOutBits: "held-out bits per byte", heldOut: "held-out loss", loss: "training loss" };
  choice.append(...kinds.map((kind) => make("option", { value: kind }, names[kind])));
  const log = make("input", { type: "checkbox", id: "log" });
  byId("controls").append(choice, make("label", {}, log, " logarithmic steps"));
  const page: ReportPage = {
    data,
    hidden: new Set(),
    redraw: () => {
      const kind = kinds.find((one) => one === choice.value) ?? "loss";
      drawCurves(page, byId("curves"), byId("readout"), kind, log.checked);
      drawScatter(page, byId("sizes"), sizeAxis());
      drawScatter(page, byId("times"), timeAxis());
    },
  };
  for (const control of [choice, log]) control.addEventListener("change", page.redraw);
  drawTable(page, byId("table"));
  drawImportance(data, byId("importance"));
  drawSamples(data, byId("samples"));
  drawCompletions(data, byId("completions"));
  themed(page);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) page.redraw();
    width = innerWidth;
  });
}

/** Follows the system's light or dark theme; the button switches to the other one. */
export function themed(page: ReportPage): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const set = (theme: string): void => {
    document.documentElement.dataset.theme = theme;
    byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
    page.redraw(); // the charts' axes have the theme's colours
  };
  set(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => set(dark.matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () =>
    set(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  );
}
