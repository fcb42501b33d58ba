/** The texts that the playground brings along; the names are the command's. */
import genesisUrl from "./genesis.txt?url";
import names from "../../data/names.txt?raw";

/** One name per line. */
export const BUNDLED_NAMES: string = names;
/**
 * Fetches the first 200 verses of Genesis (King James Bible, public domain): one per line, without their numbers. Rejects if
 * the site is out of reach.
 */
export async function fetchGenesis(): Promise<string> {
  const response = await fetch(genesisUrl);
  return (await response.text()).replaceAll(/^\S+ /gm, "");
}
