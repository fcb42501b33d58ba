// The texts of the study. Those that the project does not have come from MICROGPT_TEXTS, a folder; bench/README.md says from where.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = process.env.MICROGPT_TEXTS ?? join(root, "../shared/data");
/** The commit whose sources are the text of code: a text that changes would be another text. */
const CODE_COMMIT = "0bcbf78";

const fileOf = (name) => () => readFileSync(join(folder, name));

/** All of this project's sources at one commit, one after the other. */
function code() {
  const git = (...args) => execFileSync("git", ["-C", root, ...args], { maxBuffer: 2 ** 28 });
  const names = git("ls-tree", "-r", "--name-only", CODE_COMMIT, "src").toString().trim().split("\n");
  return Buffer.concat(
    names.filter((name) => name.endsWith(".ts")).map((name) => git("show", `${CODE_COMMIT}:${name}`)),
  );
}

/** By name: how to read the text, the options that make documents of it, and how many tokens there are if they are characters. */
const TEXTS = {
  names: { read: () => readFileSync(join(root, "data/names.txt")), options: {}, characters: 28 },
  // The beginning of the King James Bible, as long as a short novel.
  book: { read: () => fileOf("kjv.txt")().subarray(0, 330_000), options: { documents: "line", stream: true } },
  shakespeare: { read: fileOf("tinyshakespeare.txt"), options: { documents: "paragraph", stream: true } },
  pages: {
    read: () => fileOf("tinyshakespeare.txt")().subarray(0, 30_000),
    options: { documents: "paragraph", stream: true },
    // Two seconds teach it by heart: from all of the time a walk would not find its way to less.
    first: { share: 0.04, nEmbd: 48, merges: 250, nLayer: 1, dropout: 0.2, weightDecay: 1 },
  },
  code: { read: code, options: { documents: "paragraph", stream: true } },
};

/** Any other text of the folder, for the check: `quijote` is quijote.txt. */
const otherText = (name) => ({ read: fileOf(`${name}.txt`), options: { documents: "paragraph", stream: true } });

/** The names of the texts. */
export const TEXT_NAMES = Object.keys(TEXTS);

/** Writes a text into a folder, once. @returns its path, its options, and what differs in the first guess. */
export function textOf(name, directory) {
  const { read, options, characters = null, first = {} } = TEXTS[name] ?? otherText(name);
  const path = join(directory, `${name}.txt`);
  mkdirSync(directory, { recursive: true });
  if (!existsSync(path)) writeFileSync(path, read());
  return { path, options, characters, first };
}
