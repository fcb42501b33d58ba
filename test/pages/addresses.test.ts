/**
 * Where the network may lead (reliability 27): forms of addresses, each as it may reach us: typed by the user, as the
 * target of a redirect, as an answer of the name service. A canary listens where all of them would lead.
 */
import { describe, expect, test } from "vitest";
import { checkDestination, isPlainlyPrivate, reachOf } from "../../src/pages/address.ts";
import { parsePageUrl } from "../../src/pages/pages.ts";
import { FOREIGN_NAMES, LOCAL_NAMES, LOOPBACK, METADATA, NO_HOSTS, PRIVATE } from "./forms.ts";
import { fetchAll, fetchOne, names, redirect, serve, SMALL, text } from "./server.ts";
import type { Site } from "./server.ts";

const NONE: ReadonlySet<string> = new Set();

const canary = async (): Promise<Site> => await serve({ "/": text("canary") });

/** Fetched over a page that redirects to it. */
async function redirected(form: string, port: number, options: Parameters<typeof fetchOne>[1] = {}): Promise<string> {
  const start = await serve({
    "/": redirect(`http://${form.replace(/[^\t\x20-\x7e]/g, encodeURIComponent)}:${port}/`),
  });
  return await fetchOne(start.origin, { limits: SMALL, ...options });
}

const INWARD = (host: string): RegExp =>
  new RegExp(
    `^failed: it redirects to ${escape(host)}, an address in a private network; --allow-host ${escape(host)} `,
  );
const SECRET = (host: string): RegExp =>
  new RegExp(`^failed: .*${escape(host)} is a cloud's metadata service, .*; --allow-host ${escape(host)} `);
const escape = (literal: string): string => literal.replace(/[.[\]]/g, "\\$&");
/** As the rules show it. */
const shown = (form: string): string => new URL(`http://${form}/`).hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");

test("the table has at least 80 forms", () => {
  const all = [...LOOPBACK, ...PRIVATE, ...METADATA].map(([form]) => form);
  expect(new Set([...all, ...LOCAL_NAMES, ...FOREIGN_NAMES, ...NO_HOSTS]).size).toBeGreaterThanOrEqual(80);
});

describe("typed", () => {
  test.each(LOOPBACK)("%s is fetched: it is the user's own machine", async (form) => {
    const site = await canary();
    expect(await fetchOne(`http://${form}:${site.port}/`)).toBe("canary");
    expect(site.hits("/")).toBe(1);
  });

  test.each(PRIVATE)("%s is nobody's business but the user's", (form, address) => {
    const url = new URL(`http://${form}/`);
    expect(reachOf(address)).toBe("private");
    expect(() => checkDestination(url, true, NONE)).not.toThrow();
    expect(isPlainlyPrivate(url)).toBe(true);
  });

  test.each(METADATA)("%s is refused", async (form) => {
    expect(await fetchOne(`http://${form}/`, { limits: SMALL })).toMatch(SECRET(shown(form)));
  });

  test.each(LOCAL_NAMES)("%s is fetched", async (form) => {
    const site = await canary();
    const resolve = names({ [new URL(`http://${form}`).hostname]: [["127.0.0.1"]] });
    expect(await fetchOne(`http://${form}:${site.port}/`, { resolve })).toBe("canary");
  });

  test.each(NO_HOSTS)("%s is no address", (form) => {
    expect(() => parsePageUrl(`http://${form}/`)).toThrow("is not a web address");
  });
});

describe("as the target of a redirect", () => {
  test.each(LOOPBACK)("%s is refused", async (form) => {
    const site = await canary();
    const rule = form.includes("@") ? /^failed: it redirects to an address with a user name$/ : INWARD("127.0.0.1");
    expect(await redirected(form, site.port)).toMatch(rule);
    expect(site.connections()).toBe(0);
  });

  test.each(PRIVATE)("%s is refused", async (form) => {
    const site = await canary();
    expect(await redirected(form, site.port)).toMatch(INWARD(shown(form)));
    expect(site.connections()).toBe(0);
  });

  test.each(METADATA)("%s is refused", async (form) => {
    expect(await redirected(form, 80)).toMatch(SECRET(shown(form)));
  });

  test.each(LOCAL_NAMES)("%s is refused", async (form) => {
    const site = await canary();
    const resolve = names({ [new URL(`http://${form}`).hostname]: [["127.0.0.1"]] });
    expect(await redirected(form, site.port, { resolve })).toMatch(INWARD(shown(form)));
    expect([site.connections(), resolve.asked]).toEqual([0, []]);
  });

  test.each(FOREIGN_NAMES)("%s is refused when the name service tells where it is", async (form) => {
    const site = await canary();
    const resolve = names({ [new URL(`http://${form}`).hostname]: [["127.0.0.1"]] });
    for (const ignoreRobots of [false, true]) {
      const reason = await redirected(form, site.port, { resolve, ignoreRobots });
      expect(reason).toContain("resolves to 127.0.0.1, an address in a private network; --allow-host");
    }
    expect([site.connections(), resolve.asked.length]).toEqual([0, 2]);
  });

  test.each(["127.0.0.256", "1.2.3.4.5", "4294967296", "[::1"])("%s is no address", async (form) => {
    expect(await redirected(form, 80)).toBe("failed: it redirects to an invalid address");
  });

  test("a port is another site: only the very origin that was typed may be private", async () => {
    const other = await canary();
    const site = await serve({ "/": redirect("/there"), "/there": text("here"), "/out": redirect(`${other.origin}/`) });
    expect(await fetchOne(`${site.origin}/`)).toBe("here");
    expect(await fetchOne(`${site.origin}/out`)).toMatch(INWARD("127.0.0.1"));
    const back = await serve({ "/": redirect(`http://127.0.0.1.:${other.port}/`) });
    expect(await fetchOne(`${back.origin}/`)).toMatch(INWARD("127.0.0.1"));
    expect(other.connections()).toBe(0);
  });

  test("what another page of the same call was typed as gives it no right", async () => {
    const other = await canary();
    const site = await serve({ "/": redirect(`${other.origin}/secret`) });
    const { pages } = await fetchAll([`${other.origin}/`, `${site.origin}/`]);
    expect(pages[0]).toEqual({ url: `${other.origin}/`, text: "canary" });
    expect(pages[1]).toHaveProperty("reason", expect.stringMatching("it redirects to 127.0.0.1"));
    expect(other.asked.map(({ path }) => path)).toEqual(["/robots.txt", "/"]);
  });
});

describe("as an answer of the name service", () => {
  /** Of no range with a meaning of its own, and given to nobody (IANA keeps 2d00::/8). */
  const PUBLIC = "2d00::1";

  const ROWS = [
    ...[...LOOPBACK.slice(0, 1), ...PRIVATE].map((row) => [...row, "an address in a private network"] as const),
    ...METADATA.map((row) => [...row, "a cloud's metadata service"] as const),
  ];
  test.each(ROWS)("%s is refused, alone or among others", async (_form, address, what) => {
    const site = await canary();
    for (const answer of [[address], [PUBLIC, address], [address, PUBLIC], [PUBLIC, PUBLIC, address]]) {
      const resolve = names({ "site.example": [answer] });
      expect(await fetchOne(`http://site.example:${site.port}/`, { resolve, ignoreRobots: true })).toBe(
        `failed: site.example resolves to ${address}, ${what}; --allow-host site.example allows it`,
      );
      expect(resolve.asked).toEqual(["site.example"]);
    }
    expect(site.connections()).toBe(0);
  });

  test.each(FOREIGN_NAMES)("%s: the name itself may look as it likes", async (name) => {
    const site = await canary();
    const resolve = names({ [new URL(`http://${name}`).hostname]: [["127.0.0.1"]] });
    for (const ignoreRobots of [false, true]) {
      expect(await fetchOne(`http://${name}:${site.port}/`, { resolve, ignoreRobots })).toContain(
        `resolves to 127.0.0.1, an address in a private network; --allow-host ${shown(name)} allows it`,
      );
    }
    expect(site.connections()).toBe(0);
  });

  test("an answer that changes is looked at each time", async () => {
    const site = await canary();
    const resolve = names({ "site.example": [[PUBLIC], ["127.0.0.1"], [PUBLIC, "127.0.0.1"]] });
    const limits = { ...SMALL, connectMs: 100 };
    const urls = [1, 2, 3].map((page) => `http://site.example:${site.port}/${page}`);
    const { pages } = await fetchAll(urls, { resolve, limits, ignoreRobots: true });
    expect(resolve.asked.length).toBeGreaterThanOrEqual(3);
    expect(site.connections()).toBe(0);
    expect(
      pages.filter((page) => "reason" in page && page.reason.includes("resolves to 127.0.0.1")).length,
    ).toBeGreaterThanOrEqual(1);
    expect(pages.every((page) => "reason" in page)).toBe(true);
  });

  test("a name without an address is said to have none", async () => {
    const resolve = names({});
    expect(await fetchOne("http://site.example/", { resolve, ignoreRobots: true })).toBe(
      "failed: its host has no address (ENOTFOUND)",
    );
  });

  test("localhost itself may not become a metadata service", async () => {
    const resolve = names({ localhost: [["169.254.169.254"]], "a.localhost": [["::ffff:169.254.169.254"]] });
    for (const name of ["localhost", "a.localhost"]) {
      const reason = await fetchOne(`http://${name}/`, {
        resolve,
        ignoreRobots: true,
        limits: { ...SMALL, connectMs: 50 },
      });
      expect(reason).toMatch(/resolves to \S+169.254.169.254|resolves to 169.254.169.254/);
    }
  });
});

describe("--allow-host", () => {
  test.each(["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "wiki.corp", "WIKI.corp."])(
    "%s lifts the rule for redirects, and for no other host",
    async (host) => {
      const site = await canary();
      const resolve = names({
        localhost: [["127.0.0.1"]],
        "wiki.corp": [["127.0.0.1"]],
        "localhost.": [["127.0.0.1"]],
        "wiki.corp.": [["127.0.0.1"]],
      });
      const allowed = { resolve, allowHosts: [host] };
      expect(await redirected(host, site.port, allowed)).toBe("canary");
      const made = site.connections();
      const other = host === "127.0.0.1" ? "localhost" : "127.0.0.1";
      expect(await redirected(other, site.port, allowed)).toMatch(INWARD(other));
      expect(await redirected(`evil.${host}`, site.port, allowed)).toMatch(/^failed: /);
      expect(site.connections()).toBe(made);
    },
  );

  test.each(["::1", "[::1]"])("%s is an address as a URL or as a person writes it", (host) => {
    const url = new URL("http://[::1]/");
    expect(() => checkDestination(url, false, NONE)).toThrow("--allow-host ::1");
    expect(() => checkDestination(url, false, new Set([host.replace(/^\[|\]$/g, "")]))).not.toThrow();
  });

  test("a metadata service is read if it is named, and by its own name only", () => {
    const url = new URL("http://169.254.169.254/");
    expect(() => checkDestination(url, true, new Set(["169.254.169.254"]))).not.toThrow();
    expect(() => checkDestination(url, true, new Set(["metadata", "100.100.100.200"]))).toThrow("metadata service");
  });

  test.each(["metadata.google.internal", "METADATA.google.internal.", "metadata"])("%s is one, too", async (name) => {
    const site = await canary();
    const resolve = names({ [new URL(`http://${name}`).hostname]: [["127.0.0.1"]] });
    expect(await fetchOne(`http://${name}:${site.port}/`, { resolve })).toMatch(SECRET(shown(name)));
    expect(await redirected(name, site.port, { resolve })).toMatch(SECRET(shown(name)));
    expect(site.connections()).toBe(0);
  });
});

test.each([
  "1.1.1.1",
  "8.8.8.8",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.1",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.255.255",
  "223.255.255.255",
  "2606:4700::1111",
  "2a00:1450:4001::1",
  "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8",
])("%s, beside what is private, is public", (address) => {
  expect(reachOf(address)).toBe("public");
});
