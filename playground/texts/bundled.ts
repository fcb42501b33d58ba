/** The text that the first page brings along; it is the command's. */
import names from "../../data/names.txt?raw";

/** One name per line. */
export const BUNDLED_NAMES: string = names;

/** Loads the first 200 verses of Genesis, one per line. Rejects if the site is out of reach. */
export const fetchGenesis = async (): Promise<string> => (await import("./genesis.ts")).GENESIS;
