/** The text that the first page brings along; it is the command's. */
import names from "../../data/names.txt?raw";

/** One name per line. */
export const BUNDLED_NAMES: string = names;
