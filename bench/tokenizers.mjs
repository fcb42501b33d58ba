// Learning a vocabulary and encoding with it: the King James Bible (4.4 MB), if ../shared has it, else the bundled names
// over and over. And what must not be quadratic: a megabyte without a space.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { trainTokenizer } from "../dist/index.js";
import { median } from "./measure.mjs";
import { PYTHON } from "./peers/torch.mjs";

const KJV = fileURLToPath(new URL("../../shared/data/kjv.txt", import.meta.url));
const NAMES = fileURLToPath(new URL("../data/names.txt", import.meta.url));
const PEER = fileURLToPath(new URL("peers/hf_tokenizers.py", import.meta.url));
const TIKTOKEN = fileURLToPath(new URL("peers/tiktoken_peer.py", import.meta.url));
const ROUNDS = 5;

const CASES = [
  ["char", 0],
  ["word", 0],
  ["bpe", 1000],
  ["bpe", 5000],
  ["byte-bpe", 1000],
  ["byte-bpe", 5000],
];

export async function run() {
  const text = existsSync(KJV) ? readFileSync(KJV, "utf8") : readFileSync(NAMES, "utf8").repeat(60);
  const lines = text.split("\n");
  const megabytes = Buffer.byteLength(text) / 1e6;
  console.log(
    `tokenizers: ${existsSync(KJV) ? "the Bible" : "names"}, ${megabytes.toFixed(1)} MB, medians of ${ROUNDS}`,
  );
  const directory = mkdtempSync(join(tmpdir(), "microgpt-bench-"));
  writeFileSync(join(directory, "text.txt"), text);
  for (const [kind, merges] of CASES) {
    const ours = measure(lines, kind, merges);
    const name = `${kind}${merges > 0 ? ` ${merges}` : ""}`.padEnd(14);
    const speed = (seconds) => `${(megabytes / seconds).toFixed(1)} MB/s`;
    const path = join(directory, "text.txt");
    const peers = [
      merges > 0 ? peer(path, kind, merges, ours, speed) : "",
      kind === "byte-bpe" ? tiktoken(path, ours.tokenizer, lines, ours.encode, speed) : "",
    ];
    console.log(`  ${name} learnt in ${ours.train.toFixed(2)} s, encoded at ${speed(ours.encode)}${peers.join("")}`);
  }
  rmSync(directory, { recursive: true });
  bombs();
  console.log("");
}

function measure(lines, kind, merges) {
  const [train, encode] = [[], []];
  let last = null;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    const tokenizer = trainTokenizer(lines, { tokenizer: kind, bpeMerges: merges, vocabSize: null, unk: false });
    const learnt = performance.now();
    last = tokenizer;
    for (const line of lines) tokenizer.encode(line);
    train.push((learnt - start) / 1000);
    encode.push((performance.now() - learnt) / 1000);
  }
  return { tokenizer: last, train: median(train), encode: median(encode) };
}

/** Hugging Face's tokenizers (Rust), line by line as ours, and all lines at once on all cores. */
function peer(path, kind, merges, ours, speed) {
  const { stdout, error } = spawnSync(PYTHON, [PEER, path, kind, String(merges)], {
    encoding: "utf8",
  });
  const theirs = error === undefined && stdout !== "" ? JSON.parse(stdout) : { missing: `no ${PYTHON}` };
  if (theirs.missing !== undefined) return `; no tokenizers to compare with: ${theirs.missing}`;
  const { version, train, encode, batch } = theirs;
  return (
    `; tokenizers ${version}: ${train.toFixed(2)} s, ${speed(encode)} (batch ${speed(batch)}):` +
    ` ours ${(train / ours.train).toFixed(1)}× and ${(encode / ours.encode).toFixed(1)}×`
  );
}

const GPT2 = `'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`;

/** tiktoken (Rust) with the vocabulary that we learnt: the same ids, or the benchmark fails. */
function tiktoken(path, tokenizer, lines, encodeSeconds, speed) {
  const bytes = [...Array(256).keys()].map((byte) => [byte]);
  for (const [left, right] of tokenizer.toJSON().merges) bytes.push([...bytes[left], ...bytes[right]]);
  const tokens = bytes.map((list) => Buffer.from(list).toString("base64"));
  const input = JSON.stringify({ path, pattern: GPT2, tokens });
  const { stdout, error } = spawnSync(PYTHON, [TIKTOKEN], { input, encoding: "utf8" });
  const theirs = error === undefined && stdout !== "" ? JSON.parse(stdout) : { missing: `no ${PYTHON}` };
  if (theirs.missing !== undefined) return `; no tiktoken to compare with: ${theirs.missing}`;
  const count = lines.reduce((sum, line) => sum + tokenizer.encode(line).ids.length, 0);
  const first = tokenizer.encode(lines[0]).ids;
  if (theirs.tokens !== count || JSON.stringify(theirs.first) !== JSON.stringify(first))
    throw new Error("tiktoken: other ids");
  return `; tiktoken ${theirs.version} ${speed(theirs.encode)}: ours ${(theirs.encode / encodeSeconds).toFixed(1)}×`;
}

/** Texts that are one piece: time for 2n over time for n, and seconds a megabyte. */
function bombs() {
  const letters = (count) =>
    Array.from({ length: count }, (_, i) => "etaoinsh"[Math.imul(i + 7, 0x9e3779b1) >>> 29]).join("");
  const food = ["aaaa aaaaaaaa ____ ________ 😀😀😀😀 \n\n\n\n", letters(5000)];
  const BOMBS = [
    ["letters a", (n) => "a".repeat(n)],
    ["underscores", (n) => "_".repeat(n)],
    ["spaces", (n) => " ".repeat(n)],
    ["line breaks", (n) => "\n".repeat(n)],
    ["emoji", (n) => "😀".repeat(n / 4)],
    ["mixed letters", letters],
  ];
  for (const kind of ["bpe", "byte-bpe"]) {
    const tokenizer = trainTokenizer(food, { tokenizer: kind, bpeMerges: 500, vocabSize: null, unk: false });
    const rows = BOMBS.map(([name, make]) => {
      const [half, whole] = [2 ** 19, 2 ** 20].map((size) => {
        const text = make(size);
        const times = Array.from({ length: 3 }, () => {
          const start = performance.now();
          tokenizer.encode(text);
          return (performance.now() - start) / 1000;
        });
        return median(times);
      });
      return `${String(name)} ${whole.toFixed(2)} s (${(whole / half).toFixed(2)}×)`;
    });
    console.log(`  ${kind}, a MiB in one piece, and its time over that of half: ${rows.join(", ")}`);
  }
}
