/**
 * The source of a page → the source that can hold text, and how deep its elements nest. One pass from tag to tag, linear in
 * the length whatever the page is: the parser of the next step takes time that grows with the square of the depth. Not a
 * parser itself: it builds no tree, and leaves attributes and entities alone.
 */

/** What is left of a page. */
export interface PageSource {
  /** The page without comments, scripts, styles, drawings and templates. */
  readonly html: string;
  /** How many elements are open at once, at most. */
  readonly depth: number;
}

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));

/** Elements without an end tag. */
const VOID = words(
  "area base basefont bgsound br col command embed frame hr image img input isindex keygen link meta param source track wbr",
);
/** Void elements that neither show nor say anything. */
const SILENT = words("base basefont bgsound command embed isindex keygen link param source track");
/** Elements that hold characters instead of elements. Without an end, they reach to the end of the page. */
const RAW = words("script style textarea iframe noembed noframes");
/** Elements whose insides are not shown, or not as text. Without an end, they are ignored. */
const UNSHOWN = words("template noscript svg xml");

/** Which elements a start tag closes if one of them is the innermost open element (HTML standard, "optional tags"). */
const CLOSES: Readonly<Record<string, ReadonlySet<string>>> = (() => {
  const rows: [string, string][] = [
    ["li", "li p"],
    ["dt dd", "dt dd p"],
    ["option", "option"],
    ["optgroup", "option optgroup"],
    ["td th", "td th p"],
    ["tr", "td th tr p"],
    ["thead tbody tfoot", "td th tr thead tbody tfoot caption colgroup"],
    [
      "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form h1 h2 h3 " +
        "h4 h5 h6 header hgroup hr main menu nav ol p pre search section table ul",
      "p",
    ],
  ];
  return Object.fromEntries(rows.flatMap(([names, closed]) => names.split(" ").map((name) => [name, words(closed)])));
})();

const INLINE = words(
  "a abbr b bdi bdo big cite code em font i kbd mark nobr q s samp small span strike strong sub sup tt u var",
);
/** Inline elements that an author forgot in one paragraph; the search for its start stays short. */
const MAX_UNFINISHED = 20;

/** Names of open elements, innermost last, and how often each is open. */
class OpenElements {
  readonly #names: string[] = [];
  readonly #counts = new Map<string, number>();
  /** The most elements that were open at once. */
  deepest = 0;

  /**
   * Opens an element. Returns the name of one that this closes with inline elements left open in it, as in
   * `<p><span>one<p>two`: the parser would nest these, without an end; empty if there is none.
   */
  open(name: string): string {
    const closed = CLOSES[name];
    while (closed?.has(this.#names.at(-1) ?? "")) this.#pop();
    const unfinished = closed === undefined ? "" : this.#unfinished(closed);
    if (unfinished !== "") this.close(unfinished);
    this.#names.push(name);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    this.deepest = Math.max(this.deepest, this.#names.length);
    return unfinished;
  }

  #unfinished(closed: ReadonlySet<string>): string {
    const top = this.#names.length - 1;
    let at = top;
    while (at > top - MAX_UNFINISHED && INLINE.has(this.#names[at] ?? "")) at--;
    const name = this.#names[at] ?? "";
    return closed.has(name) ? name : "";
  }

  /** Closes the innermost element of that name with all within it; an end tag without a start tag closes nothing. */
  close(name: string): void {
    if ((this.#counts.get(name) ?? 0) === 0) return;
    while (this.#pop() !== name);
  }

  #pop(): string | undefined {
    const name = this.#names.pop();
    if (name !== undefined) this.#counts.set(name, (this.#counts.get(name) ?? 1) - 1);
    return name;
  }
}

/** Reads a page tag by tag. */
export function scanSource(html: string): PageSource {
  const open = new OpenElements();
  const kept: string[] = [];
  const ends = new EndSearch();
  let from = 0;
  for (let at = html.indexOf("<"); at >= 0 && at < html.length; at = html.indexOf("<", at)) {
    const tag = tagAt(html, at);
    if (tag === null) {
      at++;
      continue;
    }
    const end = endOf(html, tag, ends);
    const isKept = end === tag.end && isShown(tag);
    if (!isKept) {
      kept.push(html.slice(from, at));
      from = end;
    } else if (tag.isEmpty && !VOID.has(tag.name)) {
      kept.push(html.slice(from, end), `</${tag.name}>`);
      from = end;
    } else if (tag.isEnd) open.close(tag.name);
    else if (!VOID.has(tag.name)) {
      const unfinished = open.open(tag.name);
      if (unfinished !== "") {
        kept.push(html.slice(from, at), `</${unfinished}>`);
        from = at;
      }
    }
    at = end;
  }
  kept.push(html.slice(from));
  return { html: kept.join(""), depth: open.deepest };
}

interface Tag {
  /** In lower case; empty for a comment, declaration or instruction. */
  readonly name: string;
  readonly isEnd: boolean;
  /** `<x/>`. */
  readonly isEmpty: boolean;
  /** The index after its `>`. */
  readonly end: number;
  readonly start: number;
}

/** Elements of other vocabularies in an HTML page, `<w:p>`, are no elements of the page; what is in them is. */
const isShown = (tag: Tag): boolean =>
  tag.name !== "" && !tag.name.includes(":") && !SILENT.has(tag.name) && !UNSHOWN.has(tag.name) && !RAW.has(tag.name);

const NAME = /<(\/?)([a-z][^\s/>]*)/iy;

/** The tag or comment at `<`; null if it is a mere character. */
function tagAt(html: string, start: number): Tag | null {
  const next = html.charAt(start + 1);
  if (next === "!" || next === "?") {
    return { name: "", isEnd: false, isEmpty: true, start, end: endOfRemark(html, start) };
  }
  NAME.lastIndex = start;
  const match = NAME.exec(html);
  if (match === null) return null;
  const end = endOfTag(html, NAME.lastIndex);
  return { name: match[2].toLowerCase(), isEnd: match[1] !== "", isEmpty: isSelfClosing(html, start, end), start, end };
}

/** Whether a tag ends with a slash of its own: in `<a href=https://a.example/>`, it belongs to the value. */
function isSelfClosing(html: string, start: number, end: number): boolean {
  if (html.charAt(end - 2) !== "/") return false;
  let at = end - 3;
  while (at > start && !/[\s"'=]/.test(html.charAt(at))) at--;
  return html.charAt(at) !== "=";
}

const after = (html: string, what: string, from: number): number => {
  const at = html.indexOf(what, from);
  return at < 0 ? html.length : at + what.length;
};

/** The end of `<!-- … -->`, `<![CDATA[ … ]]>`, `<!…>` or `<?…>`. */
function endOfRemark(html: string, start: number): number {
  if (html.startsWith("<!-->", start)) return start + 5;
  if (html.startsWith("<!--", start)) return after(html, "-->", start + 4 - 1);
  if (html.startsWith("<![CDATA[", start)) return after(html, "]]>", start);
  return after(html, ">", start);
}

/** The index after the `>` that ends a tag: not one within quotes that follow a `=`. */
function endOfTag(html: string, from: number): number {
  const special = /[>]|=\s*(["'])/g;
  special.lastIndex = from;
  for (let match = special.exec(html); match !== null; match = special.exec(html)) {
    if (match[1] === undefined) return special.lastIndex;
    special.lastIndex = after(html, match[1], special.lastIndex);
  }
  return html.length;
}

/** Where what a tag opens ends, if that is dropped as a whole; otherwise the end of the tag. */
function endOf(html: string, tag: Tag, ends: EndSearch): number {
  const { name, end } = tag;
  if (tag.isEnd) return end;
  if (RAW.has(name)) return ends.first(html, name, end) ?? (name === "iframe" ? end : html.length);
  if (!UNSHOWN.has(name) || tag.isEmpty) return end;
  return ends.matching(html, name, end) ?? ends.first(html, name, end) ?? end;
}

/** Finds end tags. What is searched in vain once is not searched again, or many start tags would take quadratic time. */
class EndSearch {
  readonly #absent = new Set<string>();
  readonly #unbalanced = new Set<string>();

  /** The end of the next end tag. */
  first(html: string, name: string, from: number): number | null {
    const tag = new RegExp(`</${name}(?=[\\s/>])[^>]*>`, "gi");
    tag.lastIndex = from;
    if (!this.#absent.has(name) && tag.test(html)) return tag.lastIndex;
    this.#absent.add(name);
    return null;
  }

  /** The end of the end tag that belongs to a start tag that ends at `from`. */
  matching(html: string, name: string, from: number): number | null {
    if (this.#unbalanced.has(name)) return null;
    const tags = new RegExp(`<(/?)${name}(?=[\\s/>])[^>]*>`, "gi");
    tags.lastIndex = from;
    let depth = 1;
    for (let match = tags.exec(html); match !== null; match = tags.exec(html)) {
      if (match[1] === "/") depth--;
      else if (!match[0].endsWith("/>")) depth++;
      if (depth === 0) return tags.lastIndex;
    }
    this.#unbalanced.add(name);
    return null;
  }
}
