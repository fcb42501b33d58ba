import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { fetchServedRun, servedRunOf } from "../../playground/storage/served-run.ts";
import { siteApp } from "../../src/cli/site-app.ts";
import { decodeRun, prepareTrainingData, textSource } from "../../src/index.ts";
import { open } from "../../src/cli/open.ts";
import { readPortableRun } from "../../src/run/portable-run.ts";
import { microgptHere, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";
import { openPlayground } from "../setup/open.ts";

/** A site of two files, and a secret beside it. */
function newSite(): string {
  const directory = workspace();
  const site = join(directory, "playground");
  mkdirSync(join(site, "assets"), { recursive: true });
  writeFileSync(join(site, "index.html"), "<!doctype html><title>playground</title>");
  writeFileSync(join(site, "assets", "main.js"), "export {};");
  writeFileSync(join(directory, "secret.txt"), "secret");
  return site;
}

/** A GET with a path and headers that `fetch` would not send. */
async function get(
  url: URL,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  const asked = request({ host: url.hostname, port: url.port, path, headers }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
}

describe("microgpt open", () => {
  test("serves the built playground, isolated, until Ctrl-C, and exits with 0", async () => {
    const { url, stop, printed } = await openPlayground();
    expect(printed()).toMatch(/^playground {2}http:\/\/127\.0\.0\.1:\d+\/\nCtrl-C ends it\n$/);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("<mg-shell>");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
    });
    expect(await stop("SIGINT")).toBe(0);
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });

  test("the policy allows the site itself, WebAssembly and nothing else", async () => {
    const response = await siteApp(newSite(), null).request("/", { headers: { host: "localhost" } });
    const policy = (response.headers.get("content-security-policy") ?? "").split("; ");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    const sources = policy.flatMap((directive) => directive.split(" ").slice(1));
    expect(sources.filter((source) => /\*|http|unsafe-eval'$/.test(source) && source !== "'wasm-unsafe-eval'")).toEqual(
      [],
    );
  });

  test("serves a run under a path that is another each time; the page's own code fetches and reads it", async () => {
    const { run } = trained();
    const { url } = await openPlayground(run);
    const path = servedRunOf(new URLSearchParams(url.hash.split("?")[1]));
    expect(path).toMatch(/^\/[0-9a-f]{32}\/run\.zip$/);
    const { name, files } = await fetchServedRun(new URL(path!, url).href);
    expect(name).toBe("run");
    expect((await decodeRun(files)).checkpoint?.progress.step).toBe(30);
    expect((await openPlayground(run)).url.hash).not.toBe(url.hash);
    await expect(fetchServedRun(new URL(path!.replace(/[0-9a-f]{32}/, "0".repeat(32)), url).href)).rejects.toThrow(
      /an earlier microgpt open/,
    );
  });

  test("gives the page the texts of the run's files, so that it has the very data", async () => {
    const { run } = trained();
    const { files, withoutTexts } = await readPortableRun(run);
    expect(withoutTexts).toBe(null);
    const { options, texts, checkpoint } = await decodeRun(files);
    const data = prepareTrainingData(
      options,
      texts.map((text, i) => textSource(String(i), text)),
    );
    expect(data.dataHash).toBe(checkpoint!.dataHash);
  });

  test("gives the page the losses so far, and none where they cannot be read", async () => {
    const { run } = trained();
    const written = readFileSync(join(run, "metrics.jsonl"), "utf8");
    appendFileSync(join(run, "metrics.jsonl"), '{"step":31,"loss":9,"learningRate":0.1}\n'); // after its checkpoint
    const { files } = await readPortableRun(run);
    expect(new TextDecoder().decode(files.get("metrics.jsonl"))).toBe(written);
    rmSync(join(run, "metrics.jsonl"));
    mkdirSync(join(run, "metrics.jsonl"));
    expect((await readPortableRun(run)).files.has("metrics.jsonl")).toBe(false);
  });

  test("so of rows of a table, as documents of their own", async () => {
    const directory = workspace();
    const words = readFileSync(writeWords(directory), "utf8").trim().split("\n");
    const table = join(directory, "words.jsonl");
    writeFileSync(table, words.map((text) => JSON.stringify({ text: `${text}\n${text}a` })).join("\n"));
    for (const documents of ["line", "file"]) {
      const args = ["train", "--data", table, "--field", "text", "--documents", documents, "--name", documents];
      expect(await microgptHere([...args, "--runs-dir", directory, ...TINY])).toMatchObject({ exitCode: 0 });
      const { options, texts, checkpoint } = await decodeRun((await readPortableRun(join(directory, documents))).files);
      expect(texts.length).toBe(documents === "line" ? 1 : 40);
      const sources = texts.map((text, i) => textSource(String(i), text));
      expect(prepareTrainingData(options, sources).dataHash).toBe(checkpoint!.dataHash);
    }
  });

  test("says that a run's texts are gone, and serves the run all the same", async () => {
    const { run, data } = trained();
    rmSync(data);
    const { printed, url } = await openPlayground(run);
    expect(printed()).toMatch(/^microgpt: warning: the page gets no texts and cannot train on: .*words\.txt/);
    const path = servedRunOf(new URLSearchParams(url.hash.split("?")[1]));
    const { files } = await fetchServedRun(new URL(path!, url).href);
    expect((await decodeRun(files)).texts).toEqual([]);
  });

  test("a run that is damaged while it is served is a sentence for the page", async () => {
    const { run } = trained();
    const { url } = await openPlayground(run);
    rmSync(join(run, "config.json"));
    const path = servedRunOf(new URLSearchParams(url.hash.split("?")[1]));
    await expect(fetchServedRun(new URL(path!, url).href)).rejects.toThrow(/is not a run: it has no config\.json/);
  });

  test.each([
    ["/../secret.txt", 404],
    ["/assets/../../secret.txt", 404],
    ["/%2e%2e/secret.txt", 404],
    ["/..%2fsecret.txt", 404],
    ["/assets/%2e%2e%2f%2e%2e%2fsecret.txt", 404],
    ["/..%5csecret.txt", 404],
    ["//secret.txt", 404],
    ["/%", 404],
    ["/assets", 404],
    ["/assets/main.js", 200],
  ])("%s answers %d, and never with a file outside of the site", async (path, status) => {
    const site = newSite();
    const server = createAdaptorServer({ fetch: siteApp(site, null).fetch }) as Server;
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const answer = await get(new URL(`http://127.0.0.1:${port}`), path, { connection: "close" });
    expect(answer.status).toBe(status);
    expect(answer.body).not.toContain("secret");
  });

  test.each([
    ["127.0.0.1:7340", 200],
    ["localhost:7340", 200],
    ["localhost", 200],
    ["[::1]:7340", 200],
    ["attacker.example", 403],
    ["127.0.0.1.attacker.example:7340", 403],
    ["localhost.attacker.example", 403],
    ["192.168.1.7:7340", 403],
    ["", 403],
  ])("the host %j is answered with %d: another site's name cannot stand for this machine", async (host, status) => {
    const response = await siteApp(newSite(), null).request("/", { headers: { host } });
    expect(response.status).toBe(status);
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("%s is refused", async (method) => {
    const response = await siteApp(newSite(), null).request("/", { method, headers: { host: "localhost" } });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});

describe("microgpt open, refused in one sentence:", () => {
  test("what is not a run", async () => {
    const directory = workspace();
    for (const [name, message] of [
      ["nothing", /^microgpt: nothing: there is no such run\n$/],
      [".", /^microgpt: .* is not a run: it has no config\.json\n$/],
    ] as const) {
      const { exitCode, stdout, stderr } = await microgptHere(["open", name], { cwd: directory });
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toMatch(message);
    }
  });

  test("a site that is not built", async () => {
    await expect(open(null, { port: null, site: workspace() })).rejects.toThrow(
      /the playground is missing; npm run build:playground builds it$/,
    );
  });

  test.each(["0", "-1", "65536", "7e3", "http"])("--port %s", async (port) => {
    const { exitCode, stderr } = await microgptHere(["open", "--port", port]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `microgpt: --port: expected a whole number from 1 to 65535, got "${port}"\n`,
    });
  });

  test("a port that is taken; without --port another is found", async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const { exitCode, stderr } = await microgptHere(["open", "--port", String(port)]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `microgpt: --port ${port}: another program listens there; choose another, or drop --port\n`,
    });
    const [first, second] = [await openPlayground(), await openPlayground()];
    expect(first.url.port).not.toBe(second.url.port);
    expect((await fetch(second.url)).status).toBe(200);
  });
});

test.each([
  ["run=/0123456789abcdef0123456789abcdef/run.zip", "/0123456789abcdef0123456789abcdef/run.zip"],
  ["run=//evil.example/0123456789abcdef0123456789abcdef/run.zip", null],
  ["run=https://evil.example/run.zip", null],
  ["run=/0123456789abcdef0123456789abcdef/../x/run.zip", null],
  ["run=", null],
  ["", null],
])("of a link with %j the page fetches %j", (query, path) => {
  expect(servedRunOf(new URLSearchParams(query))).toBe(path);
});
