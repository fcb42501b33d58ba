import * as fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { Downloader, LIMITS } from "../../src/pages/download.ts";
import type { DownloadLimits } from "../../src/pages/download.ts";
import { fetchPages } from "../../src/pages/pages.ts";
import { fetchRobots, parseRobots } from "../../src/pages/robots.ts";
import type { Robots } from "../../src/pages/robots.ts";
import type { RobotsCase } from "./robots-paths.ts";
import { EXCEPTIONS, ROBOTS_TABLE } from "./robots-table.ts";
import { serve } from "./server.ts";
import type { Reply } from "./server.ts";

const SITE = new URL("https://a.example/robots.txt");

function allows(robots: Robots, path: string, origin: string = SITE.origin): boolean {
  try {
    robots.check(new URL(`${origin}${path}`));
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: "PageError", message: expect.stringContaining("--ignore-robots") as string });
    return false;
  }
}

/** A row a path: [rule, path, expected, what we say]. */
const judge = ({ rule, file, allowed = [], refused = [] }: RobotsCase): [string, string, boolean, boolean][] => {
  const robots = parseRobots(file);
  return [
    ...allowed.map((path): [string, string, boolean, boolean] => [rule, path, true, allows(robots, path)]),
    ...refused.map((path): [string, string, boolean, boolean] => [rule, path, false, allows(robots, path)]),
  ];
};

describe("what a file allows (reliability 33)", () => {
  test("the table has 392 rows, of both kinds", () => {
    const rows = ROBOTS_TABLE.flatMap(judge);
    expect(rows).toHaveLength(392);
    expect(rows.filter(([, , expected]) => expected).length).toBeGreaterThan(150);
    expect(rows.filter(([, , expected]) => !expected).length).toBeGreaterThan(150);
  });

  test.each(ROBOTS_TABLE.map((row) => [row.rule, row] as const))("%s", (_rule, row) => {
    const rows = judge(row);
    expect(rows.map(([, path, , said]) => [path, said])).toEqual(rows.map(([, path, expected]) => [path, expected]));
  });

  test.each(EXCEPTIONS.map((row) => [row.rule, row.reason, row] as const))(
    "unlike Google's parser, %s: %s",
    (_rule, _reason, row) => {
      const rows = judge(row);
      expect(rows.filter(([, , expected, said]) => expected !== said)).toEqual([]);
    },
  );

  test("of many stars no rule takes more than a pass over the path", () => {
    // Step counts of a naive matcher: 10¹⁰ and more, hours of work; a test that ends in its time limit has failed.
    const path = `/${"a".repeat(8000)}`;
    const files: readonly (readonly [rules: string, allowsWithB: boolean])[] = [
      [`Disallow: /${"*a".repeat(250_000)}b\n`, true],
      [`Disallow: /${"*a".repeat(30)}b\n`.repeat(7000), false],
      [`Disallow: /*b${"a".repeat(4000)}\n`.repeat(120), true],
    ];
    for (const [rules, allowsWithB] of files) {
      const robots = parseRobots(`User-agent: *\n${rules}`);
      expect(allows(robots, path)).toBe(true);
      expect(allows(robots, `${path}b${"a".repeat(100)}`)).toBe(allowsWithB);
    }
  });

  test("longer paths, and files of more rules, than are read: refused, with the way out", () => {
    const small = parseRobots("User-agent: *\nDisallow: /x");
    expect(() => small.check(new URL(`${SITE.origin}/${"a".repeat(8192)}`))).toThrow(
      /^its address is longer than the 8192/,
    );
    const large = parseRobots(`User-agent: *\n${"Disallow: /x\n".repeat(20_001)}`);
    expect(() => large.check(new URL(`${SITE.origin}/a`))).toThrow(
      "its robots.txt has 20001 rules; at most 20000 are read; --ignore-robots fetches it anyway",
    );
  });

  test.each([
    ["/a*a$", "/a", true], // the end must not be a piece that is used already
    ["/a*a$", "/aa", false],
    ["/*aab", "/aaab", false], // the second a begins the match
    ["/*abab$", "/ababab", false],
    ["/*aba*ab", "/abab", true],
    ["/*aba*ab", "/abaab", false],
  ])("Disallow: %s, %s: allowed is %s", (pattern, path, expected) => {
    expect(allows(parseRobots(`User-agent: *\nDisallow: ${pattern}`), path)).toBe(expected);
  });

  test("patterns match as a regular expression does", () => {
    const character = fc.constantFrom("a", "b", "*", "*", "$");
    const rule = fc.array(character, { maxLength: 12 }).map((letters) => `/${letters.join("")}`);
    const path = fc.array(fc.constantFrom("a", "b"), { maxLength: 12 }).map((letters) => `/${letters.join("")}`);
    fc.assert(
      fc.property(rule, path, (pattern, at) => {
        const source = pattern
          .replace(/\$(?!$)/g, "[^ab/]") // not at the end it is an ordinary character, which the paths do not have
          .replaceAll("*", ".*");
        const expected = !new RegExp(`^${source}`).test(at);
        expect(allows(parseRobots(`User-agent: *\nDisallow: ${pattern}`), at)).toBe(expected);
      }),
    );
  });

  test("half a megabyte of stars against a long path is no riddle", () => {
    const bomb = `User-agent: *\nDisallow: /${"*a".repeat(5_000)}b$\nDisallow: /${"*".repeat(100_000)}x`;
    expect(allows(parseRobots(bomb), `/${"a".repeat(2_000)}`)).toBe(true);
  });
});

describe("how long to wait", () => {
  const DELAYS: readonly (readonly [lines: string, crawlDelayMs: number | null])[] = [
    ["Crawl-delay: 1", 1000],
    ["crawl-delay:2.5", 2500],
    ["Crawl-delay: 0", 0],
    ["Crawl-delay: 30", 30_000],
    ["Crawl-delay: 1000", 30_000],
    ["Crawl-delay: 1e999", 30_000],
    ["Crawl-delay: NaN", null],
    ["Crawl-delay: soon", null],
    ["Crawl-delay: 10 s", null],
    ["Crawl-delay: -1", null],
    ["Crawl-delay:", null],
    ["Crawl-delay: # 5", null],
    ["Crawl-delay: 5 # seconds", 5000],
    ["Disallow: /", null],
    ["", null],
  ];
  test.each(DELAYS)("%j is %j ms", (lines, crawlDelayMs) => {
    expect(parseRobots(`User-agent: *\n${lines}`).crawlDelayMs).toBe(crawlDelayMs);
  });

  test("our own group's, where there is one", () => {
    const delayOf = (own: string): number | null =>
      parseRobots(`User-agent: *\nCrawl-delay: 9\nUser-agent: microgpt\n${own}`).crawlDelayMs;
    expect(delayOf("Crawl-delay: 3")).toBe(3000);
    expect(delayOf("Disallow: /a")).toBe(null);
  });

  test("another's is none of ours", () => {
    expect(parseRobots("User-agent: x\nCrawl-delay: 9").crawlDelayMs).toBe(null);
  });
});

/** What our robot makes of a server that answers so. */
async function visit(
  replies: Readonly<Record<string, Reply>>,
  limits: Partial<DownloadLimits> = {},
): Promise<{ robots: Robots; origin: string; asked: () => string[] }> {
  const { origin, asked } = await serve(replies);
  const downloader = new Downloader({
    userAgent: "microgpt-test",
    allowedHosts: new Set(),
    limits: { ...LIMITS, ...limits },
  });
  onTestFinished(() => downloader.close());
  const site = new URL(`${origin}/page`);
  return {
    robots: await fetchRobots(site, site, downloader),
    origin,
    asked: () => asked.map(({ path }) => path),
  };
}

const answer =
  (status: number, body: string | Buffer = "", headers: Record<string, string> = {}): Reply =>
  (_request, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };

describe("how a site's file is fetched", () => {
  test("200: the file counts, and nothing else is asked for", async () => {
    const { robots, origin, asked } = await visit({ "/robots.txt": answer(200, "\ufeffUser-agent: *\nDisallow: /a") });
    expect([allows(robots, "/a", origin), allows(robots, "/b", origin)]).toEqual([false, true]);
    expect(asked()).toEqual(["/robots.txt"]);
  });

  test.each([204, 400, 401, 403, 404, 410, 451])("%i: there is no such file, all is allowed", async (status) => {
    const { robots, origin } = await visit({ "/robots.txt": answer(status, "") });
    expect([allows(robots, "/", origin), allows(robots, "/a", origin)]).toEqual([true, true]);
  });

  test("an error's own text is no file", async () => {
    const { robots, origin } = await visit({ "/robots.txt": answer(404, "User-agent: *\nDisallow: /") });
    expect(allows(robots, "/a", origin)).toBe(true);
  });

  test.each([429, 500, 502, 503, 504])("%i: nothing is allowed, and the reason is said", async (status) => {
    const { robots, origin } = await visit({ "/robots.txt": answer(status, "User-agent: *\nAllow: /") });
    expect(() => robots.check(new URL(`${origin}/a`))).toThrow(`its robots.txt could not be read (status ${status})`);
  });

  test.each([500, 503])("%i: no page is asked for", async (status) => {
    const { origin, asked } = await serve({ "/robots.txt": answer(status), "/a": answer(200, "text") });
    const urls = ["/a", "/b"].map((path) => new URL(path, origin));
    const pages = await fetchPages(urls, { cacheDir: null, ignoreRobots: false, allowHosts: [], userAgent: "test" });
    const reason = expect.stringContaining(`its robots.txt could not be read (status ${status})`) as string;
    expect(pages).toEqual(urls.map(({ href }) => ({ url: href, reason })));
    expect(asked.map(({ path }) => path)).toEqual(["/robots.txt"]);
  });

  test.each([
    ["headers", (() => {}) satisfies Reply],
    ["an end", ((_request, response) => void response.write("User-agent: *\n")) satisfies Reply],
  ] as const)("a server that never sends %s: nothing is allowed", async (_what, reply) => {
    const { robots, origin } = await visit({ "/robots.txt": reply }, { idleMs: 30_000, totalMs: 300 });
    expect(() => robots.check(new URL(`${origin}/a`))).toThrow("its robots.txt could not be read: it took longer than");
  });

  test("a connection that breaks: nothing is allowed", async () => {
    const { robots, origin } = await visit({ "/robots.txt": (_request, response) => void response.destroy() });
    expect(() => robots.check(new URL(`${origin}/a`))).toThrow(
      "its robots.txt could not be read: the connection broke",
    );
  });

  const chain = (length: number): Record<string, Reply> => ({
    "/robots.txt": answer(301, "", { location: "/1" }),
    ...Object.fromEntries(
      Array.from({ length: length - 1 }, (_, i) => [`/${i + 1}`, answer(302, "", { location: `/${i + 2}` })]),
    ),
    [`/${length}`]: answer(200, "User-agent: *\nDisallow: /a"),
  });

  test("5 redirects are followed, and the rules are those of the site that was asked", async () => {
    const { robots, origin, asked } = await visit(chain(5));
    expect([allows(robots, "/a", origin), allows(robots, "/b", origin)]).toEqual([false, true]);
    expect(asked()).toEqual(["/robots.txt", "/1", "/2", "/3", "/4", "/5"]);
  });

  test("6 are not", async () => {
    const { robots, origin, asked } = await visit(chain(6));
    expect(() => robots.check(new URL(`${origin}/b`))).toThrow("it redirects more than 5 times");
    expect(asked()).toHaveLength(6);
  });

  const longFile = (...lines: string[]): Buffer => Buffer.from(["User-agent: *", ...lines].join("\n"));
  const filler = (bytes: number): string => `# ${"x".repeat(bytes - 3)}`;

  test("of 600 KiB the first 512 are read", async () => {
    const body = longFile("Disallow: /before", filler(550 * 1024), "Disallow: /behind", filler(50 * 1024));
    expect(body.length).toBeGreaterThan(600 * 1024);
    const { robots, origin } = await visit({ "/robots.txt": answer(200, body) });
    expect([allows(robots, "/before", origin), allows(robots, "/behind", origin)]).toEqual([false, true]);
  });

  test("a rule that stands within 500 KiB is read (RFC 9309, 2.5)", async () => {
    const body = longFile(filler(500 * 1024 - 100), "Disallow: /before", filler(100 * 1024));
    const { robots, origin } = await visit({ "/robots.txt": answer(200, body) });
    expect(allows(robots, "/before", origin)).toBe(false);
  });

  test("a rule that the limit cuts in two is no shorter rule", async () => {
    const begin = "Disallow: /";
    const first = longFile(filler(512 * 1024 - "User-agent: *\n".length - begin.length), "").length;
    expect(first + begin.length).toBe(512 * 1024);
    const body = longFile(
      filler(512 * 1024 - "User-agent: *\n".length - begin.length),
      `${begin}private`,
      filler(9999),
    );
    const { robots, origin } = await visit({ "/robots.txt": answer(200, body) });
    expect(allows(robots, "/public", origin)).toBe(true);
  });

  test("a page in the place of the file is no rule", async () => {
    const html = "<!doctype html><html><body><h1>Welcome</h1><p>User-agents: all of you</p></body></html>";
    const { robots, origin } = await visit({ "/robots.txt": answer(200, html, { "content-type": "text/html" }) });
    expect(allows(robots, "/a", origin)).toBe(true);
  });
});
