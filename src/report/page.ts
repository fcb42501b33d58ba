/**
 * A report: one self-contained HTML file that needs no network and no server. Its data is JSON in the page; the
 * functions of `client.ts`, `charts.ts` and `start.ts` are copied into it and draw it in the browser. Only this file
 * writes HTML.
 */
import { haveSeveralTexts } from "../experiments/analysis.ts";
import type { ReportData } from "../experiments/report-data.ts";
import { escapeHtml, jsonInScript } from "../export/inline.ts";
import * as charts from "./charts.ts";
import * as client from "./client.ts";
import * as start from "./start.ts";
import { STYLE } from "./style.ts";

/** The chart library's files, as text. */
export interface ChartLibrary {
  /** JavaScript. */
  readonly script: string;
  /** CSS. */
  readonly style: string;
}

/** The content security policy: the page loads nothing, whatever the texts in it contain. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/** The HTML of the page. */
export function reportPage(data: ReportData, library: ChartLibrary): string {
  const functions = [client, charts, start].flatMap((module) => Object.values(module).map(String));
  const { runs } = data;
  const done = runs.filter(({ bitsPerByte }) => bitsPerByte !== null);
  const isMixed = haveSeveralTexts(runs);
  const best =
    done.length > 0 && !isMixed ? `; best ${done[0].name}, ${done[0].bitsPerByte!.toFixed(4)} bits per byte` : "";
  const summary = `${runs.length} run${runs.length === 1 ? "" : "s"}, ${done.length} with a result${best}`;
  const hasCompletions = runs.some(({ completions }) => completions.length > 0);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${shown(data.title)}</title>
<style>${library.style}${STYLE}</style>
</head>
<body>
<main>
<header>
<div><h1>${shown(data.title)}</h1><p class="muted">${shown(summary)} · microgpt ${shown(data.version)}</p></div>
<button id="theme" type="button">Dark</button>
</header>
<h2>Runs</h2>
<p class="muted">Click a column's name to sort; clear a run's box to hide it from the charts.</p>
${isMixed ? `<p>${DIFFERENT_TEXTS}</p>\n` : ""}<div class="card scroll" id="table"></div>
<h2>Curves</h2>
<div class="controls" id="controls"></div>
<p class="muted">${BITS}</p>
<div class="card"><div class="chart" id="curves"></div><div class="readout" id="readout"></div></div>
<div class="two">
<figure><h2>Size and result</h2><div class="card"><div class="chart" id="sizes"></div></div></figure>
<figure><h2>Time and result</h2><div class="card"><div class="chart" id="times"></div></div>
<figcaption>The dashed line is the Pareto front: no other run reaches as good a result in as little time.</figcaption></figure>
</div>
${section(data.importance.length > 0, "What mattered", "The share of the results' variance that each option explains, and the mean result for each value.", "card", "importance")}
${section(
  runs.some(({ samples }) => samples.length > 0),
  "Samples",
  "Texts that each model generated without a prompt, best run first.",
  "columns",
  "samples",
)}
${section(hasCompletions, "Completions", LEGEND, "", "completions")}
</main>
<script type="application/json" id="data">${jsonInScript(data)}</script>
<script>${library.script}</script>
<script>
"use strict";
${functions.join("\n")}
start();
</script>
</body>
</html>
`;
}

const DIFFERENT_TEXTS =
  "These runs have different held-out texts. Results of one text do not compare with those of another, so each text has its own ranking, and no option is said to have mattered.";

const BITS =
  "Bits per byte are measured on the whole held-out text with the best weights, as in the table; at other steps they are estimated from the held-out loss. Runs with documents longer than --block-size have the measured point only, because their loss covers the documents' beginnings.";

const LEGEND = `The probability that the model gave each token: <span class="legend"><mark class="p0">under 10 %</mark><mark class="p1">10–30 %</mark><mark class="p2">30–60 %</mark><mark class="p3">60–90 %</mark><mark class="p4">over 90 %</mark></span>`;

/** A section with its heading; only a hidden element if there is nothing to show. */
function section(isShown: boolean, title: string, text: string, className: string, id: string): string {
  const head = `<h2>${title}</h2>\n<p class="muted">${text}</p>\n`;
  return isShown ? `${head}<div class="${className}" id="${id}"></div>` : `<div id="${id}" hidden></div>`;
}

const shown = (text: string): string => escapeHtml(client.visible(text));
