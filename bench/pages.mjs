// `node bench/pages.mjs ARTICLES CHUNKS`, after `npm run build`: how well the text of a page is found, and how long it takes.
//
// ARTICLES is a checkout of scrapinghub/article-extraction-benchmark: for each page, its whole article. Both texts are
// cut into runs of four words; those that are in both count as found. Precision and recall are the pages' means.
// CHUNKS is the folder `tests` of adbar/trafilatura: for each page, a few sentences that belong to its text and a few that
// do not. A sentence counts if the text has it, white space aside. All sentences weigh the same.
//
// The pages are divided in two by a hash of their names: rules are tuned on the even half, and the odd one says what they are worth.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { median } from "./measure.mjs";

const isEven = (name) => createHash("sha256").update(name).digest()[0] % 2 === 0;

/** The pages of article-extraction-benchmark: `{ name, body, score(text) }`. */
export function articlePages(folder) {
  const truth = JSON.parse(readFileSync(join(folder, "ground-truth.json"), "utf8"));
  return Object.entries(truth).map(([name, { articleBody }]) => ({
    name,
    body: () => gunzipSync(readFileSync(join(folder, "html", `${name}.html.gz`))),
    score: (text) => sharedRuns(text, articleBody ?? ""),
  }));
}

/** The pages of trafilatura's evaluation. */
export function chunkPages(folder) {
  const truth = JSON.parse(readFileSync(join(folder, "evaldata.json"), "utf8"));
  return Object.entries(truth).map(([name, { file, with: wanted, without: unwanted }]) => {
    const path = ["cache", "eval"].map((part) => join(folder, part, file)).find((candidate) => existsSync(candidate));
    const spaced = (text) => text.replace(/\s+/g, " ").trim();
    return {
      name,
      body: () => readFileSync(path),
      score: (text) => {
        const all = spaced(text);
        const count = (chunks) => chunks.filter((chunk) => all.includes(spaced(chunk))).length;
        const [found, extra] = [count(wanted), count(unwanted)];
        return { found, extra, missed: wanted.length - found };
      },
    };
  });
}

/** How many runs of four words two texts share, how many only one of them has; as parts of their sum. */
function sharedRuns(text, truth) {
  const [ours, theirs] = [runsOf(text), runsOf(truth)];
  let [found, extra, missed] = [0, 0, 0];
  for (const words of new Set([...ours.keys(), ...theirs.keys()])) {
    const [a, b] = [ours.get(words) ?? 0, theirs.get(words) ?? 0];
    found += Math.min(a, b);
    extra += Math.max(0, a - b);
    missed += Math.max(0, b - a);
  }
  const sum = found + extra + missed || 1;
  return { found: found / sum, extra: extra / sum, missed: missed / sum };
}

function runsOf(text) {
  const words = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  const counts = new Map();
  for (let i = 0; i < Math.max(Math.min(words.length, 1), words.length - 3); i++) {
    const four = words.slice(i, i + 4).join(" ");
    counts.set(four, (counts.get(four) ?? 0) + 1);
  }
  return counts;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Means over pages: of found / (found + extra), and of found / (found + missed). */
export function meanOfPages(scores) {
  const precision = mean(scores.filter((of) => of.found + of.extra > 0).map((of) => of.found / (of.found + of.extra)));
  const recall = mean(scores.filter((of) => of.found + of.missed > 0).map((of) => of.found / (of.found + of.missed)));
  return { precision, recall };
}

/** The same of all sentences at once. */
export function meanOfAll(scores) {
  const sum = (key) => scores.reduce((total, of) => total + of[key], 0);
  const [found, extra, missed] = ["found", "extra", "missed"].map(sum);
  return { precision: found / (found + extra), recall: found / (found + missed) };
}

/** Reads each page once; a page that is refused counts as without text. */
export function measure(pages, extractText) {
  return pages.map(({ name, body, score }) => {
    const bytes = body();
    const start = performance.now();
    let text = "";
    try {
      text = extractText(bytes, "text/html");
    } catch (error) {
      if (error?.name !== "PageError") throw error;
    }
    return { name, ms: performance.now() - start, text, score: score(text) };
  });
}

/** One line of the table: F, the harmonic mean of precision and recall, and the two. */
export function line(name, measured, summarise) {
  const { precision, recall } = summarise(measured.map((page) => page.score));
  const f = (2 * precision * recall) / (precision + recall);
  const times = measured.map((page) => page.ms);
  const numbers = [f, precision, recall].map((value) => value.toFixed(4)).join("  ");
  return `${name.padEnd(16)} ${String(measured.length).padStart(5)}  ${numbers}  ${median(times).toFixed(1)} ms`;
}

async function run([articles, chunks]) {
  const { extractText } = await import("../dist/pages/extract.js");
  console.log("                 pages  F       precision  recall  median per page");
  for (const [name, pages, summarise] of [
    ["articles", articlePages(articles), meanOfPages],
    ["chunks", chunkPages(chunks), meanOfAll],
  ]) {
    const measured = measure(pages, extractText);
    console.log(line(name, measured, summarise));
    const [even, odd] = [true, false].map((half) => measured.filter((page) => isEven(page.name) === half));
    console.log(line("  even", even, summarise));
    console.log(line("  odd", odd, summarise));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.length !== 4) {
    console.error("bench/pages.mjs: expected two folders, ARTICLES and CHUNKS");
    process.exit(2);
  }
  await run(process.argv.slice(2));
}
