/**
 * `--hook FILE`: a module of the user's, whose default export is called with everything that a training tells: the objects
 * that `--json` prints. It is named where a training is started, and never by a file of a run: those may come from anybody.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { InputError, isRecord } from "../errors.ts";
import { showPath } from "../errors.ts";

/** Takes an event; nobody waits for it. */
export type Hook = (event: Readonly<Record<string, unknown>>) => void;

/**
 * Loads a hook. One that throws, or whose promise does, hears no more: `onFailure` is told why, and the training goes on.
 * Throws InputError if the module can't be loaded or exports no function.
 */
export async function loadHook(path: string, onFailure: (message: string) => void): Promise<Hook> {
  const call = await importDefault(path);
  let isDeaf = false;
  const fail = (error: unknown): void => {
    if (isDeaf) return;
    isDeaf = true;
    onFailure(`--hook ${showPath(path)}: ${firstLine(error)}; it hears no more`);
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
