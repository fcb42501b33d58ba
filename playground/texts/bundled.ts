/** The texts that the playground brings along; the names are the command's. */
import genesis from "./genesis.txt?raw";
import names from "../../data/names.txt?raw";

/** One name per line. */
export const BUNDLED_NAMES: string = names;
/** The first 200 verses of Genesis (King James Bible, public domain), one per line, without their numbers. */
export const GENESIS: string = genesis.replaceAll(/^\S+ /gm, "");
