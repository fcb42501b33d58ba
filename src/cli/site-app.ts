/** The answers of `microgpt open`: the playground's files, and one run as a .zip. It only reads, and opens no port itself. */
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import type { MiddlewareHandler } from "hono";
import { InputError } from "../errors.ts";
import { isLoopback } from "../serve/listen.ts";
import { SITE_HEADERS } from "./site-headers.ts";

/** A run that the site offers to its page. */
export interface ServedRun {
  /** Its path on the site, which no other page can guess. */
  readonly path: string;
  /** Packs its files as they are now. Throws InputError if one cannot be read. */
  readonly zip: () => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A page of another site can give its own name this machine's address (DNS rebinding) and read what is served here; its
 * requests then name that site as their host.
 */
const onlyLoopback: MiddlewareHandler = async (context, next) => {
  if (isLoopback(context.req.header("host") ?? "")) return await next();
  return context.text("This server answers to 127.0.0.1 and localhost only.\n", 403);
};

const onlyReading: MiddlewareHandler = async (context, next) => {
  if (context.req.method === "GET" || context.req.method === "HEAD") return await next();
  return context.text("Only GET and HEAD are answered.\n", 405, { Allow: "GET, HEAD" });
};

const withHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(SITE_HEADERS)) context.res.headers.set(name, value);
  // A newer microgpt serves newer files under the same address.
  context.res.headers.set("Cache-Control", "no-cache");
};

/** Makes the site. @param directory the built playground. @param run null: the site alone. */
export function siteApp(directory: string, run: ServedRun | null): Hono {
  const app = new Hono();
  app.use(withHeaders, onlyLoopback, onlyReading);
  if (run !== null) {
    app.get(run.path, async (context) => {
      return context.body(await run.zip(), 200, { "Content-Type": "application/zip" });
    });
  }
  app.use(serveStatic({ root: directory }));
  app.notFound((context) => context.text("There is no such file.\n", 404));
  app.onError((error, context) => {
    if (error instanceof InputError) return context.text(`${error.message}\n`, 500);
    throw error;
  });
  return app;
}
