/** The run that `microgpt open RUN` serves beside the page, named by the page's own link: `#/play?run=/…/run.zip`. */
import { InputError } from "../../src/index.ts";
import type { UnzippedRun } from "./run-zip.ts";

/** A path of `microgpt open`. Anything else might be a link of a stranger's to somewhere else. */
const SERVED = /^\/[0-9a-f]{32}\/run\.zip$/;

/** The path of the served run that a link names; null if it names none, or another address. */
export function servedRunOf(parameters: URLSearchParams): string | null {
  const path = parameters.get("run");
  return path !== null && SERVED.test(path) ? path : null;
}

/** Fetches and unpacks a served run. Throws InputError with a sentence for the visitor. */
export async function fetchServedRun(path: string): Promise<UnzippedRun> {
  const response = await fetch(path).catch(() => null);
  if (response === null) throw new InputError("microgpt open does not answer; start it again");
  if (response.status === 404) {
    throw new InputError("this address is of an earlier microgpt open; open the address that the new one prints");
  }
  if (!response.ok) throw new InputError((await response.text()).trim());
  // Loaded when a run is served: the first page stays small.
  const { unzipRun } = await import("./run-zip.ts");
  return unzipRun(new Uint8Array(await response.arrayBuffer()));
}
