import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Site {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
}

/** A small site on this machine, gone after the test. What it has no page for is a 404. */
export async function serveSite(pages: Readonly<Record<string, string>>): Promise<Site> {
  const asked: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    asked.push(url);
    if (!Object.hasOwn(pages, url)) return response.writeHead(404).end("<h1>Not found</h1>");
    const type = url.endsWith(".html") || url === "/" ? "text/html; charset=utf-8" : "text/plain; charset=utf-8";
    return response.writeHead(200, { "content-type": type }).end(pages[url]);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked };
}
