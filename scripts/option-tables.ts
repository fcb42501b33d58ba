/**
 * The tables of options in the documents, from the one table in src/options/config.ts: `npm run docs` writes them, a test says if
 * they differ. A table stands behind a comment `<!-- options: NAME -->`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  FETCH_OPTIONS,
  flagOf,
  RESUME_OPTIONS,
  SAMPLE_OPTIONS,
  TOKENIZE_OPTIONS,
  TRAIN_OPTIONS,
} from "../src/options/config.ts";
import { EXTEND_OPTIONS } from "../src/options/extend-options.ts";
import type { Option } from "../src/options/values.ts";

const TABLES: Readonly<Record<string, Readonly<Record<string, Option<unknown>>>>> = {
  train: { ...TRAIN_OPTIONS },
  resume: { ...EXTEND_OPTIONS, ...RESUME_OPTIONS },
  sample: { ...SAMPLE_OPTIONS },
  tokenize: { ...TOKENIZE_OPTIONS },
  fetch: { ...FETCH_OPTIONS },
};

/** A table as Markdown. */
function optionTable(name: string): string {
  const rows = Object.entries(TABLES[name] ?? {}).map(([key, { placeholder, initial, help }]) => {
    const hasNone = Array.isArray(initial) || typeof initial === "boolean" || initial === null;
    const value = hasNone ? "–" : `\`${JSON.stringify(initial).replaceAll('"', "")}\``;
    const flag = placeholder === "" ? flagOf(key) : `${flagOf(key)} ${placeholder.replaceAll("|", "\\|")}`;
    return `| \`${flag}\` | ${value} | ${help} |\n`;
  });
  return ["| option | default | meaning |\n", "|---|---|---|\n", ...rows].join("");
}

/** A document with its tables as they should be. */
export function withOptionTables(markdown: string): string {
  return markdown.replace(
    /(<!-- options: (\w+) -->\n\n)(?:\|[^\n]*\n)*/g,
    (_, head: string, name: string) => head + optionTable(name),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of process.argv.slice(2)) writeFileSync(path, withOptionTables(readFileSync(path, "utf8")));
}
