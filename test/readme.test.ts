import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { withOptionTables } from "../scripts/option-tables.ts";
import { CLI, finished, workspace } from "./setup/microgpt.ts";
import { serveSite } from "./setup/site.ts";
import { until } from "./setup/trainer.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = read("README.md");

/** Every document that is there, at the root and in the folders that a reader may open. */
const DOCUMENTS = [".", "docs", "bench", "data", "examples"].flatMap((folder) => {
  const names = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
  const documents = names.filter((name) => name.endsWith(".md")).toSorted();
  return documents.map((name) => (folder === "." ? name : `${folder}/${name}`));
});

/** The commands of a document: the lines of its `sh` blocks, a comment aside, and continued where they end in `\\`. */
function commandsOf(path: string): string[] {
  const blocks = read(path).matchAll(/^```sh\n(.*?)^```$/gms);
  const lines = [...blocks].flatMap(([, block]) => block.replaceAll("\\\n", " ").trim().split("\n"));
  return lines.filter((line) => !/^\s*(?:#|$)/.test(line));
}

test.each(DOCUMENTS)("the tables of options in %s are those of the option table (npm run docs writes them)", (path) => {
  expect(read(path)).toBe(withOptionTables(read(path)));
});

test("the guide has the options of train", () => {
  expect(read("docs/usage.md")).toContain("<!-- options: train -->\n\n| option |");
});

test("the README's two commands are npm's, and what they call is there", () => {
  expect(commandsOf("README.md").slice(0, 2)).toEqual(["npm ci && npm start", "npm ci && npm test"]);
  const manifest = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  expect(manifest.scripts).toMatchObject({ start: expect.stringContaining("dist/cli.js train"), test: "vitest run" });
});

test("the lines of the algorithm that the README shows are those of src/microgpt.ts", () => {
  const [, shown] = /^```ts\n(.*?)^```$/ms.exec(readme) ?? [];
  const functions = shown.split(/(?<=^\}\n)/m);
  expect(functions.length).toBe(2);
  for (const lines of functions) expect(read("src/microgpt.ts")).toContain(lines);
});

test("every npm script that a document names is there", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  for (const path of DOCUMENTS) {
    const named = [...read(path).matchAll(/\bnpm run (?:--silent )?([a-z][a-z:]*)/g)].map(([, name]) => name);
    expect({ path, missing: named.filter((name) => !(name in scripts)) }).toEqual({ path, missing: [] });
  }
});

test("the map of src/ in the README names every file", () => {
  const doors = ["cli.ts", "index.ts", "index-node.ts", "errors.ts"]; // they lead to rooms and are none
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
  const hooks = DOCUMENTS.map((path) => /^```js\n(?=(.*?)^```$)[^`]*export default/ms.exec(read(path))?.[1]);
  write("my-hook.mjs", hooks.find((hook) => hook !== undefined) ?? "");
  mkdirSync(join(directory, "my-book"));
  write("my-book/chapter-1.txt", book.slice(0, 8000));
  write("my-book/chapter-2.txt", book.slice(8000));
  write(
    "my-pages.txt",
    "# a page\nfile:my-page\n".replace("file:my-page", pathToFileURL(join(directory, "my-text.txt")).href),
  );
  const rows = book.split("\n").map((text, id) => JSON.stringify({ id, text }));
  write("my-table.jsonl", rows.join("\n"));
  write("my-prompts.txt", "And God said\nIn the beginning\n");
}

/** What runs until it is stopped: the commands after it ask it. */
const SERVES = /^(?:npx )?microgpt (?:open|serve)\b/;

/** Runs a command that serves until `stop`, which expects it to end well. */
async function startServing(
  command: string,
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<() => Promise<void>> {
  const child = spawn("sh", ["-c", `exec ${command}`], options);
  onTestFinished(() => void child.kill("SIGKILL"));
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  }
  const ended = once(child, "exit");
  await Promise.race([until(`${command} serves`, () => printed.includes("Ctrl-C ends it")), ended]);
  const [, page] = /^playground {2}(http:\S+)\nCtrl-C ends it\n$/.exec(printed) ?? [];
  if (page === undefined)
    expect(printed).toMatch(/^serving {2}\S+\npage {8}(http:\S+)\/\nOpenAI API {2}\1\/v1\nCtrl-C ends it\n$/);
  else expect(await (await fetch(page)).text()).toContain("<mg-shell>");
  return async () => {
    child.kill("SIGINT");
    expect(await ended).toEqual([0, null]);
  };
}

interface Workshop {
  /** Runs a command to its end, or until it serves. */
  readonly run: (command: string) => Promise<void>;
  /** Stops what serves. */
  readonly stop: () => Promise<void>;
  readonly directory: string;
  /** Paths that the site was asked for. */
  readonly asked: string[];
}

/** A folder with the build and a few texts, and a site in place of the web. */
async function newWorkshop(): Promise<Workshop> {
  const directory = workspace();
  for (const name of ["dist", "data", "examples"].filter((folder) => existsSync(join(root, folder)))) {
    cpSync(join(root, name), join(directory, name), { recursive: true });
  }
  cpSync(join(root, "package.json"), join(directory, "package.json"));
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  writeTexts(directory);
  mkdirSync(join(directory, "bin"));
  for (const name of ["npx", "microgpt"]) {
    const skip = name === "npx" ? "shift; " : "";
    const script = `#!/bin/sh\n${skip}exec '${process.execPath}' '${CLI}' "$@"\n`;
    writeFileSync(join(directory, "bin", name), script, { mode: 0o755 });
  }
  const book = read("test/fixtures/genesis200.txt");
  const site = await serveSite({
    "/files/1661/1661-0.txt": `The Project Gutenberg eBook\n\n*** START OF THE PROJECT GUTENBERG EBOOK ***\n\n${book}`,
    "/rivers.html": "<html><body><p>All the rivers run into the sea; yet the sea is not full.</p></body></html>",
  });
  const PATH = `${join(directory, "bin")}:${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { ...process.env, PATH, XDG_CACHE_HOME: join(directory, "cache") };
  let stop = async (): Promise<void> => {};
  const run = async (command: string): Promise<void> => {
    if (SERVES.test(command)) {
      await stop();
      stop = await startServing(command, { cwd: directory, env });
      return;
    }
    const local = command.replaceAll("https://www.gutenberg.org", site.url);
    const { exitCode, stdout, stderr } = await finished("sh", ["-c", local], { cwd: directory, env });
    // What fetch says of its pages goes to the error output; a failed page would be a warning.
    const isCurl = command.startsWith("curl "); // says on the error output how fast it loads
    const said = isCurl ? "" : stderr.replace(/^(?:fetched|cleaned|\d+ documents?,|written to) .*\n/gm, "");
    expect({ command, exitCode, said }).toEqual({ command, exitCode: 0, said: "" });
    expect(stdout + stderr).not.toBe("");
    if (isCurl) expect(stdout).toMatch(/^\{"id":"cmpl-.*"finish_reason":"(?:stop|length)"/);
  };
  return { run, stop: () => stop(), directory, asked: site.asked };
}

describe("every command of the documents runs", () => {
  // What can't run inside of a test: it needs the network, is measured, or would start this very run.
  const ELSEWHERE = /^(?:npm|git|npx vitest|MICROGPT_\w+=\S+ npx vitest|\.ci\/run)\b/;
  const runnable = (path: string): string[] => commandsOf(path).filter((command) => !ELSEWHERE.test(command));

  // The budgets are a reader's: a test has less time.
  const hurried = (command: string): string => command.replace(/--(?:seconds|minutes) [\d.]+/, "--seconds 0.5");

  test("the README's, with fewer steps", async () => {
    const { run, stop } = await newWorkshop();
    expect(runnable("README.md").length).toBeGreaterThan(5);
    for (const command of runnable("README.md").map(hurried)) {
      const isFree =
        /^npx microgpt (?:train|--|\S+\.txt)/.test(command) && !/--(?:num-steps|seconds|tokens|dry-run)/.test(command);
      const steps = command.includes(" resume ") ? 30 : 20; // a run of 20 steps that is resumed has more
      await run(`${command.replace(/--num-steps \d+/, `--num-steps ${steps}`)}${isFree ? " --num-steps 20" : ""}`);
    }
    await stop();
  });

  // The README's run above: as they are written, they are five minutes of training.
  const others = DOCUMENTS.filter((path) => path !== "README.md" && runnable(path).length > 0);
  test.each(others)(
    "those of %s, in order, as they are written",
    { tags: ["documents"], timeout: 600_000 },
    async (path) => {
      const { run, stop, directory, asked } = await newWorkshop();
      for (const command of runnable(path)) await run(hurried(command));
      await stop();
      if (read(path).includes("my-hook.mjs")) {
        expect(readFileSync(join(directory, "heard.txt"), "utf8")).toMatch(/^100 \d\.\d+ \d+\n200 /);
      }
      const pages = read(path).matchAll(/ https:\/\/www\.gutenberg\.org(\/\S+)/g);
      expect(asked).toEqual(expect.arrayContaining([...pages].map(([, page]) => page)));
    },
  );

  describe("the programs of the README and of the library's guide run", () => {
    const programsOf = (path: string, language: string): string[] =>
      [...read(path).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, program]) => program);

    /** Runs a program in a folder where the library is installed, and gives what it prints. */
    function run(program: string): string {
      const directory = workspace();
      mkdirSync(join(directory, "node_modules"));
      symlinkSync(root, join(directory, "node_modules", "microgpt"));
      writeFileSync(join(directory, "program.mjs"), program);
      return execFileSync(process.execPath, ["program.mjs"], { cwd: directory, encoding: "utf8" });
    }

    test("the README's writes what its comment says", () => {
      const [program] = programsOf("README.md", "js");
      expect(run(program)).toBe("grace\n");
    });

    test("the guide's first two: train, write, save; step by step", () => {
      const [first, second] = programsOf("docs/library.md", "ts");
      expect(run(first)).toMatch(
        /^100 \d\.\d\d\n200 \d\.\d\d\n300 \d\.\d\d\na[a-z]*\n[^]*bitsPerByte: \d[^]*\na[a-z]*\n$/,
      );
      expect(run(second)).toMatch(/type: 'step',\n {2}step: 1,[^]*\n50 false\n100 [a-z]*\n$/);
    });

    test("the low level's, in Node and without it", () => {
      const example = programsOf("docs/library.md", "ts").at(-1) ?? "";
      expect(run(example)).toMatch(/^100 \d\.\d+\n200 \d\.\d+\n[a-z]*\n$/);
      // The same with what Node adds: threads.
      const [forNode] = programsOf("docs/library.md", "js");
      expect(forNode).toContain("microgpt/node");
      const withNode = example.replace(/^const backend = .*\n/m, () => `${forNode}\n`);
      expect(run(withNode)).toMatch(/^100 \d\.\d+\n200 \d\.\d+\n[a-z]*\n$/);
    });
  });
});
