import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { html } from "../../src/export/html.ts";
import type { ExportedModel } from "../../src/export/model.ts";
import { load } from "../../src/index-node.ts";
import { VERSES, verseModel } from "../setup/exported.ts";
import { microgptHere, trained } from "../setup/microgpt.ts";

async function pageOf(model: ExportedModel): Promise<string> {
  const [bytes] = (await html.files(model)).values();
  return Buffer.from(bytes).toString("utf8");
}

const partOf = (page: string, id: string): string =>
  new RegExp(`<script[^>]* id="${id}">([^<]*)</script>`).exec(page)![1];

describe("the html format", () => {
  test.each(["char", "bpe", "byte-bpe", "word"] as const)(
    "%s: the page has at most 200,000 bytes and the weights",
    async (kind) => {
      const page = await pageOf(await verseModel(kind));
      expect(Buffer.byteLength(page) - partOf(page, "weights").length).toBeLessThanOrEqual(200_000);
    },
  );

  test("also where the hashes of the data take all that they may", async () => {
    const model = await verseModel("char");
    const { tokenizer } = model;
    const documents = Array.from(
      { length: 30_000 },
      (_, i) => tokenizer.encode(`${i}`.replace(/\d/g, (d) => "abcdefghij"[Number(d)])).ids,
    );
    const page = await pageOf({ ...model, documents: () => Promise.resolve(documents) });
    const marks = (JSON.parse(partOf(page, "data")) as { marks: { filter: { base64: string } } }).marks;
    expect(marks.filter.base64.length).toBeGreaterThan(50_000);
    expect(Buffer.byteLength(page) - partOf(page, "weights").length).toBeLessThanOrEqual(200_000);
  });

  test("the weights are the bytes of a model that `load` reads, without the names of files", async () => {
    const model = await verseModel("bpe", {});
    const named = {
      ...model,
      options: { ...model.options, data: ["/home/ada/secret.txt"], urls: ["https://ada@host/"] },
    };
    const bytes = Buffer.from(partOf(await pageOf(named), "weights"), "base64");
    expect(bytes.toString("latin1")).not.toMatch(/secret|ada@host/);
    const loaded = await load(bytes);
    expect(loaded.config).toEqual(model.config);
    expect(Array.from(loaded.weights.get("wte")!.data)).toEqual(
      Array.from(model.weights.get("wte")!.data, Math.fround),
    );
  });

  test("no text of the data is in the page", async () => {
    const page = await pageOf(await verseModel("char"));
    const lines = VERSES.map((verse) => verse.slice(0, 30));
    expect(lines.filter((line) => page.includes(line))).toEqual([]);
  });

  test("names cannot end the element that they are in, nor become one", async () => {
    const model = await verseModel("char");
    const hostile = `</script></title><script>alert(1)</script><!-- $& %DATA% %WEIGHTS% " '`;
    const page = await pageOf({ ...model, name: hostile, training: { ...model.training, data: [hostile] } });
    const plain = await pageOf(model);
    const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
    for (const pattern of [/<script/gi, /<\/script/gi, /<!--/g, /<\/title/gi, /<[a-z]/gi]) {
      expect(count(page, pattern)).toBe(count(plain, pattern));
    }
    const data = JSON.parse(partOf(page, "data")) as { facts: [string, string][] };
    expect(data.facts[0][1]).toContain(hostile);
    expect(partOf(page, "weights")).toBe(partOf(plain, "weights"));
  });

  /** The marks in the page that the command makes of a run, or why it has none. */
  async function marksOfRun(run: string, directory: string): Promise<unknown> {
    expect(await microgptHere(["export", run, "--to", "html"], { cwd: directory })).toMatchObject({ stderr: "" });
    const page = readFileSync(join(directory, `${basename(run)}.html`), "utf8");
    return (JSON.parse(partOf(page, "data")) as { marks: unknown }).marks;
  }

  test("where the data is gone or has changed since the training, the page says that copies are not marked", async () => {
    const { directory, run, data } = trained();
    expect(await marksOfRun(run, directory)).toHaveProperty("filter");
    appendFileSync(data, "another word\n");
    expect(await marksOfRun(run, directory)).toBe("the data has changed since the training");
    rmSync(data);
    expect(await marksOfRun(run, directory)).toBe("the data was not at hand when the page was made");
  });

  test("the reference hashes its documents in shuffled order, and has its marks all the same", async () => {
    const { directory, run } = trained("--reference");
    expect(await marksOfRun(run, directory)).toHaveProperty("filter");
  });

  test("a model that is too large is refused", async () => {
    const model = await verseModel("char");
    const large = { ...model, config: { ...model.config, nEmbd: 2048 } };
    expect(html.refusals(large)).toEqual([
      "a page holds at most 50,000,000 parameters, got 100,974,592; use --to pytorch, or microgpt serve",
    ]);
    expect(html.refusals(model)).toEqual([]);
  });

  test("where the page is not built, nothing is written", async () => {
    const model = await verseModel("char");
    const page = (): string => {
      throw new Error("not built");
    };
    expect(() => html.refusals({ ...model, page })).toThrow("not built");
  });

  test("the command writes one file, named after the run", async () => {
    const { directory, run } = trained();
    const { exitCode, stdout, stderr } = await microgptHere(["export", run, "--to", "html"], { cwd: directory });
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^html {5}\S+ kB {2}run\.html\n$/);
    expect(existsSync(join(directory, "run.html"))).toBe(true);
  });
});
