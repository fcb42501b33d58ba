/** Servers that let us wait (reliability 31): each wait ends by its own limit, and delays nobody else. */
import * as net from "node:net";
import { describe, expect, test } from "vitest";
import { Downloader } from "../../src/pages/download.ts";
import type { DownloadLimits, DownloaderOptions } from "../../src/pages/download.ts";
import { PageError } from "../../src/pages/page-error.ts";
import { fetchAll, serve, serveRaw, text } from "./server.ts";
import type { Reply } from "./server.ts";

/** How much longer it may take on a busy machine. Which limit has ended a try is in the reason that it gives. */
const SLACK_MS = 10_000;
const SHORT: DownloadLimits = { maxBytes: 1e6, idleMs: 1000, connectMs: 1000, totalMs: 3000, maxRedirects: 10 };

const CLOCK = { tags: ["clock"] };

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\n\r\n";

/** One try: how it ended, and after how long. */
async function attempt(
  url: string,
  limits: Partial<DownloadLimits> = {},
  options: Partial<DownloaderOptions> = {},
): Promise<{ reason: string; temporary: boolean; ms: number }> {
  const downloader = new Downloader({
    userAgent: "test",
    allowedHosts: new Set<string>(),
    limits: { ...SHORT, ...limits },
    ...options,
  });
  const start = performance.now();
  try {
    await downloader.get(new URL(url));
    return { reason: "it came", temporary: false, ms: 0 };
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    return { reason: error.message, temporary: error.temporary, ms: performance.now() - start };
  } finally {
    await downloader.close();
  }
}

/** Writes `piece` every so often, for ever. */
const drip =
  (head: string, piece: string, everyMs: number) =>
  (socket: net.Socket): void => {
    socket.write(head);
    const timer = setInterval(() => socket.write(piece), everyMs);
    socket.on("close", () => clearInterval(timer));
  };

describe("one try", () => {
  const TOTAL_MS = 1200;
  const LATE = "it took longer than 1 s";
  const SILENT = "its host does not answer (UND_ERR_HEADERS_TIMEOUT)";
  const UNREACHED = "its host does not answer (UND_ERR_CONNECT_TIMEOUT)";
  const STALLED = "the transfer stalled (UND_ERR_BODY_TIMEOUT)";
  const CHUNKED = HEAD.replace("content-length: 1000", "transfer-encoding: chunked");
  type Talk = (socket: net.Socket) => void;
  const ROWS: readonly (readonly [name: string, scheme: string, talk: Talk, reason: string, limitMs: number])[] = [
    ["never answered", "http:", () => {}, SILENT, SHORT.idleMs],
    ["headers that stop", "http:", (socket) => socket.write("HTTP/1.1 200 OK\r\nx: "), SILENT, SHORT.idleMs],
    ["headers without a body", "http:", (socket) => socket.write(HEAD), STALLED, SHORT.idleMs],
    ["a stall in the middle", "http:", (socket) => socket.write(`${HEAD}half`), STALLED, SHORT.idleMs],
    [
      "a stall in the middle of a chunk",
      "http:",
      (socket) => socket.write(`${CHUNKED}9\r\nhalf`),
      STALLED,
      SHORT.idleMs,
    ],
    ["a server that never shakes hands", "https:", () => {}, UNREACHED, SHORT.connectMs],
    ["a byte every 50 ms", "http:", drip(HEAD, "x", 50), LATE, TOTAL_MS],
    ["a chunk every 50 ms", "http:", drip(CHUNKED, "1\r\nx\r\n", 50), LATE, TOTAL_MS],
  ];
  test("each ends at its own limit: no answer, no body, no end", async () => {
    const ended = await Promise.all(
      ROWS.map(async ([, scheme, talk, , limitMs]) => {
        const { origin } = await serveRaw(talk);
        return await attempt(origin.replace("http:", scheme), limitMs === TOTAL_MS ? { totalMs: TOTAL_MS } : {});
      }),
    );
    expect(ROWS.map(([name], row) => [name, ended[row].reason, ended[row].temporary])).toEqual(
      ROWS.map(([name, , , reason]) => [name, reason, reason !== LATE]),
    );
    for (const [row, [, , , , limitMs]] of ROWS.entries()) {
      expect(ended[row].ms).toBeGreaterThan(0.9 * limitMs);
      expect(ended[row].ms).toBeLessThan(limitMs + SLACK_MS);
    }
  });

  test("of headers that drip in ends at the limit of headers or of all, whichever is first", CLOCK, async () => {
    const site = await serveRaw(drip("HTTP/1.1 200 OK\r\n", "x: y\r\n", 50));
    const { reason, ms } = await attempt(site.origin, { totalMs: TOTAL_MS });
    expect([LATE, "its host does not answer (UND_ERR_HEADERS_TIMEOUT)"]).toContain(reason);
    expect(ms).toBeLessThan(TOTAL_MS + SLACK_MS);
  });

  test("of a page that redirects slowly, again and again, has one limit for all", CLOCK, async () => {
    const site = await serve(
      Object.fromEntries(
        Array.from({ length: 10 }, (_, hop): [string, Reply] => [
          `/${hop}`,
          (_request, response) =>
            void setTimeout(() => response.writeHead(302, { location: `/${hop + 1}` }).end(), 300),
        ]),
      ),
    );
    const { reason, ms } = await attempt(`${site.origin}/0`, { totalMs: TOTAL_MS });
    expect(reason).toBe(LATE);
    expect(ms).toBeLessThan(TOTAL_MS + SLACK_MS);
    expect(site.asked.length).toBeLessThan(6);
  });

  test("at a port where nobody listens ends at once", async () => {
    const port = await unusedPort();
    const { reason, temporary, ms } = await attempt(`http://127.0.0.1:${port}/`);
    expect([reason, temporary]).toEqual(["its host refuses the connection (ECONNREFUSED)", true]);
    expect(ms).toBeLessThan(SLACK_MS);
  });

  test("of a name that the name service has no answer for, ever", CLOCK, async () => {
    const { reason, ms } = await attempt("http://site.example/", {}, { resolve: () => {} });
    expect(reason).toBe(UNREACHED);
    expect(ms).toBeLessThan(SHORT.connectMs + SLACK_MS);
  });

  test("of a name that the name service can't look up now", async () => {
    const busy = Object.assign(new Error("later"), { code: "EAI_AGAIN" });
    const { reason, temporary } = await attempt(
      "http://site.example/",
      {},
      { resolve: (_host, callback) => callback(busy, []) },
    );
    expect([reason, temporary]).toEqual(["the DNS server does not answer (EAI_AGAIN)", true]);
  });

  test("that is slow, but within every limit, succeeds", async () => {
    const body = "slow but sure ".repeat(10);
    const site = await serve({
      "/": (_request, response) => {
        response.writeHead(200, { "content-length": body.length });
        for (let part = 0; part < 10; part++) {
          setTimeout(() => response.write(body.slice(14 * part, 14 * part + 14)), 60 * part);
        }
      },
    });
    expect((await attempt(site.origin)).reason).toBe("it came");
  });
});

async function unusedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

describe("20 hosts that stall and 20 that don't", () => {
  test.each([
    ["before their robots.txt", false],
    ["in the middle of their pages", true],
  ])("%s: the good ones have all come when the first bad one is given up", CLOCK, async (_name, ignoreRobots) => {
    const stalled = await Promise.all(
      Array.from({ length: 20 }, () => serveRaw((socket) => socket.write(ignoreRobots ? HEAD : ""))),
    );
    const good = await Promise.all(Array.from({ length: 20 }, (_, i) => serve({ "/": text(`page ${i}`) })));
    const limits = { ...SHORT, idleMs: 2000, totalMs: 2000 };
    const { pages, events } = await fetchAll(
      [...stalled, ...good].map(({ origin }) => origin),
      { limits, ignoreRobots },
    );
    expect(events.map(({ type }) => type)).toEqual([
      ...Array.from({ length: 20 }, () => "done"),
      ...Array.from({ length: 20 }, () => "failed"),
    ]);
    expect(pages.slice(20).map((page) => "text" in page && page.text)).toEqual(good.map((_, i) => `page ${i}`));
  });
});
