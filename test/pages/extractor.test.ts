import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { extractPage } from "../../src/pages/extract.ts";
import { EXTRACTION_LIMITS, Extractor } from "../../src/pages/extractor.ts";
import { PageError } from "../../src/pages/page-error.ts";
import { microgptHere, workspace } from "../setup/microgpt.ts";
import { until } from "../setup/trainer.ts";
import { fetchAll, serve, text } from "./server.ts";

const HTML = "text/html; charset=utf-8";
const PAGE = Buffer.from(`<!doctype html><html><body><article><p>${"A river ends in a sea. ".repeat(20)}</article>`);
/** Seen to run for more than 200 s and to take 2.9 GB: each of its characters becomes a node, and all are joined again. */
const HOSTILE = Buffer.from(`<!doctype html><html><body>${"<".repeat(4_900_000)}`);
const MANY_CELLS = Buffer.from(`<!doctype html><html><body><table>${"<tr><td>a".repeat(400_000)}`);

const extractor = (limits: Partial<typeof EXTRACTION_LIMITS> = {}): Extractor => {
  const made = new Extractor({ ...EXTRACTION_LIMITS, ...limits });
  onTestFinished(() => made.close());
  return made;
};

const failureOf = async (extraction: Promise<unknown>): Promise<string> =>
  await extraction.then(
    () => "none",
    (error: unknown) => (error instanceof PageError ? error.message : `not of the page: ${String(error)}`),
  );

/** The processes that extract for a process, by the process table. */
function processesOf(parent: number): number[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const isExtracting = readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("extract-process");
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, of] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return isExtracting && state !== "Z" && Number(of) === parent ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

describe("the text of a page is found by another process", () => {
  test("with the same result, for page after page, at once or in sequence", async () => {
    const pages = extractor();
    const read = async (body: Uint8Array): Promise<unknown> => await pages.extract(body, HTML);
    expect(await Promise.all([read(PAGE), read(Buffer.from("<body>two"))])).toEqual([
      extractPage(PAGE, HTML),
      extractPage(Buffer.from("<body>two"), HTML),
    ]);
    expect(await read(PAGE)).toEqual(extractPage(PAGE, HTML));
  });

  test("what is not text is refused with the same reason", async () => {
    const pdf = Buffer.from("%PDF-1.7");
    const reason = await failureOf(extractor().extract(pdf, HTML));
    expect(reason).toContain("pdftotext");
    expect(() => extractPage(pdf, HTML)).toThrow(reason);
  });

  test.skipIf(process.platform !== "linux")(
    "which is one for all small pages, and another after one that was killed (skipped where there is no /proc)",
    async () => {
      const pages = extractor();
      const idAfter = async (extraction: Promise<unknown>): Promise<number[]> => {
        await failureOf(extraction);
        return processesOf(process.pid);
      };
      const before = processesOf(process.pid);
      const first = await idAfter(pages.extract(PAGE, HTML));
      expect(first).toHaveLength(before.length + 1);
      expect(await idAfter(pages.extract(PAGE, HTML))).toEqual(first);
      process.kill(
        first.find((pid) => !before.includes(pid))!,
        "SIGKILL",
      );
      expect(await failureOf(pages.extract(PAGE, HTML))).toMatch(/has ended \((?:SIGKILL|null)\)$/);
      const second = await idAfter(pages.extract(PAGE, HTML));
      expect(second).toHaveLength(before.length + 1);
      expect(second).not.toEqual(first);
    },
  );
});

describe("a page that exceeds a limit fails with it, and the next one is read", () => {
  test.each([
    ["time", HOSTILE, { timeMs: 400 }, "to find its text takes more than 0.4 s of computing"],
    ["memory", MANY_CELLS, { memoryBytes: 160e6 }, "to find its text takes more than 160 MB of memory"],
  ])("%s", async (_limit, body, limits, reason) => {
    const pages = extractor(limits);
    expect(await failureOf(pages.extract(body, HTML))).toBe(reason);
    expect((await pages.extract(PAGE, HTML)).text).toContain("A river ends");
  });

  test("of --data: the file is left out with one sentence", async () => {
    const directory = workspace();
    mkdirSync(join(directory, "d"));
    writeFileSync(join(directory, "d", "hostile.html"), HOSTILE);
    writeFileSync(join(directory, "d", "page.html"), PAGE);
    const { exitCode, stderr } = await microgptHere(["tokenize", "--data", "d"], { cwd: directory });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(
        /^microgpt: warning: left out: [^\n]*hostile\.html: to find its text takes more than [^\n]+\n$/,
      ),
    });
  });

  test("of --urls: the page fails, the others come", { tags: ["clock"] }, async () => {
    const html = { "content-type": HTML };
    const { origin } = await serve({ "/hostile": text(HOSTILE, html), "/page": text(PAGE, html) });
    const { pages } = await fetchAll([`${origin}/hostile`, `${origin}/page`]);
    expect(pages).toEqual([
      { url: `${origin}/hostile`, reason: expect.stringMatching(/^to find its text takes more than /) },
      { url: `${origin}/page`, text: expect.stringContaining("A river ends") },
    ]);
  });
});

test.skipIf(process.platform !== "linux")(
  "a killed command leaves no process behind (skipped where there is no /proc)",
  async () => {
    const directory = workspace();
    writeFileSync(join(directory, "hostile.html"), HOSTILE);
    const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
    const command = spawn(process.execPath, [cli, "tokenize", "--data", "hostile.html"], { cwd: directory });
    let extracting: number[] = [];
    await until("it extracts", () => (extracting = processesOf(command.pid!)).length > 0);
    command.kill("SIGKILL");
    await until("the other process is gone, too", () => !extracting.some(isThere));
    expect(extracting).toHaveLength(1);
  },
);

function isThere(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
