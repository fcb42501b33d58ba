/**
 * A report in the browser: its table, samples and completions; `charts.ts` draws the curves. `page.ts` copies these
 * functions into the page as text, so they use only each other, the document and uPlot: no imports except types, no
 * constants outside a function. The page needs no bundler, and is the same from the sources and from the compiled
 * files.
 *
 * Text is inserted as text, never as HTML: names, samples and messages are untrusted.
 */
import type { ReportData, ReportRun } from "../experiments/report-data.ts";

/** State shared by the table and the charts. */
export interface ReportPage {
  /** The report's data. */
  readonly data: ReportData;
  /** Indices in `data.runs` of the runs that the charts omit. */
  readonly hidden: Set<number>;
  /** Redraws all charts. */
  redraw: () => void;
}

/** Creates an element with attributes and children; strings become text nodes. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * One of eight colours that colour-blind readers can distinguish (Okabe & Ito 2008), darkened for a white background.
 */
export function colorOf(index: number): string {
  return ["#0072b2", "#d55e00", "#009e73", "#c2569a", "#b98600", "#3a9bd1", "#8c6d4f", "#7f7f7f"][index % 8];
}

/** The dash pattern of a line, in pixels: distinguishes lines of the same colour. Empty for a solid line. */
export function dashOf(index: number): number[] {
  return [[], [8, 4], [2, 3], [8, 3, 2, 3], [12, 3], [4, 4], [1, 4], [6, 2, 2, 2]][Math.floor(index / 8) % 8];
}

/** A number with separators: `1234567` → `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A duration: `75` → `1m15s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (whole < 60) return `${seconds < 10 ? seconds.toFixed(1) : whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}

/** Makes invisible characters visible: control characters as Unicode control pictures, direction marks as hex. */
export function visible(text: string): string {
  return text
    .replace(/\n/g, "⏎")
    .replace(/[\u0000-\u001f]/g, (control) => String.fromCharCode(0x2400 + control.charCodeAt(0)))
    .replace(
      /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (mark) => `[${mark.charCodeAt(0).toString(16)}]`,
    );
}

/** A short name: number and settings for a run of a sweep (`2 · bpe`), else the run's name. */
export function shortName({ name, settings }: ReportRun): string {
  const [, number] = /^(\d+)_/.exec(name) ?? [];
  const values = Object.values(settings).map((value) => (value === null ? "–" : String(value)));
  return visible(number === undefined || values.length === 0 ? name : `${number} · ${values.join(" ")}`);
}

/** A column of the table. */
export interface TableColumn {
  /** The heading. */
  readonly name: string;
  /** Whether to align it right. */
  readonly isNumber: boolean;
  /** The sort key of a run; null sorts last. */
  readonly key: (run: ReportRun) => string | number | null;
  /** The cell of a run. */
  readonly show: (run: ReportRun) => string;
}

/** The columns after the run's name: results, settings, then measurements. */
export function tableColumns(data: ReportData): TableColumn[] {
  const number = (
    name: string,
    key: (run: ReportRun) => number | null,
    show: (value: number) => string,
  ): TableColumn => ({
    name,
    isNumber: true,
    key,
    show: (run) => {
      const value = key(run);
      return value === null ? "–" : show(value);
    },
  });
  const options = [...new Set(data.runs.flatMap(({ settings }) => Object.keys(settings)))];
  const setting = (name: string): TableColumn => ({
    name,
    isNumber: data.runs.every(({ settings }) => typeof settings[name] === "number"),
    key: (run) => (typeof run.settings[name] === "boolean" ? String(run.settings[name]) : (run.settings[name] ?? null)),
    show: (run) => visible(String(run.settings[name] ?? "–")),
  });
  const four = (value: number): string => value.toFixed(4);
  const worse = { uniform: "worse than chance", bigram: "worse than a bigram table" };
  const texts = new Set(data.runs.map(({ heldOutText }) => heldOutText).filter((text) => text !== null));
  return [
    ...(texts.size > 1 ? [number("held-out text", (run) => run.heldOutText, count)] : []),
    number("bits per byte", (run) => run.bitsPerByte, four),
    ...(data.runs.some(({ worseThan }) => worseThan !== null)
      ? [
          {
            name: "verdict",
            isNumber: false,
            key: (run: ReportRun) => run.worseThan,
            show: (run: ReportRun) => (run.worseThan === null ? "" : worse[run.worseThan]),
          },
        ]
      : []),
    number("held-out loss", (run) => run.heldOutLoss, four),
    ...options.map(setting),
    number("parameters", (run) => run.parameters, count),
    number("vocabulary", (run) => run.vocabSize, count),
    number("steps", (run) => run.step, count),
    number("best at", (run) => run.bestStep, count),
    number("tokens/s", (run) => run.tokensPerSecond, count),
    number("time", (run) => run.seconds, duration),
    number(
      "memory",
      (run) => run.peakMemoryBytes,
      (bytes) => `${Math.round(bytes / 1e6)} MB`,
    ),
    { name: "state", isNumber: false, key: (run) => run.state, show: (run) => run.state },
  ];
}

/** Draws the table. Clicking a heading sorts; clearing a run's checkbox hides it from the charts. */
export function drawTable(page: ReportPage, parent: HTMLElement): void {
  const columns = tableColumns(page.data);
  const run: TableColumn = { name: "run", isNumber: false, key: ({ name }) => name, show: shortName };
  const body = make("tbody");
  const heads = [run, ...columns].map((column) => {
    const head = make("th", { scope: "col", class: column.isNumber ? "number" : "" });
    const button = make("button", { type: "button" }, visible(column.name));
    button.addEventListener("click", () => {
      const isDown = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      fillTable(page, body, columns, sortedBy(page.data.runs, column, isDown));
    });
    head.append(button);
    return head;
  });
  heads[1].setAttribute("aria-sort", "ascending");
  fillTable(page, body, columns, [...page.data.runs.keys()]);
  parent.append(make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body));
}

/** The indices of the runs, sorted by a column; runs without a value come last in both directions. */
export function sortedBy(runs: readonly ReportRun[], { key }: TableColumn, isDown: boolean): number[] {
  const compare = (a: string | number, b: string | number): number =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
  return [...runs.keys()].toSorted((a, b) => {
    const [left, right] = [key(runs[a]), key(runs[b])];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return isDown ? compare(right, left) : compare(left, right);
  });
}

/** Fills the table with the runs in this order. */
export function fillTable(
  page: ReportPage,
  body: HTMLElement,
  columns: readonly TableColumn[],
  order: readonly number[],
): void {
  const rows = order.map((index) => {
    const run = page.data.runs[index];
    const box = make("input", { type: "checkbox", "aria-label": `show ${shortName(run)}` });
    box.checked = !page.hidden.has(index);
    const swatch = make("span", { class: "swatch" });
    swatch.style.borderTopColor = colorOf(index);
    swatch.style.borderTopStyle = dashOf(index).length === 0 ? "solid" : "dashed";
    const label = make("label", { class: "run", title: visible(run.name) }, box, swatch, shortName(run));
    const cells = columns.map((column) => make("td", { class: column.isNumber ? "number" : "" }, column.show(run)));
    const row = make("tr", { "data-run": String(index) }, make("td", {}, label), ...cells);
    row.classList.toggle("hidden", page.hidden.has(index));
    if (run.failure !== null) row.append(make("td", { class: "failure" }, visible(run.failure)));
    box.addEventListener("change", () => {
      if (box.checked) page.hidden.delete(index);
      else page.hidden.add(index);
      row.classList.toggle("hidden", !box.checked);
      page.redraw();
    });
    return row;
  });
  body.replaceChildren(...rows);
}

/** Draws the share of the variance that each option explains, as bars, with the mean result of each value. */
export function drawImportance(data: ReportData, parent: HTMLElement): void {
  for (const { option, share, values } of data.importance) {
    const bar = make("i");
    bar.style.width = `${Math.max(0.5, 100 * share)}%`;
    parent.append(
      make("div", { class: "bar" }, make("span", {}, visible(option)), bar, `${Math.round(100 * share)} %`),
    );
    const levels = values.map(
      ({ value, mean, runs }) => `${visible(value)}: ${mean.toFixed(4)}${runs > 1 ? ` (${runs} runs)` : ""}`,
    );
    parent.append(make("p", { class: "levels" }, levels.join("   ·   ")));
  }
}

/** Shows up to ten samples of each run, side by side. */
export function drawSamples(data: ReportData, parent: HTMLElement): void {
  for (const [index, run] of data.runs.entries()) {
    if (run.samples.length === 0) continue;
    const list = make("ol", {}, ...run.samples.slice(0, 10).map(sampleItem));
    parent.append(make("div", {}, headOf(run, index), list));
  }
}

/** A sample with its mark; the line it is near to follows. */
export function sampleItem({ text, mark, near }: ReportRun["samples"][number]): HTMLElement {
  const item = make("li", {}, visible(text));
  if (mark !== null) item.append(" ", make("small", {}, near === null ? mark : `${mark}: ${visible(near)}`));
  return item;
}

/** A heading: the run's name under a rule in its colour. */
export function headOf(run: ReportRun, index: number): HTMLElement {
  const head = make("h3", { title: visible(run.name) }, shortName(run));
  head.style.borderTop = `3px ${dashOf(index).length === 0 ? "solid" : "dashed"} ${colorOf(index)}`;
  return head;
}

/** Shows the runs' completions of each prompt, side by side; a token's colour shows its probability. */
export function drawCompletions(data: ReportData, parent: HTMLElement): void {
  const prompts = [...new Set(data.runs.flatMap(({ completions }) => completions.map(({ prompt }) => prompt)))];
  for (const prompt of prompts) {
    const columns = make("div", { class: "columns" });
    for (const [index, run] of data.runs.entries()) {
      for (const completion of run.completions.filter((one) => one.prompt === prompt)) {
        const text = make("div", { class: "text" }, make("i", {}, visible(prompt)));
        for (const { text: token, probability } of completion.tokens) {
          const level = [0.1, 0.3, 0.6, 0.9].filter((limit) => probability >= limit).length;
          const title = `${(100 * probability).toFixed(1)} %`;
          text.append(make("mark", { class: `p${level}`, title }, visible(token)));
        }
        columns.append(make("div", {}, headOf(run, index), text));
      }
    }
    const head = make("h3", {}, prompt === "" ? "no prompt" : visible(prompt));
    parent.append(make("div", { class: "prompt" }, head, columns));
  }
}
