import * as fs from "node:fs";
import * as http from "node:http";
import * as net from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import type { DownloadLimits, Resolve } from "../../src/pages/download.ts";
import { fetchPages } from "../../src/pages/pages.ts";
import type { Page, PageEvent, PageOptions } from "../../src/pages/pages.ts";

/** What a path answers. `hit` counts the requests of this path, from 1. */
export type Reply = (request: http.IncomingMessage, response: http.ServerResponse, hit: number) => void;

export interface Site {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** What was asked for, in order, robots.txt included. */
  readonly asked: { readonly path: string; readonly headers: http.IncomingHttpHeaders }[];
  /** How often a path was asked for. */
  hits(path: string): number;
  /** Connections ever made, whatever came over them. */
  connections(): number;
}

/** A server on loopback until the end of the test. A path without a reply has status 404, so all may be fetched. */
export async function serve(replies: Readonly<Record<string, Reply>>): Promise<Site> {
  const asked: Site["asked"] = [];
  const hits = (path: string): number => asked.filter((request) => request.path === path).length;
  const server = http.createServer((request, response) => {
    const path = request.url ?? "";
    asked.push({ path, headers: request.headers });
    response.on("error", () => {});
    (replies[path] ?? status(404))(request, response, hits(path));
  });
  return { ...(await open(server)), asked, hits };
}

/** The same where HTTP must be broken: `talk` gets each connection when its first bytes have come. */
export async function serveRaw(talk: (socket: net.Socket) => void): Promise<Omit<Site, "asked" | "hits">> {
  return await open(net.createServer((socket) => void socket.on("error", () => {}).once("data", () => talk(socket))));
}

async function open(server: net.Server): Promise<Omit<Site, "asked" | "hits">> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  server.on("connection", (socket: net.Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(async () => {
    const closed = new Promise((done) => server.close(done));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { port, origin: `http://127.0.0.1:${port}`, connections: () => connections };
}

/** More than Node's own type allows: any of them may be there twice. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

export const text =
  (body: string | Buffer, headers: Headers = {}): Reply =>
  (_request, response) =>
    response.writeHead(200, { "content-type": "text/plain", ...headers } as http.OutgoingHttpHeaders).end(body);

export const status =
  (code: number, headers: Headers = {}): Reply =>
  (_request, response) =>
    response.writeHead(code, headers as http.OutgoingHttpHeaders).end();

export const redirect = (location: string, code = 302): Reply => status(code, { location });

/** One reply after the other; the last one stays. */
export const inTurn =
  (...replies: readonly Reply[]): Reply =>
  (request, response, hit) =>
    replies[Math.min(hit, replies.length) - 1](request, response, hit);

export interface Fetched {
  readonly pages: readonly Page[];
  /** All but those of bytes. */
  readonly events: readonly Exclude<PageEvent, { type: "bytes" }>[];
}

/** As a user has it, but with nothing kept. */
export async function fetchAll(urls: readonly string[], options: Partial<PageOptions> = {}): Promise<Fetched> {
  const events: Exclude<PageEvent, { type: "bytes" }>[] = [];
  const pages = await fetchPages(
    urls.map((url) => new URL(url)),
    {
      cacheDir: null,
      ignoreRobots: false,
      allowHosts: [],
      userAgent: "test",
      onEvent: (event) => event.type === "bytes" || events.push(event),
      ...options,
    },
  );
  return { pages, events };
}

/** The text of one page, or why there is none. */
export async function fetchOne(url: string, options: Partial<PageOptions> = {}): Promise<string> {
  const [page] = (await fetchAll([url], options)).pages;
  return "text" in page ? page.text : `failed: ${page.reason}`;
}

/** A name service that knows these names, and counts how often it was asked; the n-th time it gives the n-th answer. */
export function names(known: Readonly<Record<string, readonly (readonly string[])[]>>): Resolve & { asked: string[] } {
  const asked: string[] = [];
  const resolve: Resolve = (host, callback) => {
    asked.push(host);
    const answers = known[host] ?? [[]];
    const answer = answers[Math.min(asked.filter((name) => name === host).length, answers.length) - 1];
    setImmediate(() =>
      callback(
        null,
        answer.map((address) => ({ address, family: net.isIP(address) })),
      ),
    );
  };
  return Object.assign(resolve, { asked });
}

/** The pauses between tries shrink to nothing, for tests that are not about them. */
export function withoutPauses(): void {
  const random = vi.spyOn(Math, "random").mockReturnValue(0);
  onTestFinished(() => random.mockRestore());
}

/** Small enough for a test to reach each of them. */
export const SMALL: DownloadLimits = {
  maxBytes: 1e6,
  idleMs: 2000,
  connectMs: 2000,
  totalMs: 10_000,
  maxRedirects: 10,
};

/** Names of all files below the cache: bodies and pages. */
export const cachedFiles = (cacheDir: string): string[] =>
  ["pages", "bodies"].flatMap((name) => fs.readdirSync(join(cacheDir, name)).map((file) => join(cacheDir, name, file)));

/** Sets back the clock of every page in the cache, so that the server must be asked again. */
export function age(cacheDir: string, hours = 25): void {
  for (const path of cachedFiles(cacheDir).filter((file) => file.includes("/pages/"))) {
    const entry = JSON.parse(fs.readFileSync(path, "utf8")) as { fetchedMs: number };
    fs.writeFileSync(path, JSON.stringify({ ...entry, fetchedMs: entry.fetchedMs - hours * 3_600_000 }));
  }
}
