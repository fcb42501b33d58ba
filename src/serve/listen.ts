/** Listens on a port of this machine, with limits for clients that are slow or many. What is answered comes from `fetch`. */
import { createAdaptorServer } from "@hono/node-server";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { InputError } from "../errors.ts";
import { errorCode } from "../node/files.ts";

/** Answers a request. */
export type Answer = Parameters<typeof createAdaptorServer>[0]["fetch"];

/** The names of this machine's loopback interface. */
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]", "::1"]);

/** Whether a host, with or without a port, is this machine's loopback interface. */
export const isLoopback = (host: string): boolean => LOOPBACK.has(host) || LOOPBACK.has(host.replace(/:\d+$/, ""));

/** Connections at once; more are closed at once. */
const MAX_CONNECTIONS = 1024;
/** A client that has not sent its headers, or its whole request, by then is gone; and one that reads nothing for so long. */
const [HEADERS_MS, REQUEST_MS, IDLE_MS] = [10_000, 30_000, 120_000];

/** Listens. @param port 0: a free one. Throws InputError (machine) if it is not available. */
export async function listen(fetch: Answer, host: string, port: number): Promise<Server> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without options it is Node's HTTP server
  const server = createAdaptorServer({ fetch }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.timeout = IDLE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(portError(host, port, error)));
    server.listen(port, host, resolve);
  });
  return server;
}

function portError(host: string, port: number, error: Error): InputError {
  if (errorCode(error) === "EADDRINUSE") {
    return new InputError(`--port ${port}: another program listens there; choose another, or drop --port`, "machine");
  }
  return new InputError(`cannot listen on ${host}, port ${port}: ${error.message}; choose others`, "machine");
}

/** `http://127.0.0.1:8080`, of a server that listens. */
export function originOf(server: Server): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
