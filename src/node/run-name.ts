/** The first part of a run's name, made from the names of its texts. */
import { basename } from "node:path";
import { cutBytes } from "./files.ts";

/** With `-sweep-`, a number and all, a name then fits the strictest file systems: those that encrypt names take 143. */
const MAX_STEM_BYTES = 110;

/** The stem of a run's name, from its texts: `names` for `data/names.txt`, `www-gutenberg-org` for a page there. */
export function stemOf(paths: readonly string[], urls: readonly string[] = []): string {
  const name = paths.length > 0 ? basename(paths[0]).replace(/\.[^.]*$/, "") : stemOfUrl(urls[0]);
  const plain = name.replace(/[^\p{L}\p{N}_-]/gu, "-").replace(/^-+/, "");
  return cutBytes(plain, MAX_STEM_BYTES) || "run";
}

const stemOfUrl = (url: string | undefined): string =>
  url === undefined ? "names" : URL.canParse(url) && new URL(url).hostname !== "" ? new URL(url).hostname : "pages";
