/**
 * Documents become part of the site when it is built: `import document from "….md?document"` is HTML with headings that
 * have ids and links rewritten. Images are left out: the only one, the README's, shows this very site. So the parser,
 * marked, is not in the bundle. The documents are the project's own and are trusted; nothing here is for text from elsewhere.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { Marked } from "marked";
import type { Tokens } from "marked";
import type { Plugin } from "vite";

/** A document of the project, ready to be shown. */
export interface BuiltDocument {
  readonly title: string;
  readonly html: string;
  /** Headings of the second level, for a table of contents. */
  readonly sections: readonly { readonly id: string; readonly title: string }[];
}

/** What surrounds a document: where links lead. */
export interface DocumentSite {
  /** The project's folder. */
  readonly root: string;
  /** Documents that the site has: path from the root → name in the address. */
  readonly names: Readonly<Record<string, string>>;
  /** Address of the folder of any other file of the project, ending in "/". */
  readonly elsewhere: string;
}

/** The documents of this site. */
export const SITE: DocumentSite = {
  root: join(import.meta.dirname, "../.."),
  names: {
    "README.md": "readme",
    "docs/usage.md": "usage",
    "docs/experiments.md": "experiments",
    "docs/library.md": "library",
    "docs/engines.md": "engines",
    "docs/serving.md": "serving",
    "docs/run-directory.md": "run-directory",
    "docs/testing.md": "testing",
    "docs/api.md": "api",
    "ARCHITECTURE.md": "architecture",
  },
  elsewhere: "https://github.com/microgpt-ts/microgpt/blob/main/",
};

/** A document → what the site shows. */
export function buildDocument(markdown: string, path: string, site: DocumentSite): BuiltDocument {
  const sections: { id: string; title: string }[] = [];
  const ids = new Set<string>();
  let [codes, tables] = [0, 0];
  let title = basename(path, ".md");
  const marked = new Marked({
    walkTokens: (token) => {
      if (token.type === "link") token.href = addressOf(token.href, path, site);
    },
    renderer: {
      image: () => "",
      heading({ tokens, depth, text }: Tokens.Heading) {
        const id = idOf(text, ids);
        const content = this.parser.parseInline(tokens);
        if (depth === 1) title = plain(text);
        if (depth === 2) sections.push({ id, title: plain(text) });
        return `<h${depth} id="${id}" tabindex="-1">${content}</h${depth}>\n`;
      },
      code({ text }: Tokens.Code) {
        return `<pre class="scroll" tabindex="0" role="region" aria-label="code ${++codes}"><code>${escaped(text)}</code></pre>\n`;
      },
    },
  });
  const html = marked
    .parse(markdown, { async: false })
    .replaceAll(
      "<table>",
      () => `<div class="scroll" tabindex="0" role="region" aria-label="table ${++tables}"><table>`,
    )
    .replaceAll(/<th([^>]*)><\/th>/g, "<td$1></td>") // an empty corner is not a heading
    .replaceAll("</table>", "</table></div>");
  return { title, html, sections };
}

/** The Vite plugin. */
export function documents(site: DocumentSite = SITE): Plugin {
  return {
    name: "microgpt-documents",
    enforce: "pre",
    load(id) {
      const [file, query] = id.split("?");
      if (query !== "document" || !file.endsWith(".md")) return null;
      this.addWatchFile(file);
      const path = relative(site.root, file).split(sep).join("/");
      return `export default ${JSON.stringify(buildDocument(readFileSync(file, "utf8"), path, site))};`;
    },
  };
}

/** Where a link of a document leads on the site. */
function addressOf(href: string, path: string, { names, elsewhere }: DocumentSite): string {
  if (/^[a-z]+:/.test(href)) return href;
  const [file, section = ""] = href.split("#");
  const target = file === "" ? path : join(dirname(path), file).split(sep).join("/");
  const name = names[target];
  if (name === undefined) return elsewhere + target + (section === "" ? "" : `#${section}`);
  return `#/learn/docs/${name}${section === "" ? "" : `/${section}`}`;
}

/** A heading's id as GitHub makes it, so that the documents' own links fit; a repeated one gets a number. */
function idOf(heading: string, taken: Set<string>): string {
  const slug = plain(heading)
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\p{Mark}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
  let [id, count] = [slug, 0];
  while (taken.has(id)) id = `${slug}-${++count}`;
  taken.add(id);
  return id;
}

/** A heading without its marks: `code`, [links](…), emphasis. */
const plain = (heading: string): string => heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
