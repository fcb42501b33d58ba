/** A host of static files that sets no headers but the type, as GitHub Pages does, below a folder of its own. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { onTestFinished } from "vitest";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** A running host. */
export interface PlainHost {
  /** Address of the site's folder, with `/` at its end. */
  readonly url: string;
  /** The site's folder on the disk; another one is served from then on. */
  directory: string;
  /** Awaited before a path is answered. */
  before: (path: string) => Promise<void>;
  /** Ends it: its port answers no more. */
  readonly stop: () => Promise<void>;
}

/** Serves a folder under `/some/where/`, until the test ends or `stop`. */
export async function servePlainly(directory: string): Promise<PlainHost> {
  const base = "/some/where/";
  const server = createServer(async ({ url = "" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const path = pathname.slice(base.length);
    await host.before(path);
    try {
      if (!pathname.startsWith(base)) throw new Error("another site's");
      const file = readFileSync(join(host.directory, path === "" ? "index.html" : path));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? TYPES[".html"] }).end(file);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((done) => server.close(() => done()));
  };
  onTestFinished(stop);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo;
  const host: PlainHost = { url: `http://127.0.0.1:${port}${base}`, directory, before: async () => {}, stop };
  return host;
}
