/** Bodies that are bombs, or not whole (reliability 29 and 30): what comes of them, and that nothing of them is kept. */
import { EventEmitter, once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { describe, expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { workspace } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import {
  cachedFiles,
  fetchAll,
  fetchOne,
  redirect,
  serve,
  serveRaw,
  SMALL,
  status,
  text,
  withoutPauses,
} from "./server.ts";
import type { Reply } from "./server.ts";

const MIB = 2 ** 20;
const PROSE = Array.from({ length: 5000 }, (_, i) => `Sentence ${i}: ${Math.imul(i, 0x9e3779b1) >>> 0}.`).join("\n");

const encoded = (body: Buffer, encoding: string): Reply => text(body, { "content-encoding": encoding });

/** The one page of a site, with a cache; the test ends with an error if something was kept of a page that failed. */
async function read(url: string, limits: object = {}): Promise<string> {
  const cacheDir = workspace();
  const answer = await fetchOne(url, { cacheDir, limits: { ...SMALL, ...limits } });
  expect(cachedFiles(cacheDir).length).toBe(answer.startsWith("failed: ") ? 0 : 2);
  return answer;
}

/** Zeros, compressed: little to send, much to unpack. */
async function bomb(bytes: number, compress: zlib.BrotliCompress | zlib.Gzip | zlib.Deflate): Promise<Buffer> {
  const zeros = Buffer.alloc(MIB);
  const chunks: Buffer[] = [];
  const source = Readable.from(Array.from({ length: bytes / MIB }, () => zeros));
  await pipeline(source, compress, async (compressed: AsyncIterable<Buffer>) => {
    for await (const chunk of compressed) chunks.push(chunk);
  });
  return Buffer.concat(chunks);
}

describe("bombs", () => {
  const { BROTLI_PARAM_QUALITY: quality, BROTLI_PARAM_LGWIN: window } = zlib.constants;
  const BOMBS: readonly (readonly [name: string, compress: () => zlib.BrotliCompress | zlib.Gzip, most: number])[] = [
    ["br", () => zlib.createBrotliCompress({ params: { [quality]: 5, [window]: 24 } }), 1000],
    ["gzip", () => zlib.createGzip({ level: 1 }), 4 * MIB],
    ["deflate", () => zlib.createDeflate({ level: 1 }), 4 * MIB],
  ];
  const SIZE = byExtent(64, 512);
  test.each(BOMBS)(
    `%s: ${SIZE} MiB of zeros are left at the limit, in little memory`,
    { tags: ["large"] },
    async (encoding, compress, most) => {
      const body = await bomb(SIZE * MIB, compress());
      expect(body.length).toBeLessThan(most);
      const site = await serve({ "/": encoded(body, encoding) });
      const before = process.memoryUsage().rss;
      expect(await read(`${site.origin}/`)).toBe("failed: it has more than 1 MB");
      expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
      expect(site.hits("/")).toBe(1);
    },
  );

  test("a bomb within a bomb", { tags: ["large"] }, async () => {
    const inner = await bomb(SIZE * MIB, zlib.createGzip({ level: 9 }));
    const site = await serve({ "/": encoded(zlib.gzipSync(inner, { level: 9 }), "gzip, gzip") });
    const before = process.memoryUsage().rss;
    expect(await read(`${site.origin}/`)).toBe("failed: it has more than 1 MB");
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  test.each([
    [999_999, "ok"],
    [1_000_000, "ok"],
    [1_000_001, "failed: it has more than 1 MB"],
  ])("the limit is exact, packed or not: %i bytes", async (bytes, expected) => {
    const body = Buffer.alloc(bytes, "a");
    const site = await serve({ "/plain": text(body), "/br": encoded(zlib.brotliCompressSync(body), "br") });
    for (const path of ["/plain", "/br"]) {
      const answer = await read(site.origin + path);
      expect(answer.startsWith("failed") ? answer : answer.length === bytes && "ok").toBe(expected);
    }
  });

  test("zeros without end: the connection is closed", async () => {
    let closed = false;
    const site = await serve({
      "/": (_request, response) => {
        const zeros = Buffer.alloc(65_536);
        const more = (): void =>
          void (closed || (response.write(zeros) ? setImmediate(more) : response.once("drain", more)));
        response.on("close", () => (closed = true)).writeHead(200, { "content-type": "text/plain" });
        more();
      },
    });
    const before = process.memoryUsage().rss;
    expect(await read(`${site.origin}/`)).toBe("failed: it has more than 1 MB");
    await expect.poll(() => closed).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });
});

describe("encodings", () => {
  const PACK: Readonly<Record<string, (body: Buffer) => Buffer>> = {
    gzip: (body) => zlib.gzipSync(body),
    "x-gzip": (body) => zlib.gzipSync(body),
    deflate: (body) => zlib.deflateSync(body),
    br: (body) => zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
    identity: (body) => body,
  };
  const pack = (header: string): Buffer =>
    header
      .split(",")
      .map((name) => PACK[name.trim().toLowerCase()])
      .reduce<Buffer>((body, compress) => compress(body), Buffer.from(PROSE));

  test.each([
    "gzip",
    "GZip",
    "x-gzip",
    "deflate",
    "br",
    "identity",
    "gzip, gzip",
    "gzip,br",
    "br , deflate",
    "identity, gzip, identity",
    "gzip, br, deflate, gzip, br",
  ])("%s is undone from behind", async (header) => {
    const site = await serve({ "/": encoded(pack(header), header) });
    expect(await read(`${site.origin}/`)).toBe(PROSE);
  });

  test.each([6, 7, 100])("%i of them are no honest work", async (count) => {
    const header = Array.from({ length: count }, () => "gzip").join(", ");
    const site = await serve({ "/": encoded(pack(header), header) });
    expect(await read(`${site.origin}/`)).toBe(`failed: it is compressed ${count} times over`);
    expect(site.hits("/")).toBe(1);
  });

  test.each(["zstd", "compress", "gzip, exi", "bzip2", "constructor", "__proto__"])("%s is unknown", async (header) => {
    const site = await serve({ "/": encoded(Buffer.from(PROSE), header) });
    const name = header.replace("gzip, ", "");
    expect(await read(`${site.origin}/`)).toBe(`failed: its compression is unknown ("${name}")`);
  });

  test("a body of an unknown one is not even waited for, and its end hurts nobody", async () => {
    const closed = new EventEmitter();
    const isClosed = once(closed, "closed");
    const site = await serve({
      "/": (_request, response) => {
        response.on("close", () => closed.emit("closed")).writeHead(200, { "content-encoding": "zstd" });
        response.write("the beginning");
      },
      // Never, if the first body is waited for.
      "/slow": (request, response) => void isClosed.then(() => text("slow")(request, response, 1)),
    });
    const { pages } = await fetchAll([`${site.origin}/`, `${site.origin}/slow`]);
    expect(pages.map((page) => ("text" in page ? page.text : page.reason))).toEqual([
      'its compression is unknown ("zstd")',
      "slow",
    ]);
  });

  test.each(["gzip", "deflate", "br"])("%s that is none is damaged, after three tries", async (header) => {
    withoutPauses();
    const site = await serve({ "/": encoded(Buffer.from(PROSE), header) });
    expect(await read(`${site.origin}/`)).toMatch(/^failed: its compression is damaged \(\w+\)$/);
    expect(site.hits("/")).toBe(3);
  });
});

describe("headers", () => {
  const answer = (headers: string): string =>
    `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n${headers}\r\nok`;
  const FLOODS: readonly (readonly [name: string, headers: string])[] = [
    ["one of 20 KB", `x: ${"a".repeat(20_000)}\r\n`],
    ["a name of 20 KB", `${"a".repeat(20_000)}: x\r\n`],
    ["ten thousand", Array.from({ length: 10_000 }, (_, i) => `x${i}: y\r\n`).join("")],
    ["a hundred thousand of the same", "set-cookie: a=b\r\n".repeat(100_000)],
  ];
  test.each(FLOODS)("%s are too much, at the first try", async (_name, headers) => {
    const site = await serveRaw((socket) => socket.end(answer(headers)));
    expect(await fetchOne(site.origin, { ignoreRobots: true })).toBe(
      "failed: its headers are too long (UND_ERR_HEADERS_OVERFLOW)",
    );
    expect(site.connections()).toBe(1);
  });

  test("a hundred are not", async () => {
    const headers = Array.from({ length: 100 }, (_, i) => `x${i}: ${"y".repeat(90)}\r\n`).join("");
    const site = await serveRaw((socket) => socket.end(answer(headers)));
    expect(await fetchOne(site.origin, { ignoreRobots: true })).toBe("ok");
  });

  test.each([
    ["no HTTP", "hello\r\n\r\n"],
    ["a status that is no number", "HTTP/1.1 OK\r\n\r\n"],
    ["a length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nok"],
    ["a chunk whose size is no number", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n"],
  ])("%s is not read", async (_name, reply) => {
    const site = await serveRaw((socket) => socket.end(reply));
    expect(await fetchOne(site.origin, { ignoreRobots: true })).toMatch(
      /^failed: its host does not speak HTTP(?: \(HPE_\w+\))?$/,
    );
  });
});

describe("bodies that are not whole", () => {
  test.each(["gzip", "deflate", "br"] as const)("%s, cut at a hundred places: a hundred errors", async (encoding) => {
    withoutPauses();
    const whole = { gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync }[encoding](PROSE);
    const random = new Random(1);
    const drawn = Array.from({ length: 96 }, () => Math.floor(random.random() * whole.length));
    const points = [...new Set([0, 1, whole.length - 1, whole.length - 4, ...drawn])];
    const site = await serve(
      Object.fromEntries(points.map((point) => [`/${point}`, encoded(whole.subarray(0, point), encoding)])),
    );
    const cacheDir = workspace();
    const { pages } = await fetchAll(
      points.map((point) => `${site.origin}/${point}`),
      { cacheDir },
    );
    expect(pages.filter((page) => "text" in page)).toEqual([]);
    expect(cachedFiles(cacheDir)).toEqual([]);
    expect(points.length).toBeGreaterThan(90);
  });

  const head = (headers: string): string => `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${headers}\r\n`;
  const CHUNK = `${head("transfer-encoding: chunked\r\n")}5\r\nwhole\r\n`;
  const CUT: readonly (readonly [name: string, reply: string, end: "end" | "reset"])[] = [
    ["shorter than announced", `${head("content-length: 1000\r\n")}only this`, "end"],
    ["shorter than announced, by one byte", `${head("content-length: 5\r\n")}four`, "end"],
    ["announced, but not there", head("content-length: 5\r\n"), "end"],
    ["ended in the middle of a chunk", `${CHUNK}100\r\nhalf`, "end"],
    ["reset in the middle of a chunk", `${CHUNK}100\r\nhalf`, "reset"],
    ["ended between two chunks", CHUNK, "end"],
    ["reset between two chunks", CHUNK, "reset"],
    ["ended before the last line", `${CHUNK}0\r\n`, "end"],
    ["ended in the middle of its headers", "HTTP/1.1 200 OK\r\ncontent-ty", "end"],
    ["ended before its headers", "", "end"],
    ["reset before its headers", "", "reset"],
  ];
  test.each(CUT)("%s", async (_name, reply, end) => {
    withoutPauses();
    const cacheDir = workspace();
    const site = await serveRaw((socket) =>
      socket.write(reply || "\r\n", () =>
        setTimeout(() => (end === "end" ? socket.end() : socket.resetAndDestroy()), 20),
      ),
    );
    expect(await fetchOne(site.origin, { cacheDir, ignoreRobots: true })).toMatch(
      /^failed: (?:the connection broke|its length differs from its Content-Length|it is cut off) \(\w+\)$/,
    );
    expect(site.connections()).toBe(3);
    expect(cachedFiles(cacheDir)).toEqual([]);
  });

  test("longer than announced: packed, it ends in the middle; plain, what was announced is the page", async () => {
    withoutPauses();
    const packed = zlib.gzipSync(PROSE);
    const site = await serveRaw((socket) => {
      socket.write(head(`content-encoding: gzip\r\ncontent-length: ${packed.length - 100}\r\n`));
      socket.end(packed);
    });
    expect(await fetchOne(site.origin, { ignoreRobots: true })).toMatch(/^failed: /);
    const plain = await serveRaw((socket) => socket.end(`${head("content-length: 4\r\n")}page and more`));
    expect(await fetchOne(plain.origin, { ignoreRobots: true })).toBe("page");
  });
});

describe("a part that nobody asked for (status 206)", () => {
  const part: Reply = (_request, response) =>
    response.writeHead(206, { "content-type": "text/plain", "content-range": "bytes 0-3/9" }).end("half");

  test("is an error, after a redirect, too, and not kept", async () => {
    const site = await serve({ "/": part, "/moved": redirect("/") });
    for (const path of ["/", "/moved"]) {
      expect(await read(`${site.origin}${path}`)).toBe("failed: its server answers with a part of it (status 206)");
    }
  });

  test("of robots.txt leaves nobody knowing the rest: the page is not fetched", async () => {
    const site = await serve({ "/robots.txt": part, "/": text("page") });
    expect(await fetchOne(`${site.origin}/`)).toMatch(/^failed: its robots\.txt could not be read: .*status 206/);
    expect(site.hits("/")).toBe(0);
  });
});

describe("nothing to read", () => {
  test.each<readonly [string, Reply]>([
    ["status 204", status(204)],
    ["status 205", status(205)],
    ["an empty body", text("")],
    ["spaces", text(" \n\t\n")],
    ["a page without a word", text("<!doctype html><title></title><nav></nav>", { "content-type": "text/html" })],
    ["nothing, packed", encoded(zlib.gzipSync(""), "gzip")],
  ])("%s is an error, and not kept", async (_name, reply) => {
    const site = await serve({ "/": reply });
    expect(await read(`${site.origin}/`)).toBe("failed: it has no text");
    expect(site.hits("/")).toBe(1);
  });

  test.each<readonly [string, Reply]>([
    ["a picture", text(Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1"), { "content-type": "image/png" })],
    ["bytes that are called text", text(Buffer.alloc(1000))],
    ["a film's name", text("text", { "content-type": "video/mp4" })],
  ])("%s is an error, and not kept", async (_name, reply) => {
    const site = await serve({ "/": reply });
    expect(await read(`${site.origin}/`)).toMatch(/^failed: it /);
  });
});
