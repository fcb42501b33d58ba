/** A site's robots.txt (RFC 9309): fetched once per site, before its first page. */
import * as robotsParser from "robots-parser";
import type { Downloader } from "./download.ts";
import { AddressError, PageError } from "./page-error.ts";

/** The rules of a site. */
export interface Robots {
  /** Throws PageError if robots.txt disallows the page. */
  check(url: URL): void;
  /** The pause between requests that the site asks for, in milliseconds; null: none. */
  readonly crawlDelayMs: number | null;
}

// Its types say `export default`, but it is CommonJS: what is imported is the function itself.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const parse = robotsParser.default as unknown as typeof robotsParser.default.default;

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
    return parseRobots(address, body.length < MAX_BYTES ? text : text.replace(CUT_LINE, ""));
  } catch (error) {
    if (error instanceof AddressError) return { ...OPEN, check: () => refuse(error) };
    if (!(error instanceof PageError)) throw error;
    return closed(`its robots.txt could not be read: ${error.message}`);
  }
}

/** Rules that allow everything. */
export const OPEN: Robots = { check: () => {}, crawlDelayMs: null };

/** Rules of a site whose robots.txt failed: temporary, so a cached copy may be used, but it is not retried now. */
function closed(why: string): Robots {
  const reason = `${why}; --ignore-robots fetches it anyway`;
  return { ...OPEN, check: () => refuse(new PageError(reason, { temporary: true, afterMs: Infinity })) };
}

function refuse(error: PageError): never {
  throw error;
}

/** Parses a robots.txt. @param text the file; a leading byte order mark is ignored. */
export function parseRobots(address: URL, text: string): Robots {
  const robots = parse(address.href, normalize(text));
  const delay = robots.getCrawlDelay(PRODUCT) ?? Number.NaN;
  return {
    crawlDelayMs: delay >= 0 ? 1000 * Math.min(delay, MAX_DELAY_S) : null,
    check(url) {
      if (url.pathname === "/robots.txt") return; // is always allowed
      const path = comparable(url.pathname + url.search).replace(/[*$]/g, escape);
      if (robots.isDisallowed(url.origin + path, PRODUCT) !== true) return;
      throw new PageError("its robots.txt disallows it; --ignore-robots fetches it anyway");
    },
  };
}

/** Rewrites the file so that the library judges as RFC 9309 does. */
function normalize(text: string): string {
  const lines = text.split(/[\r\n]+/).map((line) => {
    const [rule] = line.split("#", 1);
    const colon = rule.indexOf(":");
    return FIELDS.get(rule.slice(0, Math.max(0, colon)).trim().toLowerCase())?.(rule.slice(colon + 1).trim()) ?? "";
  });
  // RFC 9309: a group without rules allows everything.
  return [...lines, "Disallow:"].join("\n");
}

/** The lines that are kept. The library ends a list of agents at any other line, RFC 9309 only at a rule. */
const FIELDS: ReadonlyMap<string, (value: string) => string> = new Map([
  // A version, or anything else after the name, is not part of it.
  ["user-agent", (value) => `User-agent: ${/^(?:\*(?!\S)|[a-z_-]*)/i.exec(value)?.[0]}`],
  ["allow", (value) => `Allow: ${pattern(value)}`],
  ["disallow", (value) => `Disallow: ${pattern(value)}`],
  // An empty delay is not 0.
  ["crawl-delay", (value) => `Crawl-delay: ${value === "" ? "none" : value}`],
]);

/** `$` is special only at the end of a pattern. */
const pattern = (value: string): string => comparable(value).replace(/\$(?!$)/g, escape);

/**
 * The canonical form of a path (RFC 9309, 2.2.2): letters, digits and `-._~` plain, all else percent-encoded in
 * capitals.
 */
function comparable(path: string): string {
  const escaped = encodeURI(path.toWellFormed()).replaceAll("%25", "%").replaceAll("'", escape);
  return escaped.replace(/%([0-9a-f]{2})/gi, (code: string, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~-]/.test(character) ? character : code.toUpperCase();
  });
}

const escape = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
