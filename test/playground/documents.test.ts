import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildDocument, SITE } from "../../playground/build/markdown.ts";

const paths = Object.keys(SITE.names);
const built = new Map(
  paths.map((path) => [SITE.names[path], buildDocument(readFileSync(join(SITE.root, path), "utf8"), path, SITE)]),
);
const idsOf = (html: string): Set<string> => new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
const linksOf = (html: string): string[] => [...html.matchAll(/ href="([^"]+)"/g)].map(([, href]) => href);

describe("the project's documents on the site", () => {
  test("the list of the page is the list of the build", () => {
    const list = readFileSync(new URL("../../playground/pages/learn/docs/documents.ts", import.meta.url), "utf8");
    const entries = [
      ...list.matchAll(/name: "([^"]+)",[\s\S]*?import\("\.\.\/\.\.\/\.\.\/\.\.\/([^"?]+)\?document"\)/g),
    ];
    expect(Object.fromEntries(entries.map(([, name, path]) => [path, name]))).toEqual(SITE.names);
  });

  test.each([...built])("%s: every link to a document or a section leads to one", (_, { html }) => {
    const links = linksOf(html).filter((href) => href.startsWith("#"));
    for (const href of links) {
      const [, name, section] = /^#\/learn\/docs\/([^/]+)(?:\/(.+))?$/.exec(href) ?? [];
      const target = built.get(name);
      expect([href, target !== undefined]).toEqual([href, true]);
      if (section !== undefined) expect([href, idsOf(target!.html).has(section)]).toEqual([href, true]);
    }
  });

  test.each([...built])(
    "%s: every other link is a file of the project, on GitHub, or another site's page",
    (_, { html }) => {
      for (const href of linksOf(html).filter((each) => !each.startsWith("#"))) {
        expect(href).toMatch(/^https?:\/\//);
        if (!href.startsWith(SITE.elsewhere)) continue;
        const file = href.slice(SITE.elsewhere.length).split("#")[0];
        expect([file, existsSync(join(SITE.root, file))]).toEqual([file, true]);
      }
    },
  );

  test.each([...built])("%s: nothing is fetched with it", (_, { html }) => {
    expect(html).not.toMatch(/ src=/);
  });
});

describe("a document", () => {
  const site = { root: SITE.root, names: { "docs/a.md": "a", "README.md": "readme" }, elsewhere: "https://host/" };
  const htmlOf = (markdown: string): string => buildDocument(markdown, "docs/a.md", site).html;

  test("has headings with GitHub's ids, a title and sections", () => {
    const { title, sections, html } = buildDocument(
      "# A `b`\n\n## What's *this*?\n\n## C\n\n### D\n\n## C\n",
      "docs/a.md",
      site,
    );
    expect(title).toBe("A b");
    expect(sections).toEqual([
      { id: "whats-this", title: "What's this?" },
      { id: "c", title: "C" },
      { id: "c-1", title: "C" },
    ]);
    expect(html).toContain('<h3 id="d" tabindex="-1">D</h3>');
  });

  test("has links that are rewritten: to itself, to another document, to a file, to another site", () => {
    expect(linksOf(htmlOf("[1](#c) [2](../README.md#x) [3](../src/b.ts) [4](https://e.org/a.md)"))).toEqual([
      "#/learn/docs/a/c",
      "#/learn/docs/readme/x",
      "https://host/src/b.ts",
      "https://e.org/a.md",
    ]);
  });

  test("has code that is escaped, and code and tables that scroll by keyboard", () => {
    const html = htmlOf("```sh\na <b> && c\n```\n\n| a |\n|---|\n| b |\n");
    expect(html).toContain("<code>a &lt;b&gt; &amp;&amp; c</code>");
    expect(html.match(/class="scroll" tabindex="0" role="region"/g)).toHaveLength(2);
  });

  test("has no image", () => {
    expect(htmlOf("a ![x](b.png) c")).toBe("<p>a  c</p>\n");
  });
});
