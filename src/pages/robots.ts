/**
 * What a site wants of robots (RFC 9309): fetched once a site, before the first page.
 */
import * as robotsParser from "robots-parser";
import type { Downloader } from "./download.ts";
import { PageError } from "./page-error.ts";

export interface Robots {
  /** Throws PageError if the page must not be fetched. */
  check(url: URL): void;
  /** Milliseconds between two requests that the site asks for; null: it doesn't say. */
  readonly crawlDelayMs: number | null;
}

// Its types say `export default`, but it is CommonJS: what is imported is the function itself.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const parse = robotsParser.default as unknown as typeof robotsParser.default.default;

/** RFC 9309 asks for 500 KiB at least; what is behind is not read. */
const MAX_BYTES = 512 * 1024;
const MAX_REDIRECTS = 5;
/** A site that wants a robot to wait longer gets this. */
const MAX_DELAY_S = 30;

/** The name that rules for robots know us by. */
export const PRODUCT = "microgpt";

/**
 * @param typed the address that was typed, of this site or of one that led here.
 * No rules (a client's error: there is no such file) allows all; a server that fails allows nothing (RFC 9309,
 * 2.3.1).
 */
export async function fetchRobots(site: URL, typed: URL, downloader: Downloader): Promise<Robots> {
  const address = new URL("/robots.txt", site);
  [address.username, address.password] = [site.username, site.password];
  try {
    const limits = { maxBytes: MAX_BYTES, maxRedirects: MAX_REDIRECTS };
    const { status, body } = await downloader.get(address, { typed, limits, cut: true });
    if (status >= 500 || status === 429) return closed(`its robots.txt can't be had (status ${status})`);
    return status >= 200 && status < 300 ? parseRobots(address, body.toString("utf8")) : OPEN;
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    return closed(`its robots.txt can't be had: ${error.message}`);
  }
}

export const OPEN: Robots = { check: () => {}, crawlDelayMs: null };

function closed(why: string): Robots {
  return {
    crawlDelayMs: null,
    check() {
      throw new PageError(`${why}; --ignore-robots fetches it nevertheless`, { temporary: false });
    },
  };
}

/** @param text the file; a byte order mark is no part of it. */
export function parseRobots(address: URL, text: string): Robots {
  const robots = parse(address.href, text.replace(/^\ufeff/, ""));
  const delay = robots.getCrawlDelay(PRODUCT) ?? Number.NaN;
  return {
    crawlDelayMs: delay >= 0 ? 1000 * Math.min(delay, MAX_DELAY_S) : null,
    check(url) {
      if (robots.isDisallowed(url.href, PRODUCT) !== true) return;
      throw new PageError("its robots.txt asks robots to stay away; --ignore-robots fetches it nevertheless");
    },
  };
}
