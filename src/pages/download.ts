/**
 * One page over HTTP: follows redirects, decompresses, enforces every limit. undici speaks the protocol; this file
 * decides which hosts are asked, with which headers, and how many bytes are accepted.
 */
import * as dns from "node:dns";
import { Writable } from "node:stream";
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { Agent, request } from "undici";
import type { Dispatcher } from "undici";
import { errorCode, TOO_MANY_FILES } from "../node/files.ts";
import { checkDestination, hostOf, isPlainlyPrivate, refusalOf } from "./address.ts";
import { PageError, UNREACHABLE } from "./page-error.ts";

/** Limits of one download. */
export interface DownloadLimits {
  /** Bytes of a body, after decompression. */
  readonly maxBytes: number;
  /** Milliseconds without a byte before the download fails. */
  readonly idleMs: number;
  /** Milliseconds to establish a connection. */
  readonly connectMs: number;
  /** Milliseconds in total, including redirects. */
  readonly totalMs: number;
  /** Redirects that are followed. */
  readonly maxRedirects: number;
}

/** The limits of a page: 50 MB, 30 s without a byte, 10 s to connect, 5 min in all, 10 redirects. */
export const LIMITS: DownloadLimits = {
  maxBytes: 50e6,
  idleMs: 30_000,
  connectMs: 10_000,
  totalMs: 300_000,
  maxRedirects: 10,
};

/** More stacked compressions than this are an attack (a decompression bomb). */
const MAX_ENCODINGS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** A name lookup, as `dns.lookup` with `all: true`. */
export type Resolve = (
  host: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: dns.LookupAddress[]) => void,
) => void;

/** What all downloads of a `Downloader` share. */
export interface DownloaderOptions {
  /** The header User-Agent. */
  readonly userAgent: string;
  /** Hosts that may be in a private network. */
  readonly allowedHosts: ReadonlySet<string>;
  /** Limits of each download. */
  readonly limits: DownloadLimits;
  /** Looks names up. Default: `dns.lookup`. */
  readonly resolve?: Resolve;
}

/** A response, after all redirects. */
export interface Answer {
  /** The HTTP status. */
  readonly status: number;
  /** Headers by lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The address at the end of the redirects. */
  readonly url: URL;
  /** The decompressed body. */
  readonly body: Buffer;
}

/** Options of one request. */
export interface GetOptions {
  /** The address that the user typed and that led to this one. Default: this one. */
  readonly typed?: URL;
  /** Called before a redirect is followed; may throw PageError to refuse it. */
  readonly onRedirect?: (to: URL) => Promise<void>;
  /** Further request headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Limits that differ from those of the `Downloader`. */
  readonly limits?: Partial<DownloadLimits>;
  /** Whether a body longer than `maxBytes` is cut there; otherwise it is an error. */
  readonly cut?: boolean;
  /** Called as bytes arrive; `total` is null where the server does not say. */
  readonly onBytes?: (received: number, total: number | null) => void;
}

/** Downloads pages, within limits, from addresses that pages may come from. */
export class Downloader {
  readonly #options: DownloaderOptions;
  /** Accepts public DNS answers only. */
  readonly #guarded: Agent;
  /** Accepts private DNS answers, too: for allowed hosts and for private sites that the user typed. */
  readonly #open: Agent;

  /** The caller closes it (`close`) when all downloads are done. */
  constructor(options: DownloaderOptions) {
    this.#options = options;
    this.#guarded = this.#agent(true);
    this.#open = this.#agent(false);
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all([this.#guarded.destroy(), this.#open.destroy()]);
  }

  /** Resolves to the response of any status but 206; redirects are followed. Throws PageError for everything that fails. */
  async get(address: URL, options: GetOptions = {}): Promise<Answer> {
    const { typed = address, headers = {}, limits = {}, cut = false, onBytes = () => {} } = options;
    const bounds = { ...this.#options.limits, ...limits };
    const deadline = AbortSignal.timeout(bounds.totalMs);
    const seen = new Set<string>();
    try {
      for (let url = bareOf(address); ;) {
        const response = await this.#request(url, typed, headers, bounds, deadline);
        if (!REDIRECTS.has(response.statusCode)) {
          const body = await readBody(response, { bounds, deadline, cut, onBytes });
          // No range is ever asked for; a part would be learnt, and cached, as the page.
          if (response.statusCode === 206) throw new PageError("its server answers with a part of it (status 206)");
          return { status: response.statusCode, headers: response.headers, url, body };
        }
        response.body.on("error", () => {}).destroy();
        seen.add(url.href);
        url = redirectTarget(url, response.headers.location);
        if (seen.has(url.href)) throw new PageError("its redirects form a loop");
        if (seen.size > bounds.maxRedirects) throw new PageError(`it redirects more than ${bounds.maxRedirects} times`);
        checkDestination(url, url.origin === typed.origin, this.#options.allowedHosts);
        await options.onRedirect?.(url);
      }
    } catch (error) {
      throw toPageError(error, bounds, deadline);
    }
  }

  async #request(
    url: URL,
    typed: URL,
    headers: Readonly<Record<string, string>>,
    { idleMs }: DownloadLimits,
    deadline: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const isTyped = url.origin === typed.origin;
    const { allowedHosts, userAgent } = this.#options;
    checkDestination(url, isTyped, allowedHosts);
    const isOpen = allowedHosts.has(hostOf(url)) || (isTyped && isPlainlyPrivate(url));
    return await request(url, {
      dispatcher: isOpen ? this.#open : this.#guarded,
      headers: {
        "user-agent": userAgent,
        accept: "text/html, text/plain;q=0.9, */*;q=0.5",
        "accept-encoding": "gzip, br",
        ...headers,
        // A user name and password are sent only to the site that they were typed for.
        ...(isTyped && typed.username !== "" ? { authorization: basicAuthorization(typed) } : {}),
      },
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
      signal: deadline,
    });
  }

  #agent(isGuarded: boolean): Agent {
    const { limits, allowedHosts, resolve = resolveAll } = this.#options;
    const lookup: NonNullable<Agent.Options["connect"]> = {
      timeout: limits.connectMs,
      lookup: (name, options, callback) => {
        const host = name.replace(/\.$/, "");
        resolve(name, (error, addresses) => {
          const missing = addresses?.length > 0 ? null : notFound(host);
          const privateNetwork = (): PageError | null =>
            allowedHosts.has(host) ? null : refusalOf(host, addresses, !isGuarded);
          const refusal = error ?? missing ?? privateNetwork();
          if (refusal !== null) callback(refusal, []);
          else if (options.all === true) callback(null, addresses);
          else callback(null, addresses[0].address, addresses[0].family);
        });
      },
    };
    return new Agent({ connect: lookup, maxHeaderSize: 16_384, connections: 4 });
  }
}

const resolveAll: Resolve = (host, callback) => dns.lookup(host, { all: true }, callback);

const notFound = (host: string): Error => Object.assign(new Error(`no address of ${host}`), { code: "ENOTFOUND" });

function basicAuthorization({ username, password }: URL): string {
  const pair = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** Decodes percent escapes; text with an invalid one is kept as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Removes what a request line does not carry: user name, password, fragment. */
function bareOf(url: URL): URL {
  const bare = new URL(url);
  [bare.username, bare.password, bare.hash] = ["", "", ""];
  return bare;
}

/**
 * Resolves a redirect. Throws PageError for one that must not be followed.
 * @param from without a user name; otherwise a relative address would inherit it.
 */
function redirectTarget(from: URL, location: string | string[] | undefined): URL {
  if (typeof location !== "string" || location === "") throw new PageError("it redirects without saying where");
  if (!URL.canParse(location, from)) throw new PageError("it redirects to an invalid address");
  const to = new URL(location, from);
  if (to.protocol !== "http:" && to.protocol !== "https:") {
    throw new PageError(`it redirects to ${to.protocol}, which is neither http nor https`);
  }
  if (from.protocol === "https:" && to.protocol === "http:") throw new PageError("it redirects from https to http");
  if (to.username !== "" || to.password !== "") throw new PageError("it redirects to an address with a user name");
  return bareOf(to);
}

interface BodyOptions {
  readonly bounds: DownloadLimits;
  readonly deadline: AbortSignal;
  readonly cut: boolean;
  readonly onBytes: (received: number, total: number | null) => void;
}

/** Reads the whole body, decompressed. A body that ends early is an error of undici or zlib, never a shorter page. */
async function readBody(
  response: Dispatcher.ResponseData,
  { bounds, deadline, cut, onBytes }: BodyOptions,
): Promise<Buffer> {
  const { body, headers } = response;
  const declared = Number(headers["content-length"] ?? Number.NaN);
  const total = Number.isSafeInteger(declared) ? declared : null;
  const collector = new Collector(bounds.maxBytes, cut);
  let received = 0;
  try {
    const stages: (Readable | Transform)[] = [body, ...decoders(headers["content-encoding"])];
    body.on("data", (chunk: Buffer) => onBytes((received += chunk.length), total));
    await pipeline([...stages, collector], { signal: deadline });
  } catch (error) {
    if (!collector.isFull || !cut) throw error;
  } finally {
    // Closing the connection drops the rest of a cut body.
    body.on("error", () => {}).destroy();
  }
  return collector.content();
}

/** The decompressors, in the order in which they are applied. Throws PageError for an unknown compression. */
function decoders(header: string | string[] | undefined): Transform[] {
  const names = String(header ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity");
  if (names.length > MAX_ENCODINGS) throw new PageError(`it is compressed ${names.length} times over`);
  return names.toReversed().map((name) => {
    const decoder = DECODERS.get(name);
    if (decoder === undefined) throw new PageError(`its compression is unknown ("${name.slice(0, 20)}")`);
    return decoder();
  });
}

const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ["gzip", () => zlib.createGunzip()],
  ["x-gzip", () => zlib.createGunzip()],
  ["deflate", () => zlib.createInflate()],
  ["br", () => zlib.createBrotliDecompress()],
]);

/** Collects bytes up to a limit. */
class Collector extends Writable {
  readonly #limit: number;
  readonly #cut: boolean;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  isFull = false;

  constructor(limit: number, cut: boolean) {
    super();
    this.#limit = limit;
    this.#cut = cut;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const left = this.#limit - this.#length;
    this.isFull = chunk.length > left;
    const kept = this.isFull ? chunk.subarray(0, this.#cut ? left : 0) : chunk;
    this.#chunks.push(kept);
    this.#length += kept.length;
    done(this.isFull ? new PageError(`it has more than ${this.#limit / 1e6} MB`) : null);
  }

  content(): Buffer {
    return Buffer.concat(this.#chunks, this.#length);
  }
}

/** Error codes of undici, zlib and the system → a clause, and whether another try may help. */
const REASONS: Readonly<Record<string, readonly [reason: string, temporary: boolean]>> = {
  ENOTFOUND: ["its host has no address", false],
  EAI_AGAIN: ["the DNS server does not answer", true],
  EMFILE: [TOO_MANY_FILES, false],
  ECONNREFUSED: ["its host refuses the connection", true],
  ECONNRESET: ["the connection broke", true],
  EPIPE: ["the connection broke", true],
  ENETUNREACH: ["its network is unreachable", false],
  EHOSTUNREACH: ["its host is unreachable", false],
  UND_ERR_SOCKET: ["the connection broke", true],
  UND_ERR_CONNECT_TIMEOUT: ["its host does not answer", true],
  UND_ERR_HEADERS_TIMEOUT: ["its host does not answer", true],
  UND_ERR_BODY_TIMEOUT: ["the transfer stalled", true],
  UND_ERR_HEADERS_OVERFLOW: ["its headers are too long", false],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ["its length differs from its Content-Length", true],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: ["it is too large", false],
  ETIMEDOUT: ["its host does not answer", true],
  ABORT_ERR: ["the download was aborted", false],
  Z_BUF_ERROR: ["it is cut off", true],
  Z_DATA_ERROR: ["its compression is damaged", true],
  ERR_STREAM_PREMATURE_CLOSE: ["it is cut off", true],
};

function toPageError(error: unknown, { totalMs }: DownloadLimits, deadline: AbortSignal): PageError {
  if (error instanceof PageError) return error;
  if (deadline.aborted) return new PageError(`it took longer than ${Math.round(totalMs / 1000)} s`);
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (inner instanceof PageError) return inner;
  // An AggregateError has an error for each address that was tried.
  const first = inner instanceof AggregateError ? (inner.errors as readonly unknown[])[0] : inner;
  const code = errorCode(first) ?? errorCode(error) ?? "";
  const [reason, temporary] = REASONS[code] ?? describe(code, first);
  const suffix = code === "" || reason.includes(code) ? "" : ` (${code})`;
  return new PageError(`${reason}${suffix}`, { temporary, unreachable: UNREACHABLE.has(code) });
}

function describe(code: string, error: unknown): readonly [reason: string, temporary: boolean] {
  if (error instanceof Error && error.name === "HTTPParserError") return ["its host does not speak HTTP", false];
  if (/CERT|^ERR_TLS|SSL|DEPTH_ZERO|UNABLE_TO/.test(code)) return ["its certificate is not trusted", false];
  if (/^(?:Z_|ERR_(?:_?BROTLI|ZLIB)|ERR__ERROR)/.test(code)) return ["its compression is damaged", true];
  return [error instanceof Error ? error.message.slice(0, 100) : "it failed", false];
}
