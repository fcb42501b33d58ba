/**
 * `--hook FILE`: a module of the user whose default export is called with every event that `--json` prints. It can be
 * named on the command line only, never in a run's files, which may come from anyone.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { InputError, isRecord } from "../errors.ts";
import { showPath } from "../errors.ts";

/** Called with each event; a promise that it returns is not awaited. */
export type Hook = (event: Readonly<Record<string, unknown>>) => void;

/**
 * Loads a hook. After it throws, or its promise rejects, it is not called again: `onFailure` receives the reason, and
 * the training continues. Throws InputError if the module cannot be loaded or exports no function.
 */
export async function loadHook(path: string, onFailure: (message: string) => void): Promise<Hook> {
  const call = await importDefault(path);
  let hasFailed = false;
  const fail = (error: unknown): void => {
    if (hasFailed) return;
    hasFailed = true;
    onFailure(`--hook ${showPath(path)}: ${firstLine(error)}; it will not be called again`);
  };
  return (event) => {
    if (hasFailed) return;
    try {
      const answer = call(event);
      if (answer instanceof Promise) answer.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}

async function importDefault(path: string): Promise<(event: object) => unknown> {
  let loaded: unknown;
  try {
    loaded = await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    throw new InputError(`--hook: cannot load ${showPath(path)}: ${firstLine(error)}`);
  }
  const call: unknown = isRecord(loaded) ? loaded.default : null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- whatever it takes, it gets an event
  if (typeof call === "function") return call as (event: object) => unknown;
  throw new InputError(`--hook: ${showPath(path)} must export a function: export default (event) => { … }`);
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0];
