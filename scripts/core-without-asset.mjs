/**
 * Marks, in the compiled core, the address of names.txt as one that bundlers leave alone. `microgpt.ts` names the file for the
 * command `node microgpt.js`; to a bundler, `new URL(…, import.meta.url)` is a file that the page needs, and Vite and webpack
 * would add it to every page that uses the library. The text of `src/microgpt.ts` stays free of marks.
 */
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../dist/microgpt.js", import.meta.url);
const MARKS = "/* @vite-ignore */ /* webpackIgnore: true */ ";
const ADDRESS = '"../data/names.txt", import.meta.url';

const text = readFileSync(file, "utf8");
if (!text.includes(`(${ADDRESS})`) && !text.includes(MARKS))
  throw new Error(`${file.pathname}: no address of names.txt`);
const marked = text.replace(`new URL(${ADDRESS})`, `new URL(${MARKS}${ADDRESS})`);
if (marked !== text) writeFileSync(file, marked);
