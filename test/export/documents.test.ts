import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { FORMATS } from "../../src/export/formats.ts";
import { VERSES, verseModel, writeExported } from "../setup/exported.ts";
import { hasPython, PYTHON, PYTHON_ENV, withoutPython } from "../setup/python.ts";
import { workspace } from "../setup/microgpt.ts";

const page = readFileSync(new URL("../../docs/export.md", import.meta.url), "utf8");
const blocksOf = (markdown: string): { language: string; code: string }[] =>
  [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));

const FOLDERS = Object.entries(FORMATS).filter(([, { output }]) => output.kind === "folder");

async function exported(name: string): Promise<{ folder: string; card: string }> {
  const files = await FORMATS[name].files(await verseModel("char"));
  const folder = writeExported(join(workspace(), "model"), files);
  return { folder, card: readFileSync(join(folder, "README.md"), "utf8") };
}

test("docs/export.md names every format", () => {
  for (const name of Object.keys(FORMATS)) expect(page).toContain(`\`${name}\``);
});

test.each(FOLDERS)("%s: the model card shows three tools, with the lines of docs/export.md", async (name) => {
  const { card } = await exported(name);
  const shown = blocksOf(card).map(({ code }) => code);
  expect(shown).toHaveLength(3);
  const there = blocksOf(page).map(({ code }) => code);
  for (const code of shown) expect(there).toContain(code);
});

describe.skipIf(!hasPython("torch", "transformers"))(
  `the lines of the card run ${withoutPython("torch", "transformers")}`,
  () => {
    test("pytorch: all three", async () => {
      const { folder, card } = await exported("pytorch");
      writeFileSync(join(folder, "my-text.txt"), VERSES.slice(0, 20).join("\n"));
      const env = { ...process.env, ...PYTHON_ENV, PATH: `${dirname(PYTHON)}${delimiter}${process.env.PATH}` };
      for (const { language, code } of blocksOf(card)) {
        const [program, flag] = language === "python" ? [PYTHON, "-c"] : ["sh", "-c"];
        const { status, stdout, stderr } = spawnSync(program, [flag, code], { cwd: folder, env, encoding: "utf8" });
        expect({ code, status, stderr: status === 0 ? "" : stderr }).toEqual({ code, status: 0, stderr: "" });
        expect(stdout.trim()).not.toBe("");
      }
    });
  },
);
