// Draws docs/run.svg, the README's picture of a run: what `npm start` prints, in a terminal window.
// Run: npm run build && node scripts/record-run.mjs
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directory = mkdtempSync(join(tmpdir(), "microgpt-record-"));
const { stdout } = spawnSync(process.execPath, ["dist/cli.js", "train", "--runs-dir", directory], { encoding: "utf8" });
rmSync(directory, { recursive: true });

const lines = ["$ npm ci && npm start", "", ...stdout.replaceAll(directory, "runs").trimEnd().split("\n")];
const LINE_HEIGHT = 19;
const TOP = 52;
const width = 920;
const height = TOP + lines.length * LINE_HEIGHT + 16;

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const colour = (text) =>
  escape(text)
    .replace(/ {2}new$/, '  <tspan fill="#7ee787">new</tspan>')
    .replace(/ {2}in the data$/, '  <tspan fill="#8b949e">in the data</tspan>')
    .replace(/^(microgpt [\d.]+)/, '<tspan fill="#ffffff" font-weight="bold">$1</tspan>')
    .replace(/^\$ (.*)$/, '<tspan fill="#8b949e">$</tspan> <tspan fill="#79c0ff">$1</tspan>');

const texts = lines.map((line, i) => `<text x="24" y="${TOP + (i + 0.7) * LINE_HEIGHT}">${colour(line)}</text>`);
const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
  (fill, i) => `<circle cx="${26 + 20 * i}" cy="24" r="6" fill="${fill}"/>`,
);
writeFileSync(
  "docs/run.svg",
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="npm start trains a GPT on names and prints twenty that it invented">
<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>
${dots.join("")}
<style>text { white-space: pre }</style>
<g fill="#c9d1d9" font-size="14" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace">
${texts.join("\n")}
</g>
</svg>
`,
);
console.log(`docs/run.svg: ${lines.length} lines`);
