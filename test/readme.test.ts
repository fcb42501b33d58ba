import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { withOptionTables } from "../scripts/option-tables.ts";
import { CLI, finished, workspace } from "./setup/microgpt.ts";
import { serveSite } from "./setup/site.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = read("README.md");
const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "LOG.md",
  "data/README.md",
  "bench/README.md",
  "docs/usage.md",
  "docs/experiments.md",
];

/** The commands of a document: the lines of its `sh` blocks. */
function commandsOf(path: string): string[] {
  const blocks = read(path).matchAll(/^```sh\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, block]) => block.trim().split("\n"));
}

test.each(DOCUMENTS)("the tables of options in %s are those of the option table (npm run docs writes them)", (path) => {
  expect(read(path)).toBe(withOptionTables(read(path)));
});

test("the README has the options of train", () => {
  expect(readme).toContain("<!-- options: train -->\n\n| option |");
});

test("the README's two commands are npm's, and what they call is there", () => {
  expect(commandsOf("README.md").slice(0, 2)).toEqual(["npm ci && npm start", "npm ci && npm test"]);
  const manifest = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  expect(manifest.scripts).toMatchObject({ start: expect.stringContaining("dist/cli.js train"), test: "vitest run" });
});

test("the map of src/ in the README names every file", () => {
  const doors = ["cli.ts", "index.ts", "errors.ts"]; // they lead to rooms and are none
  const rooms = readdirSync(join(root, "src")).filter((name) => !doors.includes(name));
  for (const room of rooms) expect(readme).toContain(`](src/${room})`);
});

test.each(DOCUMENTS)("every file that %s links to exists", (path) => {
  const links = [...read(path).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target]) => target);
  const missing = links.filter((link) => !/^https?:/.test(link) && !existsSync(join(root, dirname(path), link)));
  expect(missing).toEqual([]);
});

/** The texts that the documents' commands name. */
function writeTexts(directory: string): void {
  const book = read("test/fixtures/genesis200.txt");
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write("my-names.txt", read("data/names.txt").split("\n").slice(0, 500).join("\n"));
  write("my-text.txt", book);
  write("bible.txt", book);
  write("my-hook.mjs", /^```js\n(.*?)^```$/ms.exec(read("docs/experiments.md"))?.[1] ?? "");
  mkdirSync(join(directory, "my-book"));
  write("my-book/chapter-1.txt", book.slice(0, 8000));
  write("my-book/chapter-2.txt", book.slice(8000));
  write(
    "my-pages.txt",
    "# a page\nfile:my-page\n".replace("file:my-page", pathToFileURL(join(directory, "my-text.txt")).href),
  );
  write("my-prompts.txt", "And God said\nIn the beginning\n");
}

describe("every command of the documents runs as it is written", () => {
  // What can't run inside of a test: the first two would start this very run, the others are measured, not tested.
  const ELSEWHERE = /^npm ci && npm (?:start|test)$|^npm run (?:bench|build|check|test:bugs|test:long)\b/;
  const commands = DOCUMENTS.flatMap((path) => commandsOf(path)).filter((command) => !ELSEWHERE.test(command));

  test("in order, in a folder with the build, a few texts, and a site in place of the web", async () => {
    const directory = workspace();
    for (const name of ["dist", "data"]) cpSync(join(root, name), join(directory, name), { recursive: true });
    cpSync(join(root, "package.json"), join(directory, "package.json"));
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
    writeTexts(directory);
    mkdirSync(join(directory, "bin"));
    for (const name of ["npx", "microgpt"]) {
      const skip = name === "npx" ? "shift; " : "";
      writeFileSync(join(directory, "bin", name), `#!/bin/sh\n${skip}exec '${process.execPath}' '${CLI}' "$@"\n`, {
        mode: 0o755,
      });
    }
    const book = read("test/fixtures/genesis200.txt");
    const site = await serveSite({
      "/files/1661/1661-0.txt": `The Project Gutenberg eBook\n\n*** START OF THE PROJECT GUTENBERG EBOOK ***\n\n${book}`,
      "/rivers.html": "<html><body><p>All the rivers run into the sea; yet the sea is not full.</p></body></html>",
    });
    const PATH = `${join(directory, "bin")}:${dirname(process.execPath)}:${process.env.PATH}`;
    const env = { ...process.env, PATH, XDG_CACHE_HOME: join(directory, "cache") };
    expect(commands.length).toBeGreaterThan(20);
    for (const command of commands) {
      // The budgets are a reader's: a test has less time.
      const local = command.replaceAll("https://www.gutenberg.org", site.url).replace(/--seconds \d+/, "--seconds 0.5");
      const { exitCode, stdout, stderr } = await finished("sh", ["-c", local], { cwd: directory, env });
      // What fetch says of its pages goes to the error output; a failed page would be a warning.
      const said = stderr.replace(/^(?:fetched|cleaned|\d+ documents?,|written to) .*\n/gm, "");
      expect({ command, exitCode, said }).toEqual({ command, exitCode: 0, said: "" });
      expect(stdout + stderr).not.toBe("");
    }
    expect(readFileSync(join(directory, "heard.txt"), "utf8")).toMatch(/^100 \d\.\d+ \d+\n200 /);
    expect(site.asked).toEqual(expect.arrayContaining(["/files/1661/1661-0.txt", "/rivers.html", "/robots.txt"]));
  }, 300_000);

  test("the library example runs, in Node and without it", () => {
    const [, example] = /^```ts\n(.*?)^```$/ms.exec(readme) ?? [];
    const directory = workspace();
    mkdirSync(join(directory, "node_modules"));
    symlinkSync(root, join(directory, "node_modules", "microgpt"));
    writeFileSync(join(directory, "example.mjs"), example);
    const output = execFileSync(process.execPath, ["example.mjs"], { cwd: directory, encoding: "utf8" });
    expect(output).toMatch(/^100 \d\.\d+\n200 \d\.\d+\n[a-z]*\n$/);
    // The same with what Node adds: threads and, if there is one, a BLAS.
    const [, forNode] = /^```js\n(.*?)^```$/ms.exec(readme) ?? [];
    writeFileSync(
      join(directory, "node.mjs"),
      example.replace(/^const backend = .*\n/m, () => `${forNode}\n`),
    );
    expect(readFileSync(join(directory, "node.mjs"), "utf8")).toContain("microgpt/node");
    const again = execFileSync(process.execPath, ["node.mjs"], { cwd: directory, encoding: "utf8" });
    expect(again).toMatch(/^100 \d\.\d+\n200 \d\.\d+\n[a-z]*\n$/);
  });
});
