/**
 * Serves the site from a cache, so that it works offline after the first visit, and adds the headers that a static host
 * such as GitHub Pages cannot set: with them the page may use threads. Knows nothing of runs; those are in `storage/`.
 *
 * Each version of the site is a cache of its own. A page that is open while a newer version is installed still finds the
 * files of its own version: the cache before the newest stays.
 */
import { SITE_HEADERS } from "../../src/cli/site-headers.ts";

declare const self: ServiceWorkerGlobalScope;
/** Paths of all files of the site, relative to its root; the build fills them in. */
declare const SITE_FILES: readonly string[];
/** A hash of their contents. */
declare const SITE_VERSION: string;

/** Another site of the same host has caches, too. */
const OWN = `microgpt-playground ${self.registration.scope} `;
const CACHE = OWN + SITE_VERSION;

/** The start page has the address of the folder: some hosts redirect from `index.html` to it. */
const addressOf = (path: string): string => new URL(path === "index.html" ? "./" : path, self.registration.scope).href;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { method, url, headers } = event.request;
  if (method !== "GET" || headers.has("range") || !url.startsWith(self.registration.scope)) return;
  event.respondWith(answer(event.request));
});

/** Stores every file, or none: the browser tries again at the next visit. */
async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(SITE_FILES.map((path) => new Request(addressOf(path), { cache: "no-cache" })));
  await self.skipWaiting();
}

async function activate(): Promise<void> {
  const older = await olderCaches();
  await Promise.all(older.slice(0, -1).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The caches of other versions, the oldest first. */
const olderCaches = async (): Promise<string[]> =>
  (await caches.keys()).filter((name) => name.startsWith(OWN) && name !== CACHE);

/** The stored file, or the network's answer for what is not part of the site. */
async function answer(request: Request): Promise<Response> {
  return withHeaders((await stored(request.url)) ?? (await fetch(request)));
}

async function stored(url: string): Promise<Response | undefined> {
  const { origin, pathname } = new URL(url);
  const address = (origin + pathname).replace(/\/index\.html$/, "/");
  for (const name of [CACHE, ...(await olderCaches()).toReversed()]) {
    const response = await (await caches.open(name)).match(address, { ignoreVary: true });
    if (response !== undefined) return response;
  }
  return undefined;
}

/** A response of this site with its headers. One that the browser keeps opaque, such as a redirect, stays as it is. */
function withHeaders(response: Response): Response {
  if (response.status === 0) return response;
  const { body, status, statusText } = response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(SITE_HEADERS)) headers.set(name, value);
  return new Response(body, { status, statusText, headers });
}
