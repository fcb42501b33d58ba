/** A module of its own, so that a page that does not show the verses does not load them. */
import verses from "./genesis.txt?raw";

/** The first 200 verses of Genesis (King James Bible, public domain), one per line, without their numbers. */
export const GENESIS: string = verses.replaceAll(/^\S+ /gm, "");
