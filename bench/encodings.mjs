/**
 * In how many texts of a folder the encoding is found. The folder is that of the tests of Python's chardet
 * (github.com/chardet/chardet, tests/): in it, one folder per encoding, "iso-8859-2-polish". No text of it is in this
 * repository. A text counts as the same if it differs in at most a thousandth of its characters from what its folder's
 * encoding makes of it: in Node's decoder or, where Node has none, in the command iconv.
 *
 *     npm run build && node bench/encodings.mjs FOLDER [--mask] [--with FILE.mjs]
 *
 * With --mask, what texts declare of themselves is made unreadable first, so that the bytes alone count. With --with,
 * another detector is measured: the module's default export, from bytes to a label.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CountingDecoder, declaredIn, detect } from "../dist/node/charset.js";
import { knownEncoding } from "../dist/node/encodings.js";
import { UNREADABLE } from "../dist/node/guess.js";
import { Survey } from "../dist/node/survey.js";

const LANGUAGES =
  /-(?:croatian|czech|hungarian|polish|slovak|slovene|bulgarian|russian|arabic|greek|turkish|romanian|hebrew)$/;
const ALIASES = { cp932: "shift_jis", cp949: "euc-kr", maccyrillic: "x-mac-cyrillic", macroman: "macintosh" };
/** Node reads these labels as something else, or differently. */
const BY_ICONV = /^(?:johab|euc-tw|iso-2022-kr|ibm855|utf-32(?:le|be)?)$/;

function trueText(encoding, bytes) {
  if (BY_ICONV.test(encoding)) {
    const args = ["-c", "-f", encoding, "-t", "UTF-8"];
    return execFileSync("iconv", args, {
      input: bytes,
      maxBuffer: 2 ** 30,
      stdio: ["pipe", "pipe", "ignore"],
    }).toString();
  }
  const isBigEndian = encoding === "utf-16" && bytes[0] === 0xfe;
  const label = isBigEndian ? "utf-16be" : encoding.replace("-sig", "");
  return new TextDecoder(ALIASES[label] ?? label).decode(bytes);
}

const ours = (bytes) => detect(Survey.of(bytes), [], declaredIn(bytes.subarray(0, 4096).toString("latin1"))).encoding;

function textIn(encoding, bytes) {
  if (encoding === null || UNREADABLE.has(encoding)) return "";
  return new CountingDecoder(encoding).decode(bytes, true);
}

/** Whether one text becomes the other by at most `most` insertions, deletions and replacements (Ukkonen 1985). */
function differsLittle(a, b, most) {
  if (a === b) return true;
  if (Math.abs(a.length - b.length) > most) return false;
  let reached = new Map();
  for (let edits = 0; edits <= most; edits++) {
    const further = new Map();
    for (let diagonal = -edits; diagonal <= edits; diagonal++) {
      const before = (k, step) => (reached.has(k) ? reached.get(k) + step : -1);
      let i = edits === 0 ? 0 : Math.max(before(diagonal, 1), before(diagonal - 1, 1), before(diagonal + 1, 0));
      i = Math.min(i, a.length, b.length + diagonal);
      if (i < 0 || i < diagonal) continue;
      while (i < a.length && i - diagonal < b.length && a[i] === b[i - diagonal]) i++;
      if (i === a.length && i - diagonal === b.length) return true;
      further.set(diagonal, i);
    }
    reached = further;
  }
  return false;
}

const masked = (bytes) =>
  Buffer.from(
    bytes.toString("latin1").replaceAll(/(?:encoding|charset)\s*=\s*["']?[\w:.-]+/gi, (all) => "x".repeat(all.length)),
    "latin1",
  );

const [folder, ...flags] = process.argv.slice(2);
const other = flags.includes("--with") ? flags[flags.indexOf("--with") + 1] : null;
const others = other === null ? null : (await import(pathToFileURL(resolve(other)).href)).default;
const encodingOf = others === null ? ours : (bytes) => knownEncoding(others(bytes) ?? "");
let [all, same, exact, detectionMs] = [0, 0, 0, 0];
const missed = new Map();
for (const entry of readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory())) {
  const encoding = entry.name.toLowerCase().replace(LANGUAGES, "");
  for (const file of readdirSync(join(folder, entry.name))) {
    const read = readFileSync(join(folder, entry.name, file));
    const bytes = flags.includes("--mask") ? masked(read) : read;
    const truth = trueText(encoding, bytes).replace(/^\ufeff/, "");
    const startMs = performance.now();
    const found = encodingOf(bytes);
    detectionMs += performance.now() - startMs;
    const text = textIn(found, bytes).replace(/^\ufeff/, "");
    all++;
    if (text === truth) exact++;
    if (differsLittle(truth, text, Math.floor(truth.length / 1000))) same++;
    else missed.set(entry.name, [...(missed.get(entry.name) ?? []), `${file} as ${found}`]);
  }
}
console.log(
  `${same} of ${all} texts are the same (${exact} to the last character), ${(detectionMs / all).toFixed(1)} ms per text`,
);
for (const [name, files] of missed) console.log(`  ${name}: ${files.join(", ")}`);
