/** The built page of a model (`playground/model-page/`), which an export and a server fill. */
import { fileURLToPath } from "node:url";
import { InputError, showPath } from "../errors.ts";
import { fillPage } from "../export/page.ts";
import { readWhole } from "../node/files.ts";

const FILE = fileURLToPath(new URL("../../dist/model-page.html", import.meta.url));
const MAX_BYTES = 2 ** 20;

/** Reads the page. Throws InputError if it is not built. */
export function readModelPage(): string {
  try {
    return readWhole(FILE, MAX_BYTES).toString("utf8");
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${showPath(FILE)}: the page is missing; npm run build:playground builds it`);
  }
}

/** The page of a server. It names no model: it is sent to clients without a key, too. Throws as `readModelPage`. */
export const serverPage = (): string => fillPage(readModelPage(), "microgpt", { kind: "server" }, "");
