/**
 * The afternoon of a tinkerer: six kinds of text, each by `microgpt PATH` alone but for fewer steps. Each ends in a model that
 * is better than a bigram table, or in a sentence that says why not and what to do.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { microgpt, microgptHere, workspace } from "../setup/microgpt.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Kind of text → writes it into a directory, and returns what to type. */
const TEXTS: Readonly<Record<string, (directory: string) => string>> = {
  "a folder of notes": (directory) => {
    mkdirSync(join(directory, "notes"));
    for (const name of readdirSync(join(root, "docs")).filter((file) => file.endsWith(".md"))) {
      writeFileSync(join(directory, "notes", name), read(`docs/${name}`));
    }
    return "notes";
  },
  "a chat log": (directory) => {
    const lines = read("test/fixtures/genesis200.txt").trim().split("\n");
    writeFileSync(join(directory, "chat.txt"), lines.map((line, i) => `${i % 2 ? "Ada" : "Alan"}: ${line}`).join("\n"));
    return "chat.txt";
  },
  "a CSV": (directory) => {
    const lines = read("test/fixtures/genesis200.txt").trim().split("\n");
    writeFileSync(join(directory, "table.csv"), `id,text\n${lines.map((line, i) => `${i},"${line}"`).join("\n")}\n`);
    return "table.csv";
  },
  poems: (directory) => {
    const lines = read("test/fixtures/genesis200.txt").trim().split("\n");
    const verses = lines.map((line) => line.match(/.{1,40}(?: |$)/g)!.join("\n"));
    writeFileSync(join(directory, "poems.txt"), verses.join("\n\n"));
    return "poems.txt";
  },
  "source code": (directory) => {
    mkdirSync(join(directory, "code"));
    for (const name of readdirSync(join(root, "src/training"))) {
      writeFileSync(join(directory, "code", name), read(`src/training/${name}`));
    }
    return "code";
  },
  "a book": (directory) => {
    writeFileSync(join(directory, "book.txt"), read("docs/usage.md").replaceAll("\n", "\n\n"));
    return "book.txt";
  },
};

describe("microgpt PATH", () => {
  test.each(Object.entries(TEXTS))(
    "%s: a model better than a bigram table, or why not and what to do",
    async (_, write) => {
      const directory = workspace();
      const path = write(directory);
      const { exitCode, stdout, stderr } = microgpt([path, "--num-steps", "60", "--num-samples", "2"], {
        cwd: directory,
      });
      // A table is read as lines until a field is named, which is said.
      const unexpected = stderr.replace(/^microgpt: warning: \S+\.csv is read line by line.*--field NAME.*\n/, "");
      expect({ exitCode, unexpected }).toEqual({ exitCode: 0, unexpected: "" });
      const [, loss, table] = /^held-out loss (\S+) over[^]*?bigram table \((\S+)\)/m.exec(stdout) ?? [];
      if (Number(loss) < Number(table)) return expect(stdout).toContain("better than a bigram table");
      expect(stdout).toMatch(
        /^the (?:model has not learnt enough; more steps help|best weights are of step|model knows the text)/m,
      );
      // What it advises can be done.
      const [, command] = /^ {2}(?:npx )?microgpt (.*)$/m.exec(stdout)!;
      const words = command.split(" ").map((word) => word.replaceAll("'", ""));
      const more = words[0] === "resume" ? [] : ["--dry-run"];
      const shorter = words.map((word, i) => (words[i - 1] === "--num-steps" ? "70" : word));
      const advised = await microgptHere([...shorter, ...more], { cwd: directory });
      expect(advised.exitCode).toBe(0);
    },
  );

  test("a table without a named field says so, and what to do", async () => {
    const directory = workspace();
    writeFileSync(join(directory, "rows.jsonl"), '{"a":1,"b":"x"}\n');
    const { exitCode, stderr } = await microgptHere(["rows.jsonl"], { cwd: directory });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--field");
  });
});
