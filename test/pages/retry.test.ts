/** Servers that are busy, and pages that we have already (reliability 32). */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Answer } from "../../src/pages/download.ts";
import { PageError } from "../../src/pages/page-error.ts";
import { withRetries } from "../../src/pages/polite.ts";
import { workspace } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import {
  age,
  cachedFiles,
  fetchAll,
  fetchOne,
  inTurn,
  serve,
  serveRaw,
  SMALL,
  status,
  text,
  withoutPauses,
} from "./server.ts";
import type { Reply } from "./server.ts";

const answer = (code: number, headers: Answer["headers"] = {}): Answer => ({
  status: code,
  headers,
  url: new URL("http://site.example/"),
  body: Buffer.from(String(code)),
});

/** Tries in a time of their own: when each began, in milliseconds from the first, and how it ended. */
async function tries(attempts: readonly (() => Answer)[]): Promise<{ times: number[]; ended: string }> {
  vi.useFakeTimers({ toFake: ["setTimeout", "Date"], now: Date.UTC(2026, 0, 1) });
  try {
    const start = Date.now();
    const times: number[] = [];
    const run = withRetries(() => {
      times.push(Date.now() - start);
      return new Promise((done) => done(attempts[Math.min(times.length, attempts.length) - 1]()));
    });
    const ended = run.then(
      ({ body }) => body.toString(),
      (error: unknown) => String(error),
    );
    for (let step = 0; step < 20; step++) await vi.advanceTimersToNextTimerAsync();
    return { times, ended: await ended };
  } finally {
    vi.useRealTimers();
  }
}

describe("when to try again, by the clock of the test", () => {
  const WAITS: readonly (readonly [code: number, retryAfter: string, waitMs: number])[] = [
    [429, "1", 1000],
    [503, "1", 1000],
    [500, "7", 7000],
    [503, "60", 60_000],
    [503, " 60 ", 60_000],
    [503, "0060", 60_000],
    [429, "119", 119_000],
    [429, "120", 120_000],
    [503, "Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    [503, "Thu, 01 Jan 2026 00:02:00 GMT", 120_000],
    [503, "Thursday, 01-Jan-26 00:00:30 GMT", 30_000],
    [503, "Thu Jan  1 00:00:30 2026 GMT", 30_000],
  ];
  test.each(WAITS)("%i with Retry-After %j: after %i ms", async (code, retryAfter, waitMs) => {
    const busy = (): Answer => answer(code, { "retry-after": retryAfter });
    // The second wait of a date is over when the first one is.
    const { times, ended } = await tries([busy, () => answer(200)]);
    expect([times, ended]).toEqual([[0, waitMs], "200"]);
  });

  const NEVER: readonly (readonly [retryAfter: string, minutes: number])[] = [
    ["121", 3],
    ["3600", 60],
    ["1000000000", 16_666_667],
    ["Thu, 01 Jan 2026 00:02:01 GMT", 3],
    ["Fri, 01 Jan 2027 00:00:00 GMT", 525_600],
  ];
  test.each(NEVER)("Retry-After %j is too long: given up at once", async (retryAfter, minutes) => {
    const { times, ended } = await tries([() => answer(503, { "retry-after": retryAfter })]);
    expect(times).toEqual([0]);
    expect(ended).toBe(`PageError: its server answers with status 503, and asks to wait ${minutes} minutes`);
  });

  const AS_IF_ABSENT = [
    "0",
    "-5",
    "1.5",
    "soon",
    "",
    "1e9",
    "0x10",
    "٣",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Wed, 31 Dec 2025 23:59:59 GMT",
  ];
  test.each([...AS_IF_ABSENT, undefined, ["1", "60"]])(
    "Retry-After %j says nothing: the usual pauses",
    async (retryAfter) => {
      vi.spyOn(Math, "random").mockReturnValue(0.5);
      onTestFinished(() => void vi.restoreAllMocks());
      const { times, ended } = await tries([
        () => answer(503, retryAfter === undefined ? {} : { "retry-after": retryAfter }),
      ]);
      expect([times, ended]).toEqual([[0, 500, 1500], "PageError: its server answers with status 503"]);
    },
  );

  test.each([
    [0, [0, 0, 0]],
    [0.25, [0, 250, 750]],
    [1, [0, 1000, 3000]],
  ])("the usual pauses are drawn: %f of 1 s, then of 2 s", async (drawn, expected) => {
    vi.spyOn(Math, "random").mockReturnValue(drawn);
    onTestFinished(() => void vi.restoreAllMocks());
    expect((await tries([() => answer(500)])).times).toEqual(expected);
  });

  test.each([400, 401, 403, 404, 410, 418, 451])("%i is final", async (code) => {
    const { times, ended } = await tries([() => answer(code, { "retry-after": "1" })]);
    expect([times, ended]).toEqual([[0], `PageError: its server answers with status ${code}`]);
  });

  test("an error that lasts is final, an error of another kind passes", async () => {
    const fail = (error: Error) => () => {
      throw error;
    };
    expect(await tries([fail(new PageError("no"))])).toEqual({ times: [0], ended: "PageError: no" });
    expect(await tries([fail(new RangeError("bug"))])).toEqual({ times: [0], ended: "RangeError: bug" });
    expect((await tries([fail(new PageError("no", { temporary: true }))])).times.length).toBe(3);
  });
});

describe("with a server", () => {
  test.each<readonly [string, readonly number[], number, string]>([
    ["500, then a page", [500], 2, "page"],
    ["500 and 502, then a page", [500, 502], 3, "page"],
    ["500 three times", [500, 500, 500], 3, "failed: its server answers with status 500"],
    ["404", [404], 1, "failed: its server answers with status 404"],
    ["500, then 404", [500, 404], 2, "failed: its server answers with status 404"],
  ])("%s", async (_name, codes, requests, expected) => {
    withoutPauses();
    const cacheDir = workspace();
    const site = await serve({ "/": inTurn(...codes.map((code) => status(code)), text("page")) });
    expect(await fetchOne(`${site.origin}/`, { cacheDir })).toBe(expected);
    expect(site.hits("/")).toBe(requests);
    expect(site.hits("/robots.txt")).toBe(1);
    expect(cachedFiles(cacheDir).length).toBe(expected === "page" ? 2 : 0);
  });

  test("Retry-After, on the clock of the wall, while other pages of the host come", async () => {
    const waitMs = 1000;
    const times: number[] = [];
    const timed =
      (reply: Reply): Reply =>
      (...exchange) => {
        times.push(performance.now());
        reply(...exchange);
      };
    const site = await serve({
      "/": inTurn(timed(status(429, { "retry-after": "1" })), timed(text("page"))),
      "/other": text("other"),
    });
    const { pages, events } = await fetchAll([`${site.origin}/`, `${site.origin}/other`]);
    expect(pages.map((page) => "text" in page && page.text)).toEqual(["page", "other"]);
    expect(events.map(({ url }) => url)).toEqual([`${site.origin}/other`, `${site.origin}/`]);
    // How long exactly is a matter of the tests with a clock of their own.
    expect(times[1] - times[0]).toBeGreaterThan(0.9 * waitMs);
    expect(times[1] - times[0]).toBeLessThan(10 * waitMs);
  });

  test("a page that fails fails alone; each address is fetched once, in the order given", async () => {
    const site = await serve({ "/a": text("a"), "/c": text("c") });
    const urls = ["/a", "/b", "/c", "/a", "/a#part"].map((path) => site.origin + path);
    const { pages } = await fetchAll(urls);
    expect(pages).toEqual([
      { url: urls[0], text: "a" },
      { url: urls[1], reason: "its server answers with status 404" },
      { url: urls[2], text: "c" },
    ]);
    expect(site.hits("/a")).toBe(1);
  });

  const PAGES = byExtent(1000, 10_000);
  test(`${PAGES} pages of a host: robots.txt once, over few connections`, { tags: ["large"] }, async () => {
    const paths = Array.from({ length: PAGES }, (_, i) => `/${i}`);
    const site = await serve(Object.fromEntries(paths.map((path) => [path, text(`page ${path}`)])));
    const { pages } = await fetchAll(paths.map((path) => site.origin + path));
    expect(pages).toEqual(paths.map((path) => ({ url: site.origin + path, text: `page ${path}` })));
    expect([site.hits("/robots.txt"), site.asked.length]).toEqual([1, PAGES + 1]);
    expect(site.connections()).toBeLessThanOrEqual(4);
  });
});

describe("a page that is in the cache", () => {
  /** The page, fetched and kept for 25 hours; then as `later` has it. */
  async function again(
    first: Reply,
    ...later: readonly Reply[]
  ): Promise<{ text: string; from: string; headers: unknown; next: string }> {
    withoutPauses();
    const cacheDir = workspace();
    const site = await serve({ "/": inTurn(first, ...later) });
    const url = `${site.origin}/`;
    await fetchOne(url, { cacheDir });
    age(cacheDir);
    const { pages, events } = await fetchAll([url], { cacheDir });
    const { "if-none-match": tag, "if-modified-since": since } = site.asked.at(-1)?.headers ?? {};
    const [event] = events;
    const [page] = pages;
    // What is in the cache now, as far as it is new enough to be given without a question.
    const before = site.asked.length;
    const next = await fetchAll([url], { cacheDir });
    const kept = site.asked.length === before && "text" in next.pages[0] ? next.pages[0].text : "asked again";
    return {
      text: "text" in page ? page.text : page.reason,
      from: event.type === "done" ? event.from : event.type,
      headers: [tag, since],
      next: kept,
    };
  }

  const DATE = "Thu, 01 Jan 2026 00:00:00 GMT";
  /** As a server does it: 304 if the tag or the date is that of the page. */
  const versioned =
    (body: string, headers: Record<string, string>): Reply =>
    (request, response, hit) => {
      const { "if-none-match": tag, "if-modified-since": since } = request.headers;
      const isSame =
        tag === undefined ? since !== undefined && since === headers["last-modified"] : tag === headers["etag"];
      (isSame ? status(304) : text(body, headers))(request, response, hit);
    };

  test.each<readonly [string, Record<string, string>, readonly (string | undefined)[]]>([
    ["a strong tag", { etag: '"v1"' }, ['"v1"', undefined]],
    ["a weak tag", { etag: 'W/"v1"' }, ['W/"v1"', undefined]],
    ["a date", { "last-modified": DATE }, [undefined, DATE]],
    ["both", { etag: '"v1"', "last-modified": DATE }, ['"v1"', DATE]],
  ])("is asked for by %s, and stays if it has not changed", async (_name, headers, sent) => {
    const page = versioned("old", headers);
    expect(await again(page, page)).toEqual({ text: "old", from: "unchanged", headers: sent, next: "old" });
  });

  const CHANGED: readonly (readonly [name: string, first: Reply, later: Reply])[] = [
    ["a new tag", versioned("old", { etag: '"v1"' }), versioned("new", { etag: '"v2"' })],
    [
      "a new date",
      versioned("old", { "last-modified": DATE }),
      versioned("new", { "last-modified": "Fri, 02 Jan 2026 00:00:00 GMT" }),
    ],
    ["a weak tag that became strong", versioned("old", { etag: 'W/"v1"' }), versioned("new", { etag: '"v1"' })],
    ["the same tag on another body", text("old", { etag: '"v1"' }), text("new", { etag: '"v1"' })],
    ["no tag at all", text("old"), text("new")],
  ];
  test.each(CHANGED)("gives way to a new one: %s", async (_name, first, later) => {
    expect(await again(first, later)).toMatchObject({ text: "new", from: "network", next: "new" });
  });

  const DOWN: readonly (readonly [name: string, reply: Reply])[] = [
    ["500", status(500)],
    ["503, for an hour", status(503, { "retry-after": "3600" })],
    ["429", status(429)],
    ["a broken connection", (_request, response) => response.destroy()],
    [
      "half of a page",
      (_request, response) =>
        void response.writeHead(200, { "content-length": 100 }).write("half", () => response.destroy()),
    ],
  ];
  test.each(DOWN)("is better than %s, but must be asked for again", async (_name, reply) => {
    const { headers: _, ...rest } = await again(text("old", { etag: '"v1"' }), reply);
    expect(rest).toEqual({ text: "old", from: "stale", next: "asked again" });
  });

  test.each([404, 410, 403])("is not given where the server says %i", async (code) => {
    expect(await again(text("old"), status(code))).toMatchObject({
      text: `its server answers with status ${code}`,
      from: "failed",
    });
  });

  test("is not there: 304 then means nothing", async () => {
    const site = await serve({ "/": status(304) });
    expect(await fetchOne(`${site.origin}/`, { cacheDir: workspace() })).toBe(
      "failed: its server answers 304 (not modified) to an unconditional request",
    );
  });

  test("has neither tag nor date: 304 then means nothing, too", async () => {
    expect(await again(text("old"), status(304))).toMatchObject({ from: "failed" });
  });

  test.each<readonly [string | string[], number]>([
    ["no-store", 2],
    ["private, No-Store, max-age=0", 2],
    [["max-age=0", "no-store"], 2],
    ["no-cache", 1],
    ["max-age=0", 1],
    ["", 1],
  ])("Cache-Control %j: %i requests for two readings", async (control, requests) => {
    const cacheDir = workspace();
    const site = await serve({ "/": text("page", control === "" ? {} : { "cache-control": control }) });
    for (let reading = 0; reading < 2; reading++) expect(await fetchOne(`${site.origin}/`, { cacheDir })).toBe("page");
    expect(site.hits("/")).toBe(requests);
    expect(cachedFiles(cacheDir).length).toBe(requests === 2 ? 0 : 2);
  });

  test("is given for 24 hours without a question, robots.txt included, and not from another address", async () => {
    const cacheDir = workspace();
    const site = await serve({ "/": text("page"), "/?": text("other") });
    const read = async (path: string): Promise<string> =>
      (await fetchAll([site.origin + path], { cacheDir })).events
        .map((event) => (event.type === "done" ? event.from : event.type))
        .join();
    expect([await read("/"), await read("/"), await read("/#part"), await read("/?")]).toEqual([
      "network",
      "cache",
      "cache",
      "network",
    ]);
    age(cacheDir, 23);
    expect(await read("/")).toBe("cache");
    expect(site.asked.length).toBe(4);
    age(cacheDir, 2);
    expect(await read("/")).toBe("network");
  });

  test.each([true, false])("is given when its host is gone altogether (robots ignored: %s)", async (ignoreRobots) => {
    withoutPauses();
    const cacheDir = workspace();
    let isGone = false;
    const site = await serveRaw((socket) =>
      isGone
        ? socket.destroy()
        : socket.end(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 3\r\n\r\nold",
          ),
    );
    expect(await fetchOne(site.origin, { cacheDir, limits: SMALL, ignoreRobots })).toBe("old");
    age(cacheDir);
    isGone = true;
    const { events } = await fetchAll([site.origin], { cacheDir, limits: SMALL, ignoreRobots });
    expect(events).toEqual([{ type: "done", url: `${site.origin}/`, bytes: 3, from: "stale" }]);
  });
});
