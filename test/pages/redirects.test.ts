/** Where a page may send us on (reliability 28). Redirects between sites of loopback are allowed by name. */
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import type { PageOptions } from "../../src/pages/pages.ts";
import { cert, key } from "./certificate.ts";
import { fetchAll, fetchOne, names, redirect, serve, SMALL, status, text } from "./server.ts";
import type { Headers, Reply } from "./server.ts";

const FREELY: Partial<PageOptions> = { allowHosts: ["127.0.0.1"], limits: SMALL };

/** `/0` → `/1` → … → `/count`, which is a text. */
const chain = (count: number): Record<string, Reply> => ({
  ...Object.fromEntries(Array.from({ length: count }, (_, hop) => [`/${hop}`, redirect(`/${hop + 1}`)])),
  [`/${count}`]: text("the end"),
});

describe("how far", () => {
  test.each([301, 302, 303, 307, 308])("status %i leads on", async (code) => {
    const site = await serve({ "/": redirect("/there", code), "/there": text("there") });
    expect(await fetchOne(`${site.origin}/`)).toBe("there");
  });

  test.each([300, 304, 305, 306, 399])("status %i does not", async (code) => {
    const site = await serve({ "/": redirect("/there", code), "/there": text("there") });
    expect(await fetchOne(`${site.origin}/`)).toMatch(/^failed: its server /);
    expect(site.hits("/there")).toBe(0);
  });

  test.each([1, 9, 10])("%i hops are followed", async (hops) => {
    const site = await serve(chain(hops));
    expect(await fetchOne(`${site.origin}/0`)).toBe("the end");
    expect(site.asked.map(({ path }) => path)).toEqual([
      "/robots.txt",
      ...Array.from({ length: hops + 1 }, (_, hop) => `/${hop}`),
    ]);
  });

  test.each([11, 12, 100])("%i hops are not: ten and no more", async (hops) => {
    const site = await serve(chain(hops));
    expect(await fetchOne(`${site.origin}/0`)).toBe("failed: it redirects more than 10 times");
    expect([site.hits("/10"), site.hits("/11")]).toEqual([1, 0]);
  });

  const CIRCLES: readonly (readonly [name: string, pages: Record<string, Reply>, requests: number])[] = [
    ["itself", { "/": redirect("/") }, 1],
    [
      "itself, by its whole address",
      { "/": (request, response) => redirect(`http://${request.headers.host}/`)(request, response, 1) },
      1,
    ],
    ["itself, by an empty path", { "/": redirect("?"), "/?": redirect("/") }, 2],
    ["a page that leads back", { "/": redirect("/a"), "/a": redirect("/") }, 2],
    [
      "a circle further on",
      { "/": redirect("/a"), "/a": redirect("/b"), "/b": redirect("/c"), "/c": redirect("/a") },
      4,
    ],
  ];
  test.each(CIRCLES)("a redirect to %s is noticed at once", async (_name, pages, requests) => {
    const site = await serve(pages);
    expect(await fetchOne(`${site.origin}/`)).toBe("failed: its redirects form a loop");
    expect(site.asked.length).toBe(requests + 1);
  });
});

describe("where to", () => {
  const BAD: readonly (readonly [location: string, reason: string])[] = [
    ["file:///etc/passwd", "it redirects to file:, which is neither http nor https"],
    ["FILE:///etc/passwd", "it redirects to file:, which is neither http nor https"],
    ["data:text/plain,hello", "it redirects to data:, which is neither http nor https"],
    ["ftp://127.0.0.1/x", "it redirects to ftp:, which is neither http nor https"],
    ["gopher://127.0.0.1:70/_x", "it redirects to gopher:, which is neither http nor https"],
    ["javascript:alert(1)", "it redirects to javascript:, which is neither http nor https"],
    ["java\tscript:alert(1)", "it redirects to javascript:, which is neither http nor https"],
    ["blob:http://127.0.0.1/x", "it redirects to blob:, which is neither http nor https"],
    ["ws://127.0.0.1/", "it redirects to ws:, which is neither http nor https"],
    ["mailto:a@b", "it redirects to mailto:, which is neither http nor https"],
    ["localhost:80", "it redirects to localhost:, which is neither http nor https"],
    ["http://user@127.0.0.1/", "it redirects to an address with a user name"],
    ["http://user:password@127.0.0.1/", "it redirects to an address with a user name"],
    ["http://:password@127.0.0.1/", "it redirects to an address with a user name"],
    ["//user@127.0.0.1/", "it redirects to an address with a user name"],
    ["", "it redirects without saying where"],
    ["http://", "it redirects to an invalid address"],
    ["http://[::1", "it redirects to an invalid address"],
    ["http://a b/", "it redirects to an invalid address"],
    ["http://127.0.0.1:99999/", "it redirects to an invalid address"],
    ["https://", "it redirects to an invalid address"],
  ];
  test.each(BAD)("not to %j", async (location, reason) => {
    const site = await serve({ "/": redirect(location), "/x": text("x") });
    expect(await fetchOne(`${site.origin}/`, FREELY)).toBe(`failed: ${reason}`);
    expect(site.asked.map(({ path }) => path)).toEqual(["/robots.txt", "/"]);
  });

  test.each<readonly [string, Headers]>([
    ["no Location at all", {}],
    ["two of them", { location: ["/a", "/b"] }],
  ])("not where there is %s", async (_name, headers) => {
    const site = await serve({ "/": status(302, headers), "/a": text("a") });
    expect(await fetchOne(`${site.origin}/`)).toBe("failed: it redirects without saying where");
  });

  const RELATIVE: readonly (readonly [from: string, location: string, to: string])[] = [
    ["/a/b", "c", "/a/c"],
    ["/a/b", "./c", "/a/c"],
    ["/a/b", "../c", "/c"],
    ["/a/b", "../../../../c", "/c"],
    ["/a/b", "/c?d=e", "/c?d=e"],
    ["/a/b", "?d", "/a/b?d"],
    ["/a/b?x", "c#fragment", "/a/c"],
    ["/a/b", "%2e%2e/c", "/c"],
    ["/a/b", "\\c", "/c"],
  ];
  test.each(RELATIVE)("from %s to %s is to %s", async (from, location, to) => {
    const site = await serve({ [from]: redirect(location), [to]: text("there") });
    expect(await fetchOne(`${site.origin}${from}`)).toBe("there");
  });

  test("a page is known by the address that was typed", async () => {
    const site = await serve({ "/": redirect("/there"), "/there": text("there") });
    const { pages } = await fetchAll([`${site.origin}/`]);
    expect(pages).toEqual([{ url: `${site.origin}/`, text: "there" }]);
  });
});

describe("https", () => {
  async function serveHttps(location: string): Promise<string> {
    const server = https.createServer({ cert, key }, (request, response) => {
      if (request.url === "/") response.writeHead(302, { location }).end();
      else response.writeHead(request.url === "/there" ? 200 : 404, { "content-type": "text/plain" }).end("there");
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    });
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function trusted(): void {
    const before = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...before, cert]);
    onTestFinished(() => tls.setDefaultCACertificates(before));
  }

  const canTrust = "setDefaultCACertificates" in tls;

  test.skipIf(!canTrust)(
    "leads on to https, but not to http (skipped where Node can't be told whom to trust)",
    async () => {
      trusted();
      const plain = await serve({ "/": text("plain") });
      expect(await fetchOne(`${await serveHttps("/there")}/`, FREELY)).toBe("there");
      expect(await fetchOne(`${await serveHttps(`${plain.origin}/`)}/`, FREELY)).toBe(
        "failed: it redirects from https to http",
      );
      expect(plain.connections()).toBe(0);
    },
  );

  test.skipIf(!canTrust)("is where http may lead (skipped where Node can't be told whom to trust)", async () => {
    trusted();
    const secret = await serveHttps("/there");
    const site = await serve({ "/": redirect(`${secret}/`) });
    expect(await fetchOne(`${site.origin}/`, FREELY)).toBe("there");
  });

  test("with a certificate that nobody vouches for is not read", async () => {
    const url = `${await serveHttps("/there")}/`;
    expect(await fetchOne(url, { ...FREELY, ignoreRobots: true })).toMatch(
      /^failed: its certificate is not trusted \(\w+\)$/,
    );
  });
});

describe("a user name and a password", () => {
  const BASIC = `Basic ${Buffer.from("me:pä$s w").toString("base64")}`;
  const typed = (origin: string): string => origin.replace("//", "//me:p%C3%A4%24s%20w@");

  test("go to the site that they were typed for, with every request, and are not shown", async () => {
    const site = await serve({ "/": redirect("/there"), "/there": text("there") });
    const { pages, events } = await fetchAll([`${typed(site.origin)}/`]);
    expect(pages).toEqual([{ url: `${site.origin}/`, text: "there" }]);
    expect(site.asked.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ["/robots.txt", BASIC],
      ["/", BASIC],
      ["/there", BASIC],
    ]);
    expect(JSON.stringify(events)).not.toContain("me:");
  });

  test("go to no other: of other name, of other port, nor from there", async () => {
    const far = await serve({ "/": redirect("/there"), "/there": text("far") });
    const near = await serve({
      "/": redirect(`${far.origin}/`),
      "/set": status(302, { location: `http://wiki.corp:${far.port}/`, "set-cookie": "a=b" }),
    });
    const resolve = names({ "wiki.corp": [["127.0.0.1"]] });
    const options = { allowHosts: ["127.0.0.1", "wiki.corp"], resolve };
    expect(await fetchOne(`${typed(near.origin)}/`, options)).toBe("far");
    expect(await fetchOne(`${typed(near.origin)}/set`, options)).toBe("far");
    expect(far.asked.length).toBe(6);
    for (const { headers } of far.asked) {
      for (const name of ["authorization", "cookie", "referer", "origin"]) expect(headers).not.toHaveProperty(name);
      expect(JSON.stringify(headers)).not.toContain("me");
    }
  });

  test("are there again when a foreign site leads back", async () => {
    const far = await serve({ "/": (...exchange) => redirect(`${near.origin}/home`)(...exchange) });
    const near = await serve({ "/": redirect(`${far.origin}/`), "/home": text("home") });
    expect(await fetchOne(`${typed(near.origin)}/`, FREELY)).toBe("home");
    expect(near.asked.map(({ headers }) => headers.authorization)).toEqual([BASIC, BASIC, BASIC]);
    expect(far.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test("with a percent sign that begins nothing are sent as they are", async () => {
    const site = await serve({ "/": text("home") });
    expect(await fetchOne(`${site.origin.replace("//", "//me:100%@")}/`)).toBe("home");
    expect(site.asked[1].headers.authorization).toBe(`Basic ${Buffer.from("me:100%").toString("base64")}`);
  });

  test("the circle is noticed, whether or not they are a part of the address", async () => {
    const site = await serve({ "/": redirect("/#again") });
    expect(await fetchOne(`${typed(site.origin)}/`)).toBe("failed: its redirects form a loop");
    expect(site.hits("/")).toBe(1);
  });
});

describe("robots.txt", () => {
  const CLOSED = text("User-agent: *\nDisallow: /secret\n");

  test("of the target is asked before it, and obeyed", async () => {
    const far = await serve({ "/robots.txt": CLOSED, "/secret": text("secret"), "/open": text("open") });
    const near = await serve({ "/": redirect(`${far.origin}/secret`), "/open": redirect(`${far.origin}/open`) });
    const { pages } = await fetchAll([`${near.origin}/`, `${near.origin}/open`], FREELY);
    expect(pages[0]).toHaveProperty("reason", expect.stringMatching("^its robots.txt disallows it"));
    expect(pages[1]).toHaveProperty("text", "open");
    expect(far.asked.map(({ path }) => path)).toEqual(["/robots.txt", "/open"]);
  });

  test("is obeyed within a site, too", async () => {
    const site = await serve({ "/robots.txt": CLOSED, "/": redirect("/secret"), "/secret": text("secret") });
    expect(await fetchOne(`${site.origin}/`)).toMatch(/^failed: its robots.txt disallows it/);
    expect(site.hits("/secret")).toBe(0);
    expect(await fetchOne(`${site.origin}/`, { ignoreRobots: true })).toBe("secret");
  });

  test("that can't be had stands for no", async () => {
    const far = await serve({ "/robots.txt": status(500), "/open": text("open") });
    const near = await serve({ "/": redirect(`${far.origin}/open`) });
    expect(await fetchOne(`${near.origin}/`, FREELY)).toMatch(/^failed: its robots.txt could not be read/);
    expect(far.hits("/open")).toBe(0);
  });
});
