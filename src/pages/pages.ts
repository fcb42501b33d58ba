/**
 * The entry to this room: addresses in, texts out. Pages of one host are fetched in sequence, hosts in parallel; a
 * cached page is used or revalidated; a page that fails does not stop the others.
 */
import PQueue from "p-queue";
import { InputError, quote } from "../errors.ts";
import { hostOf, isPlainlyPrivate } from "./address.ts";
import { PageCache } from "./cache.ts";
import type { CachedPage } from "./cache.ts";
import { Downloader, LIMITS } from "./download.ts";
import type { Answer, DownloadLimits, Resolve } from "./download.ts";
import { Extractor } from "./extractor.ts";
import { PageError } from "./page-error.ts";
import { DOWNLOADS, hostQueue, withRetries } from "./polite.ts";
import { fetchRobots, OPEN } from "./robots.ts";
import type { Robots } from "./robots.ts";

/** How pages are fetched. */
export interface PageOptions {
  /** The cache directory; null: no cache. */
  readonly cacheDir: string | null;
  /** Whether robots.txt is ignored. */
  readonly ignoreRobots: boolean;
  /** Hosts that may be in a private network. */
  readonly allowHosts: readonly string[];
  /** The header User-Agent. */
  readonly userAgent: string;
  /** Limits that differ from `LIMITS`. */
  readonly limits?: Partial<DownloadLimits>;
  /** Looks names up. Default: `dns.lookup`. */
  readonly resolve?: Resolve;
  /** Called for each event. */
  readonly onEvent?: (event: PageEvent) => void;
}

/** What happened to a page. */
export type PageEvent =
  | { readonly type: "bytes"; readonly url: string; readonly received: number; readonly total: number | null }
  | {
      readonly type: "done";
      readonly url: string;
      readonly bytes: number;
      readonly from: "network" | "cache" | "unchanged" | "stale";
    }
  | { readonly type: "failed"; readonly url: string; readonly reason: string };

/** A page's text, or the reason why it could not be read. */
export type Page = { readonly url: string; readonly text: string } | { readonly url: string; readonly reason: string };

/** A cached page younger than this is used without asking the server. */
const FRESH_MS = 24 * 3600 * 1000;

/** Typed text → an address. Throws InputError if it is not one, or neither http nor https. */
export function parsePageUrl(typed: string): URL {
  if (!URL.canParse(typed)) {
    const hint = URL.canParse(`https://${typed}`) && typed.includes(".") ? `; write https://${typed}` : "";
    throw new InputError(`${quote(typed, 300)} is not a web address${hint}`);
  }
  const url = new URL(typed);
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw new InputError(`${quote(typed, 300)}: only http, https and file addresses can be read`);
}

/** An address without user name and password: for messages and cache keys. */
export function showUrl(url: URL): string {
  const shown = new URL(url);
  [shown.username, shown.password, shown.hash] = ["", "", ""];
  return shown.href;
}

/**
 * Fetches pages, each address once; results are in the order given. Never throws for a page: its result has the reason.
 */
export async function fetchPages(urls: readonly URL[], options: PageOptions): Promise<Page[]> {
  const fetcher = new Fetcher(options);
  try {
    const distinct = [...new Map(urls.map((url) => [showUrl(url), url])).values()];
    return await Promise.all(distinct.map((url) => fetcher.page(url)));
  } finally {
    await fetcher.close();
  }
}

interface Got {
  readonly page: CachedPage;
  readonly from: "network" | "cache" | "unchanged" | "stale";
  /** Whether the cache does not have it yet. */
  readonly isNew: boolean;
}

interface Site {
  readonly robots: Robots;
  readonly queue: PQueue;
}

class Fetcher {
  readonly #options: PageOptions;
  readonly #cache: PageCache | null;
  readonly #downloader: Downloader;
  readonly #extractor = new Extractor();
  readonly #all = new PQueue({ concurrency: DOWNLOADS });
  /** By host and port: robots.txt is fetched once per site. */
  readonly #sites = new Map<string, Promise<Site>>();

  constructor(options: PageOptions) {
    this.#options = options;
    this.#cache = options.cacheDir === null ? null : new PageCache(options.cacheDir);
    const { userAgent, resolve } = options;
    const allowedHosts = new Set(options.allowHosts.map(parseHost));
    const limits = { ...LIMITS, ...options.limits };
    this.#downloader = new Downloader({
      userAgent,
      allowedHosts,
      limits,
      ...(resolve === undefined ? {} : { resolve }),
    });
  }

  async close(): Promise<void> {
    this.#extractor.close();
    await this.#downloader.close();
  }

  async page(url: URL): Promise<Page> {
    const shown = showUrl(url);
    try {
      const { page, from, isNew } = await this.#get(url, shown);
      const { text } = await this.#extractor.extract(page.body, page.contentType);
      if (text.trim() === "") throw new PageError("it has no text");
      // A page that cannot be read is not cached.
      if (isNew) this.#cache?.put(shown, page);
      this.#tell({ type: "done", url: shown, bytes: page.body.length, from });
      return { url: shown, text };
    } catch (error) {
      if (!(error instanceof PageError) && !(error instanceof InputError)) throw error;
      this.#tell({ type: "failed", url: shown, reason: error.message });
      return { url: shown, reason: error.message };
    }
  }

  async #get(url: URL, shown: string): Promise<Got> {
    const cached = this.#cache?.get(shown) ?? null;
    if (cached !== null && Math.abs(Date.now() - cached.fetchedMs) < FRESH_MS) {
      return { page: cached, from: "cache", isNew: false };
    }
    try {
      const { robots, queue } = await this.#site(url, url);
      robots.check(url);
      const answer = await withRetries(() => queue.add(() => this.#all.add(() => this.#download(url, shown, cached))));
      if (answer.status === 304) {
        if (cached === null || (cached.etag ?? cached.lastModified) === null) {
          throw new PageError("its server answers 304 (not modified) to an unconditional request");
        }
        return { page: { ...cached, fetchedMs: Date.now() }, from: "unchanged", isNew: true };
      }
      const isPrivate = /\bno-store\b/i.test(String(answer.headers["cache-control"]));
      return { page: pageOf(answer), from: "network", isNew: !isPrivate };
    } catch (error) {
      // If the network fails, an old copy is better than none.
      if (cached !== null && error instanceof PageError && error.temporary) {
        return { page: cached, from: "stale", isNew: false };
      }
      throw error;
    }
  }

  async #download(url: URL, shown: string, cached: CachedPage | null): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (cached?.etag != null) headers["if-none-match"] = cached.etag;
    if (cached?.lastModified != null) headers["if-modified-since"] = cached.lastModified;
    const onBytes = (received: number, total: number | null): void =>
      this.#tell({ type: "bytes", url: shown, received, total });
    const onRedirect = async (to: URL): Promise<void> => (await this.#site(to, url)).robots.check(to);
    return await this.#downloader.get(url, { headers, onBytes, onRedirect });
  }

  /** @param typed the address that the user typed, which led here. */
  #site(url: URL, typed: URL): Promise<Site> {
    const known = this.#sites.get(url.origin);
    if (known !== undefined) return known;
    const site = this.#visit(url, typed);
    this.#sites.set(url.origin, site);
    return site;
  }

  async #visit(url: URL, typed: URL): Promise<Site> {
    const robots = this.#options.ignoreRobots ? OPEN : await fetchRobots(url, typed, this.#downloader);
    // A machine of the user's own network needs no pause, unless its robots.txt asks for one.
    return { robots, queue: hostQueue(robots.crawlDelayMs ?? (isPlainlyPrivate(url) ? 0 : null)) };
  }

  #tell(event: PageEvent): void {
    this.#options.onEvent?.(event);
  }
}

const pageOf = (answer: Answer): CachedPage => ({
  url: showUrl(answer.url),
  contentType: headerOf(answer, "content-type"),
  etag: headerOf(answer, "etag"),
  lastModified: headerOf(answer, "last-modified"),
  fetchedMs: Date.now(),
  body: answer.body,
});

/** A header's value; null if it is absent or repeated. */
function headerOf({ headers }: Answer, name: string): string | null {
  const value = headers[name];
  return typeof value === "string" ? value : null;
}

/** A typed host → as `hostOf` gives it. Throws InputError if it is not a host. */
function parseHost(typed: string): string {
  const bracketed = typed.includes(":") && !typed.startsWith("[") ? `[${typed}]` : typed; // IPv6
  const url = `http://${bracketed}/`;
  if (/^[^\s/?#@\\]+$/.test(typed) && URL.canParse(url)) return hostOf(new URL(url));
  throw new InputError(`--allow-host: expected a host name or address alone, got ${quote(typed)}`);
}
