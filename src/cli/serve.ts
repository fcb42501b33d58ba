/** `microgpt serve`: models of runs over OpenAI's API. What is answered is in `serve/`. */
import { basename } from "node:path";
import { InputError, quote } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { serverPage } from "../run/model-page.ts";
import { jsonLine, printable, warningLine } from "../run/format.ts";
import { StopRequest } from "../run/signals.ts";
import { isLoopback, listen, originOf } from "../serve/listen.ts";
import { openServedModel } from "../serve/served-model.ts";
import type { ServedModel } from "../serve/served-model.ts";
import { serveApp } from "../serve/serve-app.ts";
import type { ServeApp } from "../serve/serve-app.ts";

/** Milliseconds that running completions have after the first signal. */
const GRACE_MS = 10_000;

/** Where to listen, and who may ask. */
export interface ServeFlags {
  /** The address to listen on. */
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** As in `ServeOptions`. */
  readonly apiKey: string | null;
  /** As in `ServeOptions`. */
  readonly cors: string | null;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/**
 * Serves the models until a signal stops it; then those completions that run end first. Throws InputError if a run has no
 * model, the port is not available, or the address can be reached from elsewhere and there is no key.
 * @param paths directories of runs, at least one.
 */
export async function serve(paths: readonly string[], flags: ServeFlags): Promise<number> {
  const { host, port, apiKey, cors, json } = flags;
  if (!isLoopback(host) && apiKey === null) {
    throw new InputError(
      `--host ${host}: others can reach it; give a key by --api-key, or in MICROGPT_API_KEY, or drop --host`,
    );
  }
  const models = await openModels(paths);
  const page = pageOrWarning();
  const app = serveApp({ models, apiKey, corsOrigin: cors, isLoopback: isLoopback(host), page });
  return await StopRequest.during(async (stop) => {
    const server = await listen(app.fetch, host, port);
    try {
      const origin = originOf(server);
      const url = `${origin}/v1`;
      process.stdout.write(
        json
          ? jsonLine({ event: "serving", url, models: models.map(({ id }) => id) })
          : linesOf(models, page === null ? null : `${origin}/`, url),
      );
      await stopped(stop, app);
    } finally {
      server.close();
      server.closeAllConnections();
    }
    // A signal is this command's only end; 1: the address could not be printed.
    return stop.exitCode === 1 ? 1 : 0;
  });
}

/** What is served, and where. @param page the page's address; null: there is none. */
const linesOf = (models: readonly ServedModel[], page: string | null, url: string): string =>
  [
    `serving  ${models.map(({ id }) => printable(id)).join(", ")}`,
    ...(page === null ? [] : [`page        ${page}`]),
    `OpenAI API  ${url}`,
    "Ctrl-C ends it\n",
  ].join("\n");

/** The page of the server; null, with a warning, where it is missing or damaged. */
function pageOrWarning(): string | null {
  try {
    return serverPage();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(warningLine(error.message));
    return null;
  }
}

async function openModels(paths: readonly string[]): Promise<ServedModel[]> {
  const models: ServedModel[] = [];
  for (const path of paths) {
    const id = basename(path);
    if (models.some((model) => model.id === id)) {
      throw new InputError(`two runs have the name ${quote(id)}, and a model is asked for by name; serve one of them`);
    }
    const warn = (message: string): void => void process.stderr.write(warningLine(message));
    models.push(await openServedModel(Run.open(path), id, warn));
  }
  return models;
}

/** Resolves once a signal has come and what was running has ended; a second signal ends it at once. */
async function stopped(stop: StopRequest, app: ServeApp): Promise<void> {
  await new Promise<void>((resolve) => {
    stop.onStop = resolve;
    if (stop.exitCode !== null) resolve();
  });
  stop.onStop = () => app.abort();
  await app.close(GRACE_MS);
}
