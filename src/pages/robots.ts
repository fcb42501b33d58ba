/**
 * What a site wants of robots (RFC 9309): fetched once a site, before the first page.
 */
import * as robotsParser from "robots-parser";
import type { Downloader } from "./download.ts";
import { AddressError, PageError } from "./page-error.ts";

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
/** The end of a file that is longer: `Disallow: /` may be the beginning of `Disallow: /private`. */
const CUT_LINE = /(?<=[\r\n]|^)[^\r\n]*$/;
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
    if (status < 200 || status >= 300) return OPEN;
    const text = body.toString("utf8");
    return parseRobots(address, body.length < MAX_BYTES ? text : text.replace(CUT_LINE, ""));
  } catch (error) {
    if (error instanceof AddressError) return { ...OPEN, check: () => refuse(error) };
    if (!(error instanceof PageError)) throw error;
    return closed(`its robots.txt can't be had: ${error.message}`);
  }
}

export const OPEN: Robots = { check: () => {}, crawlDelayMs: null };

/** Another day it may be open, so an old copy of a page may serve; but it is not asked again now. */
function closed(why: string): Robots {
  const reason = `${why}; --ignore-robots fetches it nevertheless`;
  return { ...OPEN, check: () => refuse(new PageError(reason, { temporary: true, afterMs: Infinity })) };
}

function refuse(error: PageError): never {
  throw error;
}

/** @param text the file; a byte order mark counts as space, as JavaScript has it. */
export function parseRobots(address: URL, text: string): Robots {
  const robots = parse(address.href, normalize(text));
  const delay = robots.getCrawlDelay(PRODUCT) ?? Number.NaN;
  return {
    crawlDelayMs: delay >= 0 ? 1000 * Math.min(delay, MAX_DELAY_S) : null,
    check(url) {
      if (url.pathname === "/robots.txt") return; // is always allowed
      const path = comparable(url.pathname + url.search).replace(/[*$]/g, escape);
      if (robots.isDisallowed(url.origin + path, PRODUCT) !== true) return;
      throw new PageError("its robots.txt asks robots to stay away; --ignore-robots fetches it nevertheless");
    },
  };
}

/** The file as the library must have it to judge as RFC 9309 does. */
function normalize(text: string): string {
  const lines = text.split(/[\r\n]+/).map((line) => {
    const [rule] = line.split("#", 1);
    const colon = rule.indexOf(":");
    return FIELDS.get(rule.slice(0, Math.max(0, colon)).trim().toLowerCase())?.(rule.slice(colon + 1).trim()) ?? "";
  });
  // A group without a rule is a group all the same, and allows all.
  return [...lines, "Disallow:"].join("\n");
}

/** All others are left out: in the library's eyes any line ends a list of agents, in the RFC's only a rule does. */
const FIELDS: ReadonlyMap<string, (value: string) => string> = new Map([
  // A version, or whatever follows the name, is no part of it.
  ["user-agent", (value) => `User-agent: ${/^(?:\*(?!\S)|[a-z_-]*)/i.exec(value)?.[0]}`],
  ["allow", (value) => `Allow: ${pattern(value)}`],
  ["disallow", (value) => `Disallow: ${pattern(value)}`],
  // An empty one is no 0.
  ["crawl-delay", (value) => `Crawl-delay: ${value === "" ? "none" : value}`],
]);

/** Only at its end is `$` a sign. */
const pattern = (value: string): string => comparable(value).replace(/\$(?!$)/g, escape);

/** The one way to write a path (RFC 9309, 2.2.2): letters, digits and `-._~` plain, what is no ASCII escaped, in capitals. */
function comparable(path: string): string {
  const escaped = encodeURI(path.toWellFormed()).replaceAll("%25", "%").replaceAll("'", escape);
  return escaped.replace(/%([0-9a-f]{2})/gi, (code: string, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~-]/.test(character) ? character : code.toUpperCase();
  });
}

const escape = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
