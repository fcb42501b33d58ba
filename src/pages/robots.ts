/** A site's robots.txt (RFC 9309): fetched once per site, before its first page. */
import type { Downloader } from "./download.ts";
import { AddressError, PageError } from "./page-error.ts";
import { allows, MAX_RULES, rulesFor } from "./robots-rules.ts";

/** The rules of a site. */
export interface Robots {
  /** Throws PageError if robots.txt disallows the page. */
  check(url: URL): void;
  /** The pause between requests that the site asks for, in milliseconds; null: none. */
  readonly crawlDelayMs: number | null;
}

/** RFC 9309 requires 500 KiB at least; the rest is not read. */
const MAX_BYTES = 512 * 1024;
/** The last line of a file that was cut: `Disallow: /` may be the start of `Disallow: /private`. */
const CUT_LINE = /(?<=[\r\n]|^)[^\r\n]*$/;
const MAX_REDIRECTS = 5;
/** The longest pause that is observed, in seconds. */
const MAX_DELAY_S = 30;

/** Our name in the `User-agent` lines of robots.txt. */
export const PRODUCT = "microgpt";

/**
 * Fetches a site's rules. No file (a client error) allows everything; a server error allows nothing (RFC 9309, 2.3.1).
 * @param typed the address that the user typed, of this site or of one that led here.
 */
export async function fetchRobots(site: URL, typed: URL, downloader: Downloader): Promise<Robots> {
  const address = new URL("/robots.txt", site);
  [address.username, address.password] = [site.username, site.password];
  try {
    const limits = { maxBytes: MAX_BYTES, maxRedirects: MAX_REDIRECTS };
    const { status, body } = await downloader.get(address, { typed, limits, cut: true });
    if (status >= 500 || status === 429) return closed(`its robots.txt could not be read (status ${status})`);
    if (status < 200 || status >= 300) return OPEN;
    const text = body.toString("utf8");
    return parseRobots(body.length < MAX_BYTES ? text : text.replace(CUT_LINE, ""));
  } catch (error) {
    if (error instanceof AddressError) return { ...OPEN, check: () => refuse(error) };
    if (!(error instanceof PageError)) throw error;
    // The page itself cannot be fetched, whatever its rules are.
    if (error.unreachable) return { ...OPEN, check: () => refuse(new PageError(error.message, NOT_NOW)) };
    return closed(`its robots.txt could not be read: ${error.message}`);
  }
}

/** Rules that allow everything. */
export const OPEN: Robots = { check: () => {}, crawlDelayMs: null };

const NOT_NOW = { temporary: true, afterMs: Infinity } as const;

/** Rules of a site whose robots.txt failed: temporary, so a cached copy may be used, but it is not retried now. */
function closed(why: string): Robots {
  const reason = `${why}; --ignore-robots fetches it anyway`;
  return { ...OPEN, check: () => refuse(new PageError(reason, NOT_NOW)) };
}

function refuse(error: PageError): never {
  throw error;
}

/** The longest path that rules are compared with; servers and browsers stop earlier. */
const MAX_PATH = 8192;

/** Parses a robots.txt. @param text the file; a leading byte order mark is ignored. */
export function parseRobots(text: string): Robots {
  const { rules, crawlDelay } = rulesFor(PRODUCT, text);
  // An empty delay is not 0.
  const delay = crawlDelay === null || crawlDelay === "" ? Number.NaN : Number(crawlDelay);
  return {
    crawlDelayMs: delay >= 0 ? 1000 * Math.min(delay, MAX_DELAY_S) : null,
    check(url) {
      if (url.pathname === "/robots.txt") return; // is always allowed
      const path = url.pathname + url.search;
      if (path.length > MAX_PATH) disallow(`its address is longer than the ${MAX_PATH} characters that are checked`);
      if (rules.length > MAX_RULES) disallow(`its robots.txt has ${rules.length} rules; at most ${MAX_RULES} are read`);
      if (!allows(rules, path)) disallow("its robots.txt disallows it");
    },
  };
}

function disallow(why: string): never {
  throw new PageError(`${why}; --ignore-robots fetches it anyway`);
}
