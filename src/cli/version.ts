import { createRequire } from "node:module";
import { isRecord } from "../errors.ts";

const manifest: unknown = createRequire(import.meta.url)("../../package.json");

/** The package's version. */
export const VERSION: string = isRecord(manifest) ? String(manifest.version) : "unknown";
