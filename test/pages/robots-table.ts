/**
 * What robots.txt files mean, by RFC 9309 and the examples of Google's documentation, written down by hand: of each file,
 * which paths the robot `microgpt` may fetch and which it may not.
 */
import { all, PATH_CASES } from "./robots-paths.ts";
import type { RobotsCase } from "./robots-paths.ts";

const file = (...lines: string[]): string => lines.join("\n");

const GROUPS: readonly RobotsCase[] = [
  {
    rule: "a group for others is none of ours",
    file: file("User-agent: Googlebot", "Disallow: /"),
    allowed: ["/", "/a"],
  },
  { rule: "ours is", file: file("User-agent: microgpt", "Disallow: /a"), refused: ["/a"], allowed: ["/b"] },
  {
    rule: "ours goes before everybody's",
    file: file("User-agent: *", "Disallow: /", "", "User-agent: microgpt", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/", "/b"],
  },
  {
    rule: "in whatever order",
    file: file("User-agent: microgpt", "Disallow: /a", "", "User-agent: *", "Disallow: /"),
    refused: ["/a"],
    allowed: ["/", "/b"],
  },
  {
    rule: "and may allow all",
    file: file("User-agent: *", "Disallow: /", "User-agent: microgpt", "Disallow:"),
    allowed: ["/", "/a"],
  },
  {
    rule: "even without a rule",
    file: file("User-agent: *", "Disallow: /", "", "User-agent: microgpt"),
    allowed: ["/", "/a"],
  },
  {
    rule: "ours may be stricter",
    file: file("User-agent: *", "Allow: /", "User-agent: microgpt", "Disallow: /"),
    refused: ["/", "/a"],
  },
  { rule: "names have no case", file: file("User-agent: MicroGPT", "Disallow: /"), refused: ["/a"] },
  { rule: "none at all", file: file("USER-AGENT: MICROGPT", "DISALLOW: /a"), refused: ["/a"], allowed: ["/A", "/b"] },
  {
    rule: "a version is no part of the name",
    file: file("User-agent: microgpt/0.1", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "nor what follows a space",
    file: file("User-agent: microgpt 0.1 (bot)", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "a longer name is another's",
    file: file(
      "User-agent: microgpt-images",
      "Disallow: /",
      "User-agent: microgpts",
      "Disallow: /",
      "User-agent: microgpt_x",
      "Disallow: /",
    ),
    allowed: ["/", "/a"],
  },
  {
    rule: "a shorter name is another's",
    file: file("User-agent: micro", "Disallow: /", "User-agent: gpt", "Disallow: /"),
    allowed: ["/", "/a"],
  },
  {
    rule: "a name within a name is not ours",
    file: file("User-agent: Mozilla/5.0 (compatible; microgpt)", "Disallow: /"),
    allowed: ["/", "/a"],
  },
  { rule: "a star with more is not everybody", file: file("User-agent: *bot", "Disallow: /"), allowed: ["/"] },
  {
    rule: "a star with a remark is",
    file: file("User-agent: * all robots", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  { rule: "an agent without a name is nobody", file: file("User-agent:", "Disallow: /"), allowed: ["/"] },
  {
    rule: "several agents share a group",
    file: file("User-agent: a", "User-agent: microgpt", "User-agent: b", "Disallow: /x"),
    refused: ["/x"],
    allowed: ["/y"],
  },
  {
    rule: "with blank lines and remarks between them",
    file: file("User-agent: a", "", "# and", "User-agent: microgpt", "", "", "Disallow: /x"),
    refused: ["/x"],
    allowed: ["/y"],
  },
  {
    rule: "everybody may share with somebody",
    file: file("User-agent: a", "User-agent: *", "Disallow: /x"),
    refused: ["/x"],
    allowed: ["/y"],
  },
  {
    rule: "blank lines end no group",
    file: file("User-agent: microgpt", "", "Disallow: /a", "", "", "Disallow: /b"),
    refused: ["/a", "/b"],
    allowed: ["/c"],
  },
  {
    rule: "groups of one agent are one group",
    file: file(
      "User-agent: microgpt",
      "Disallow: /a",
      "",
      "User-agent: x",
      "Disallow: /",
      "",
      "User-agent: microgpt",
      "Disallow: /b",
    ),
    refused: ["/a", "/b"],
    allowed: ["/c"],
  },
  {
    rule: "so are everybody's",
    file: file(
      "User-agent: *",
      "Disallow: /a",
      "User-agent: x",
      "Disallow: /",
      "User-agent: *",
      "Allow: /a/b",
      "Disallow: /c",
    ),
    refused: ["/a", "/c"],
    allowed: ["/a/b", "/d"],
  },
  {
    rule: "whatever version they name",
    file: file("User-agent: microgpt/1", "Disallow: /a", "User-agent: MICROGPT/2", "Disallow: /b"),
    refused: ["/a", "/b"],
    allowed: ["/c"],
  },
  {
    rule: "shared groups are added to own ones (RFC 9309, 2.2.1)",
    file: file(
      "User-agent: x",
      "User-agent: microgpt",
      "Disallow: /a",
      "User-agent: microgpt",
      "Disallow: /b",
      "User-agent: x",
      "Disallow: /c",
    ),
    refused: ["/a", "/b"],
    allowed: ["/c"],
  },
  {
    rule: "ours and everybody's are never added",
    file: file("User-agent: *", "Disallow: /a", "User-agent: microgpt", "Disallow: /b"),
    refused: ["/b"],
    allowed: ["/a"],
  },
  {
    rule: "rules before any group are nobody's",
    file: file("Disallow: /", "Allow: /a", "User-agent: *", "Disallow: /b"),
    refused: ["/b"],
    allowed: ["/", "/a", "/c"],
  },
  {
    rule: "a rule ends the list of agents",
    file: file("User-agent: microgpt", "Disallow: /a", "User-agent: x", "Disallow: /b"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "an empty rule, too",
    file: file("User-agent: microgpt", "Disallow:", "User-agent: x", "Disallow: /"),
    allowed: ["/", "/a"],
  },
  {
    rule: "names of an object's own are names",
    file: file("User-agent: __proto__", "Disallow: /", "User-agent: constructor", "Disallow: /"),
    allowed: ["/", "/a"],
  },
];

const LINES: readonly RobotsCase[] = [
  {
    rule: "a sitemap between agents parts them not (RFC 9309, 2.2.4)",
    file: file("User-agent: microgpt", "Sitemap: https://a.example/map.xml", "User-agent: x", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "an unknown key, neither",
    file: file("User-agent: microgpt", "Noindex: /b", "Host: a.example", "User-agent: x", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "nor a rule from an other",
    file: file("User-agent: microgpt", "Disallow: /a", "Sitemap: /map", "Clean-param: x", "Disallow: /b"),
    refused: ["/a", "/b"],
    allowed: ["/c", "/map"],
  },
  {
    rule: "unknown keys before groups",
    file: file("Sitemap: /", "Host: x", "User-agent: *", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "a remark ends a line",
    file: all("Disallow: /a # Disallow: /b", "Disallow: /c#d"),
    refused: ["/a", "/c", "/cd"],
    allowed: ["/b"],
  },
  {
    rule: "a remark after an agent",
    file: file("User-agent: microgpt # ours", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  { rule: "a rule within a remark is none", file: all("#Disallow: /", "  # Disallow: /a"), allowed: ["/", "/a"] },
  { rule: "a remark in the place of a path", file: all("Disallow: # /"), allowed: ["/"] },
  {
    rule: "spaces around count for nothing",
    file: file(" \tUser-agent \t: \t * \t", "\tDisallow\t:\t/a\t "),
    refused: ["/a"],
    allowed: ["/b"],
  },
  { rule: "nor need there be any", file: file("user-agent:*", "disallow:/a"), refused: ["/a"], allowed: ["/b"] },
  {
    rule: "keys have no case",
    file: file("uSeR-aGeNt: *", "dIsAlLoW: /a", "ALLOW: /a/b"),
    refused: ["/a"],
    allowed: ["/a/b", "/b"],
  },
  { rule: "a second colon belongs to the path", file: all("Disallow: /a:b"), refused: ["/a:b"], allowed: ["/a"] },
  {
    rule: "lines end by CR LF",
    file: "User-agent: *\r\nDisallow: /a\r\n\r\nDisallow: /b\r\n",
    refused: ["/a", "/b"],
    allowed: ["/c"],
  },
  {
    rule: "lines end by CR",
    file: "User-agent: *\rDisallow: /a\r\rDisallow: /b",
    refused: ["/a", "/b"],
    allowed: ["/c"],
  },
  {
    rule: "lines end in all ways at once",
    file: "User-agent: *\nDisallow: /a\r\nDisallow: /b\rDisallow: /c\n\rDisallow: /d",
    refused: ["/a", "/b", "/c", "/d"],
    allowed: ["/e"],
  },
  { rule: "the last line needs no end", file: "User-agent: *\nDisallow: /a", refused: ["/a"], allowed: ["/b"] },
  {
    rule: "a byte order mark is no part of the first line",
    file: "\ufeffUser-agent: *\nDisallow: /a",
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "a line without a colon says nothing",
    file: all("Hello", "Disallow: /a", "/b"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "a line that is only a colon says nothing",
    file: all(":", ": /b", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "a page in the place of the file says nothing",
    file: '<!DOCTYPE html>\n<html><head><title>404: not found</title></head>\n<body style="color: red">Disallow all hope: /\n</body></html>',
    allowed: ["/", "/a"],
  },
  { rule: "JSON says nothing", file: '{"user-agent": "*",\n"disallow": "/"}', allowed: ["/", "/a"] },
  {
    rule: "a very long path is read",
    file: all(`Disallow: /${"a".repeat(3000)}`, "Disallow: /b"),
    refused: [`/${"a".repeat(3000)}`, `/${"a".repeat(3001)}`, "/b"],
    allowed: [`/${"a".repeat(2999)}`],
  },
  {
    rule: "a very long line of another kind is passed over",
    file: all(`# ${"x".repeat(100_000)}`, `X: ${" ".repeat(100_000)}`, "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
  {
    rule: "ten thousand rules are read",
    file: all(...Array.from({ length: 10_000 }, (_, i) => `Disallow: /n${i}$`)),
    refused: ["/n0", "/n9999"],
    allowed: ["/n10000", "/n"],
  },
  {
    rule: "a delay is no rule about paths",
    file: all("Crawl-delay: 10", "Disallow: /a"),
    refused: ["/a"],
    allowed: ["/b"],
  },
];

export const ROBOTS_TABLE: readonly RobotsCase[] = [...PATH_CASES, ...GROUPS, ...LINES];

/** Where we judge otherwise than Google's parser (`robots.cc`), and why. The verdicts here are ours. */
export const EXCEPTIONS: readonly (RobotsCase & { readonly reason: string })[] = [
  {
    rule: "a crawl-delay ends a list of agents",
    reason:
      "we obey it, so it is a rule to us; files that only want to slow down everybody and then name one bad robot are common, and mean two groups",
    file: file("User-agent: *", "Crawl-delay: 10", "", "User-agent: BadBot", "Disallow: /"),
    allowed: ["/", "/a"],
  },
  {
    rule: "misspelt keys are unknown keys",
    reason: "Google takes `disalow`, the RFC does not ask for it",
    file: all("Disalow: /", "Dissallow: /", "Useragent: microgpt"),
    allowed: ["/"],
  },
  {
    rule: "a space is no colon",
    reason: "Google takes `Disallow /a`, the RFC does not ask for it",
    file: all("Disallow /a"),
    allowed: ["/a"],
  },
  {
    rule: "index.html is a page like others",
    reason: "that it stands for its directory, too, is Google's own",
    file: all("Disallow: /", "Allow: /a/index.html"),
    allowed: ["/a/index.html"],
    refused: ["/a/"],
  },
  {
    rule: "a question mark with nothing behind it is none",
    reason: "an address's parts don't tell it from no question",
    file: all("Disallow: /a?"),
    allowed: ["/a?", "/a"],
    refused: ["/a?b"],
  },
];
