/**
 * `--hook FILE`: a module of the user whose default export is called with every event that `--json` prints. It is named on
 * the command line only, never by a file of a run, which may come from anywhere.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { InputError, isRecord } from "../errors.ts";
import { showPath } from "../errors.ts";

/** Is called with an event; a promise that it returns is not awaited. */
export type Hook = (event: Readonly<Record<string, unknown>>) => void;

/**
 * Loads a hook. After it throws, or its promise rejects, it is not called again: `onFailure` is told why, and the training
 * continues. Throws InputError if the module cannot be loaded or exports no function.
 */
export async function loadHook(path: string, onFailure: (message: string) => void): Promise<Hook> {
  const call = await importDefault(path);
  let isDeaf = false;
  const fail = (error: unknown): void => {
    if (isDeaf) return;
    isDeaf = true;
    onFailure(`--hook ${showPath(path)}: ${firstLine(error)}; it is not called again`);
  };
  return (event) => {
    if (isDeaf) return;
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
