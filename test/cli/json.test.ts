import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { microgptHere, sharedWorkspace, TINY, writeWords } from "../setup/microgpt.ts";
import { openPlayground } from "../setup/open.ts";
import { serveSite } from "../setup/site.ts";

let directory = "";
beforeAll(async () => {
  directory = sharedWorkspace();
  const args = ["train", "--data", writeWords(directory), ...TINY, "--name", "run"];
  await microgptHere(args, { cwd: directory });
  const lines = Array.from({ length: 30 }, (_, i) => `${i}: caf\u00e9 au lait, d\u00e9j\u00e0 vu, gar\u00e7on`);
  writeFileSync(join(directory, "latin1.txt"), Buffer.from(lines.join("\n"), "latin1"));
});

/** The events of a command. */
async function eventsOf(args: readonly string[]): Promise<string[]> {
  const { stdout, exitCode } = await microgptHere([...args, "--json"], { cwd: directory });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/\n$/);
  const lines = stdout.trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { event: string }).event);
}

const SWEEP = ["sweep", "--data", "words.txt", ...TINY, "--grid", "n-layer=1,2"];

/** Each command, and some events that it must print; all that it prints are events. */
test.each([
  ["train", [...TINY, "--data", "words.txt", "--num-steps", "2"], ["begin", "step", "saved", "result", "sample"]],
  ["train", ["words.txt", ...TINY, "--dry-run"], ["dry run"]],
  ["train", ["latin1.txt", "--dry-run"], ["note", "dry run"]],
  ["plan", ["words.txt", ...TINY, "--find-learning-rate"], ["learning rates"]],
  ["resume", ["run"], ["begin", "result", "sample"]],
  ["sample", ["run", "--num-samples", "2"], ["sample"]],
  ["complete", ["run", "ba"], ["completion"]],
  ["complete", ["run", "ba", "--probs"], ["completion"]],
  ["tokenize", ["--data", "words.txt"], ["tokenizer"]],
  ["tokenize", ["bake", "--run", "run"], ["tokenizer"]],
  ["tokenize", ["--data", "latin1.txt"], ["encodings", "tokenizer"]],
  ["compare", ["run"], ["comparison"]],
  ["report", ["run"], ["report"]],
  ["sweep", [...SWEEP.slice(1), "--name", "s"], ["started", "step", "finished", "note"]],
  ["sweep", [...SWEEP.slice(1), "--dry-run"], ["plan"]],
] as const)("%s %j --json prints one object per line, each with an event", async (command, args, expected) => {
  const events = await eventsOf([command, ...args]);
  expect(new Set(events)).toEqual(new Set([...events.filter((event) => typeof event === "string"), ...expected]));
});

test("fetch --json: what became of each page, then the documents or the file", async () => {
  const site = await serveSite({ "/a.txt": "first line\nsecond line\n" });
  const fetched = ["fetch", `${site.url}/a.txt`, `${site.url}/none.txt`, "--no-cache"];
  expect((await eventsOf(fetched)).toSorted()).toEqual(["document", "document", "fetched", "not fetched", "result"]);
  expect(await eventsOf(["fetch", `${site.url}/a.txt`, "--no-cache", "--out", "a.txt"])).toEqual(["fetched", "result"]);
});

test.skipIf(!existsSync("dist/playground/index.html"))("open --json prints its address", async () => {
  const { printed, stop, url } = await openPlayground("--json");
  expect(JSON.parse(printed())).toEqual({ event: "open", address: url.href });
  expect(await stop("SIGINT")).toBe(0);
});
