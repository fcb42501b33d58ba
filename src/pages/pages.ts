/**
 * The door: addresses in, texts out. Pages of one host come one after another, hosts side by side; what is in the cache
 * is not fetched, or only asked for whether it has changed; a page that fails fails alone.
 */
import PQueue from "p-queue";
import { InputError, quote } from "../errors.ts";
import { hostOf, isPlainlyPrivate } from "./address.ts";
import { PageCache } from "./cache.ts";
import type { CachedPage } from "./cache.ts";
import { Downloader, LIMITS } from "./download.ts";
import type { Answer, DownloadLimits, Resolve } from "./download.ts";
import { extractText } from "./extract.ts";
import { PageError } from "./page-error.ts";
import { DOWNLOADS, hostQueue, withRetries } from "./polite.ts";
import { fetchRobots, OPEN } from "./robots.ts";
import type { Robots } from "./robots.ts";

export interface PageOptions {
  /** Where fetched pages are kept; null: nowhere. */
  readonly cacheDir: string | null;
  readonly ignoreRobots: boolean;
  /** Hosts that may be on a private network. */
  readonly allowHosts: readonly string[];
  readonly userAgent: string;
  readonly limits?: Partial<DownloadLimits>;
  readonly resolve?: Resolve;
  /** Hears of everything that happens. */
  readonly onEvent?: (event: PageEvent) => void;
}

export type PageEvent =
  | { readonly type: "bytes"; readonly url: string; readonly received: number; readonly total: number | null }
  | {
      readonly type: "done";
      readonly url: string;
      readonly bytes: number;
      readonly from: "network" | "cache" | "unchanged" | "stale";
    }
  | { readonly type: "failed"; readonly url: string; readonly reason: string };

export type Page = { readonly url: string; readonly text: string } | { readonly url: string; readonly reason: string };

/** So long a page in the cache is taken without a question. */
const FRESH_MS = 24 * 3600 * 1000;

/** What was typed → an address. Throws InputError for what is none, or neither http nor https. */
export function parsePageUrl(typed: string): URL {
  if (!URL.canParse(typed)) {
    const hint = URL.canParse(`https://${typed}`) && typed.includes(".") ? `; write https://${typed}` : "";
    throw new InputError(`${quote(typed, 300)} is no address of a page${hint}`);
  }
  const url = new URL(typed);
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw new InputError(`${quote(typed, 300)}: only http, https and file addresses can be read`);
}

/** An address without the password that may have been typed with it: to show, and to look up. */
export function showUrl(url: URL): string {
  const shown = new URL(url);
  [shown.username, shown.password, shown.hash] = ["", "", ""];
  return shown.href;
}

/** Fetches all pages; each address once, in the order given. Never throws for a page: that is said in its place. */
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
  /** Whether the cache should have it, and has not yet. */
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
  readonly #all = new PQueue({ concurrency: DOWNLOADS });
  /** By host and port: what a site wants is asked once. */
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
    await this.#downloader.close();
  }

  async page(url: URL): Promise<Page> {
    const shown = showUrl(url);
    try {
      const { page, from, isNew } = await this.#get(url, shown);
      const text = extractText(page.body, page.contentType);
      if (text.trim() === "") throw new PageError("it has no text");
      // A page that can't be read is not kept.
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
          throw new PageError("its server says that nothing has changed, but was not asked");
        }
        return { page: { ...cached, fetchedMs: Date.now() }, from: "unchanged", isNew: true };
      }
      const isPrivate = /\bno-store\b/i.test(String(answer.headers["cache-control"]));
      return { page: pageOf(answer), from: "network", isNew: !isPrivate };
    } catch (error) {
      // What was true yesterday is better than nothing, where the network is the trouble.
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

  /** @param typed the address that led there. */
  #site(url: URL, typed: URL): Promise<Site> {
    const known = this.#sites.get(url.origin);
    if (known !== undefined) return known;
    const site = this.#visit(url, typed);
    this.#sites.set(url.origin, site);
    return site;
  }

  async #visit(url: URL, typed: URL): Promise<Site> {
    const robots = this.#options.ignoreRobots ? OPEN : await fetchRobots(url, typed, this.#downloader);
    // A machine of one's own needs no pause, unless it asks for one.
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

/** null: it is not there, or more than once. */
function headerOf({ headers }: Answer, name: string): string | null {
  const value = headers[name];
  return typeof value === "string" ? value : null;
}

/** A host as it was typed → as `hostOf` has it. Throws InputError for what is none. */
function parseHost(typed: string): string {
  const bracketed = typed.includes(":") && !typed.startsWith("[") ? `[${typed}]` : typed; // IPv6
  const url = `http://${bracketed}/`;
  if (/^[^\s/?#@\\]+$/.test(typed) && URL.canParse(url)) return hostOf(new URL(url));
  throw new InputError(`--allow-host: ${quote(typed)} is no host; write its name or address alone`);
}
