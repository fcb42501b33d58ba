/** The built page of a model (`playground/model-page/`), which an export and a server fill. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InputError, showPath } from "../errors.ts";
import { fillPage, isTemplate } from "../export/page.ts";
import { readWhole } from "../node/files.ts";

/** Where the page is. */
export const MODEL_PAGE: string = fileURLToPath(new URL("../../dist/model-page.html", import.meta.url));
const MAX_BYTES = 2 ** 20;

/** Reads the page. Throws InputError if it is missing or damaged. */
export function readModelPage(): string {
  const text = existsSync(MODEL_PAGE) ? readWhole(MODEL_PAGE, MAX_BYTES).toString("utf8") : null;
  if (text !== null && isTemplate(text)) return text;
  const fault = text === null ? "missing" : "damaged";
  throw new InputError(`${showPath(MODEL_PAGE)}: the page is ${fault}; npm run build builds it`);
}

/** The page of a server. It names no model: it is sent to clients without a key, too. Throws as `readModelPage`. */
export const serverPage = (): string => fillPage(readModelPage(), "microgpt", { kind: "server" }, "");
