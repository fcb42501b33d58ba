/**
 * A plugin for vite: keeps `data/names.txt` out of the site. `src/microgpt.ts` names it as the default of its command, which no
 * page runs, and vite takes `new URL("…", import.meta.url)` for a file that the site needs.
 */
import type { Plugin } from "vite";

/** The core, or a variant of it (`variants.ts`); not its text (`?raw`). */
const CORE = /\/src\/microgpt(?:\.[a-z-]+)?\.ts$/;
const DEFAULT_FILE = 'new URL("../data/names.txt", import.meta.url)';

/** The plugin; pages and workers need one each. */
export function coreWithoutNames(): Plugin {
  return {
    name: "microgpt:core-without-names",
    // Before TypeScript is stripped, so that the text is the file's.
    enforce: "pre",
    transform: {
      filter: { id: CORE },
      handler(code) {
        if (!code.includes(DEFAULT_FILE)) throw new Error(`src/microgpt.ts no longer has ${DEFAULT_FILE}`);
        return { code: code.replace(DEFAULT_FILE, DEFAULT_FILE.replace("(", "(/* @vite-ignore */ ")), map: null };
      },
    },
  };
}
