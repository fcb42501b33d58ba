import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tableLines } from "../../src/cli/table.ts";
import { fitLine, wrapLine } from "../../src/cli/terminal.ts";
import { programName } from "../../src/run/program-name.ts";
import { hasScript, inTerminal } from "../setup/in-terminal.ts";
import { microgptHere, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";
import { serveSite } from "../setup/site.ts";

test("a GPU is not spoken of where the model is too small for one", async () => {
  const directory = workspace();
  const { stdout } = await microgptHere([writeWords(directory), ...TINY], { cwd: directory });
  expect(stdout).not.toMatch(/GPU|^engine /m);
});

test("a refused connection is the host's, and is said once", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  const address = `http://127.0.0.1:${port}/a.txt`;
  const { stdout, stderr, exitCode } = await microgptHere(["fetch", address, "--no-cache"]);
  expect(stderr).toBe(`microgpt: ${address}: its host refuses the connection (ECONNREFUSED)\n`);
  expect([stdout, exitCode]).toEqual(["", 2]);
});

test("of pages that all fail, each is said once; of pages that fail in part, each is a warning", async () => {
  const site = await serveSite({ "/c.txt": "a text\n" });
  const pages = (...names: readonly string[]): string[] => names.map((name) => `${site.url}/${name}.txt`);
  const all = await microgptHere(["fetch", ...pages("a", "b"), "--no-cache"]);
  expect(all.exitCode).toBe(2);
  expect(all.stderr.match(/status 404/g)).toHaveLength(2);
  expect(all.stderr).toMatch(
    /\nmicrogpt: none of 2 pages could be read; \S+\/a\.txt: its server answers with status 404\n$/,
  );
  const some = await microgptHere(["fetch", ...pages("a", "b", "c"), "--no-cache"]);
  expect(some.exitCode).toBe(0);
  expect(some.stderr.match(/^microgpt: warning: \S+: its server answers with status 404$/gm)).toHaveLength(2);
});

test("the command to resume is one that runs here: npx microgpt, unless a shell finds microgpt", () => {
  const directory = workspace();
  expect(programName({ PATH: directory })).toBe("npx microgpt");
  writeFileSync(join(directory, "microgpt"), "#!/bin/sh\n", { mode: 0o755 });
  expect(programName({ PATH: `/nowhere:${directory}` })).toBe("microgpt");
  expect(programName({ PATH: directory, npm_command: "exec" })).toBe("npx microgpt"); // npx itself added it
});

test("a sweep's dry run says what its runs need, beside what the machine has", async () => {
  const directory = workspace();
  const args = ["sweep", "--data", writeWords(directory), ...TINY, "--grid", "n-layer=1,2", "--jobs", "1", "--dry-run"];
  const { stdout } = await microgptHere(args, { cwd: directory });
  const need = [...stdout.matchAll(/^0\d_\S+ {2}([\d.]+) MB$/gm)].map(([, megabytes]) => Number(megabytes));
  expect(need).toHaveLength(2);
  const most = Math.max(...need).toFixed(1);
  expect(stdout).toMatch(
    new RegExp(`\n2 runs, 1 at once, which need at most ${most} MB; this machine has [\\d.]+ MB for them\n$`),
  );
});

test("a text that the model ends at once is said to be ended; an empty sample is no new one", async () => {
  const { run } = trained("--num-steps", "400");
  const { stdout, stderr } = await microgptHere(["complete", run, "badin", "--temperature", "0"]);
  if (stdout === "badin\n") expect(stderr).toMatch(/^microgpt: the model ends the text here, so it adds nothing/);
  const directory = workspace();
  // Of a model that has learnt nothing, one sample in fifteen is empty.
  const args = [writeWords(directory), ...TINY, "--num-steps", "1", "--num-samples", "300", "--temperature", "1"];
  const samples = (await microgptHere(args, { cwd: directory })).stdout.matchAll(/^sample +\d+: (\S*) +(\S.*)$/gm);
  const empty = [...samples].filter(([, text]) => text === "");
  expect(empty.length).toBeGreaterThan(0);
  expect(new Set(empty.map(([, , mark]) => mark))).toEqual(new Set(["empty"]));
});

test("sample's own options are under Samples", async () => {
  const { stdout } = await microgptHere(["sample", "--help"]);
  expect(stdout).toMatch(/\nSamples:\n/);
  expect(stdout).not.toContain("Training:");
});

describe("lines that a terminal does not break inside a number", () => {
  test("a status line loses its last parts, a sentence is broken at spaces, a table loses columns", () => {
    expect(fitLine("step 10/100  loss 2.3456  ETA 12s", 32)).toBe("step 10/100  loss 2.3456");
    expect(fitLine("step 10/100  loss 2.3456  ETA 12s", 33)).toBe("step 10/100  loss 2.3456  ETA 12s");
    expect(wrapLine("data  one 1,234 two", 15, 6)).toBe("data  one 1,234\n      two");
    expect(wrapLine("https://a.example/very/long", 10, 0)).toBe("https://a.example/very/long");
    const columns = [
      { name: "run", isNumber: false },
      { name: "time", isNumber: true, dropped: 1 },
      { name: "memory", isNumber: true, dropped: 2 },
    ];
    expect(tableLines(columns, [["a", "10s", "1.5 MB"]], 17)).toEqual(["run  time  memory", "a     10s  1.5 MB"]);
    expect(tableLines(columns, [["a", "10s", "1.5 MB"]], 16)).toEqual(["run  time", "a     10s"]);
    expect(tableLines(columns, [["a", "10s", "1.5 MB"]], 3)).toEqual(["run", "a"]);
  });

  test.skipIf(!hasScript).each([60, 80, 100, 120])("train and compare at %i columns", async (columns) => {
    const directory = workspace();
    mkdirSync(join(directory, "w"));
    const data = writeWords(join(directory, "w"));
    const where = ["--runs-dir", directory];
    const train = ["train", "--data", data, ...where, "--name", "r", ...TINY, "--num-samples", "2", "--clip-norm", "1"];
    const trainedScreen = await inTerminal(train, [["> ", "q\r"]], { NO_COLOR: "1" }, () => {}, columns);
    const compared = await inTerminal(["compare", "r", ...where], [], { NO_COLOR: "1" }, () => {}, columns);
    rmSync(join(directory, "w"), { recursive: true });
    for (const { screen, exitCode } of [trainedScreen, compared]) {
      expect(exitCode).toBe(0);
      const lines = screen.split(/\r\n|\r/).map((line) => line.replace(/\u001b\[[\d;?]*[A-Za-z]/g, ""));
      // Paths and commands are for copying, so they are never broken.
      const isWhole = /^run |^Type |^saved |microgpt: |^ {2}(?:npx )?microgpt /;
      const tooLong = lines.filter((line) => line.length > columns && !isWhole.test(line));
      expect(tooLong).toEqual([]);
    }
    expect(compared.screen).toContain("bits/byte");
    expect(compared.screen.includes("memory")).toBe(columns === 120);
  });
});
