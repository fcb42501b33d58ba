/** `microgpt open`: serves the playground on this machine alone, and a run in it. What is answered is in `site-app.ts`. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type { Server } from "node:http";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, showPath } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { zipRun } from "../node/run-zip.ts";
import { jsonLine, warningLine } from "../run/format.ts";
import { readPortableRun } from "../run/portable-run.ts";
import { StopRequest } from "../run/signals.ts";
import { listen, originOf } from "../serve/listen.ts";
import type { Answer } from "../serve/listen.ts";
import { siteApp } from "./site-app.ts";
import type { ServedRun } from "./site-app.ts";

const HOST = "127.0.0.1";
/** The same each time where it is free: what a page stores belongs to its port, too. */
const USUAL_PORT = 7340;

const SITE = fileURLToPath(new URL("../playground", import.meta.url));

/** What to serve, and where from. */
export interface OpenFlags {
  /** The port; null: the usual one, or a free one. */
  readonly port: number | null;
  /** The directory of the built playground. */
  readonly site?: string;
  /** Whether to print JSON. */
  readonly json?: boolean;
}

/**
 * Serves the playground until a signal stops it. Throws InputError if the site is not built, the run cannot be read or
 * the port is not available.
 * @param path the directory of a run that the page opens; null: none.
 */
export async function open(path: string | null, { port, site = SITE, json = false }: OpenFlags): Promise<number> {
  if (!existsSync(join(site, "index.html"))) {
    throw new InputError(`${showPath(site)}: the playground is missing; npm run build:playground builds it`);
  }
  const run = path === null ? null : servedRun(path);
  if (path !== null) await warnOfTexts(path);
  return await StopRequest.during(async (stop) => {
    const server = await listenOn(siteApp(site, run).fetch, port);
    try {
      const address = addressOf(server, run);
      process.stdout.write(json ? jsonLine({ event: "open", address }) : `playground  ${address}\nCtrl-C ends it\n`);
      await new Promise<void>((resolve) => {
        stop.onStop = resolve;
        if (stop.exitCode !== null) resolve();
      });
    } finally {
      server.close();
      server.closeAllConnections();
    }
    // A signal is this command's only end; 1: the address could not be printed.
    return stop.exitCode === 1 ? 1 : 0;
  });
}

/** The run under a random path. Throws InputError if it is not a run. */
function servedRun(path: string): ServedRun {
  Run.open(path);
  const zip = async (): Promise<Uint8Array<ArrayBuffer>> => zipRun((await readPortableRun(path)).files, basename(path));
  return { path: `/${randomBytes(16).toString("hex")}/run.zip`, zip };
}

async function warnOfTexts(path: string): Promise<void> {
  const { withoutTexts } = await readPortableRun(path);
  if (withoutTexts === null) return;
  process.stderr.write(warningLine(`the page gets no texts and cannot train on: ${withoutTexts}`));
}

/** Listens on a port; null: the usual one, or a free one. */
async function listenOn(fetch: Answer, port: number | null): Promise<Server> {
  if (port !== null) return await listen(fetch, HOST, port);
  try {
    return await listen(fetch, HOST, USUAL_PORT);
  } catch {
    return await listen(fetch, HOST, 0); // another `microgpt open` may be running
  }
}

function addressOf(server: Server, run: ServedRun | null): string {
  const page = run === null ? "" : `#/play?${new URLSearchParams({ run: run.path }).toString()}`;
  return `${originOf(server)}/${page}`;
}
