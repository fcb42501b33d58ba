/**
 * What stands beside or within an article and is not of it: menus, bylines, lists of other articles, credits of pictures.
 * Rules about pages in general, none about a single site, tuned on half of two public collections (bench/pages.mjs). Which
 * element is the article is decided elsewhere (article.ts).
 */
import { isElement, shownText } from "./dom.ts";

/** How much text an element holds, in characters. */
interface TextMass {
  /** All of it. */
  text: number;
  /** What is within links. */
  link: number;
  /** What is in paragraphs, and not within links. */
  prose: number;
}

/** Texts are measured once: to ask each element for its text takes quadratic time. */
type Masses = Map<Element, TextMass>;

const massOf = (element: Element, masses: Masses): TextMass => masses.get(element) ?? { text: 0, link: 0, prose: 0 };
/** A shorter run of text is not a paragraph. */
const MIN_PARAGRAPH = 80;
const BLOCKS = new Set(
  (
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 " +
    "h5 h6 header li main nav ol p pre section table td th tr ul"
  ).split(" "),
);

/** The text mass of an element and of all within it. */
function weigh(root: Element): Masses {
  const masses: Masses = new Map();
  const visit = (element: Element, isInLink: boolean): TextMass => {
    const isLink = isInLink || element.localName === "a";
    const mass: TextMass = { text: 0, link: 0, prose: 0 };
    let [inline, inlineLink] = [0, 0]; // what no block within this one holds
    for (let node = element.firstChild; node !== null; node = node.nextSibling) {
      if (isElement(node)) {
        const of = visit(node, isLink);
        mass.text += of.text;
        mass.link += of.link;
        mass.prose += of.prose;
        if (BLOCKS.has(node.localName)) continue;
        inline += of.text;
        inlineLink += of.link;
      } else if (node.nodeType === 3) {
        const length = (node.textContent ?? "").replace(/\s+/g, " ").replace(/^ $/, "").length;
        mass.text += length;
        inline += length;
        if (!isLink) continue;
        mass.link += length;
        inlineLink += length;
      }
    }
    if (BLOCKS.has(element.localName) && inline >= MIN_PARAGRAPH && inlineLink < inline / 2)
      mass.prose += inline - inlineLink;
    masses.set(element, mass);
    return mass;
  };
  visit(root, false);
  return masses;
}

const wholeWord = (words: string): RegExp =>
  new RegExp(`(?:^|[^a-z])(?:${words.trim().split(/\s+/).join("|")})(?![a-z])`);

/** Words in the class or id of what is not the article, whatever its length. */
const ASIDE = wholeWord(`
  comments? commentlist comment-?list respond replies disqus
  related similar recommend(?:ed|ations?)? recirc(?:ulation)? more-?from read-?(?:more|next|also) trending popular most-?read
  shar(?:e|ing|er) sharedaddy socials? addthis newsletters? subscri(?:be|ption) sign-?up log-?in
  author-?(?:box|bio|info) about-?author promo(?:tion|s)? sponsor(?:ed)? ads? advert(?:s|isement|ising)? anzeigen? werbung
  cookies? consent gdpr paywall popup modal overlay widgets?
  side-?bar foot(?:er)? breadcrumbs? pagination pager post-?nav(?:igation)? nav(?:igation|bar)? menu toolbar tag-?list
  no-?print hidden sr-only screen-reader(?:-text)? visually-?hidden`);
/** Words in the class or id of a note on the article, if it is short. */
const NOTE = wholeWord(`
  dates? date-?time time-?stamp time dateline meta by-?line authors? published pub-?date categor(?:y|ies) tags?
  credits? copyright rating (?:photo|image|caption)-?credit`);
const MAX_NOTE = 150;
/** Roles that are not the article (WAI-ARIA). */
const ASIDE_ROLES = new Set(
  "navigation complementary contentinfo search menu menubar dialog alertdialog alert banner".split(" "),
);
/** A part with more of a page's prose than this is the article, whatever it is called. */
const MAX_SHARE = 0.3;
/** Nor is a name believed whose elements have more than this many such shares together … */
const MAX_TOTAL_SHARE = 1.5;
/** … except of what readers wrote: there may be more of it than of the article. */
const OF_READERS = /^(?:comment|respond|repl|disqus)/;

/** Removes what a page's own names say is not the article. */
export function removeAsides(page: Document): void {
  for (const menu of page.querySelectorAll("nav, [role=navigation], body > header")) menu.remove();
  const masses = weigh(page.body);
  const limit = MAX_SHARE * massOf(page.body, masses).prose;
  const ignored = new Set<string>();
  for (let isSettled = false; !isSettled;) {
    const asides = asidesOf(page.body, masses, limit, ignored);
    const heavy = reasonsAbove(MAX_TOTAL_SHARE * limit, asides, masses);
    for (const reason of heavy) ignored.add(reason);
    isSettled = heavy.length === 0;
    if (isSettled) for (const element of asides.keys()) element.remove();
  }
}

/** Asides with the word that tells, none within another. */
function asidesOf(body: Element, masses: Masses, limit: number, ignored: ReadonlySet<string>): Map<Element, string> {
  const asides = new Map<Element, string>();
  const visit = (parent: Element): void => {
    for (let child = parent.firstElementChild; child !== null; child = child.nextElementSibling) {
      const reason = massOf(child, masses).prose <= limit ? reasonAgainst(child, masses) : "";
      if (reason !== "" && !ignored.has(reason)) asides.set(child, reason);
      else visit(child);
    }
  };
  visit(body);
  return asides;
}

/** Words that would cost a page too much of its prose: site builders call every paragraph a "widget". */
function reasonsAbove(limit: number, asides: ReadonlyMap<Element, string>, masses: Masses): string[] {
  const prose = new Map<string, number>();
  for (const [element, reason] of asides) {
    if (!OF_READERS.test(reason)) prose.set(reason, (prose.get(reason) ?? 0) + massOf(element, masses).prose);
  }
  return [...prose.keys()].filter((reason) => (prose.get(reason) ?? 0) > limit);
}

/** The word that says that an element is not of the article; empty if there is none. */
function reasonAgainst(element: Element, masses: Masses): string {
  const name = element.localName;
  if (name === "main" || name === "article" || name === "h1") return "";
  const role = element.getAttribute("role") ?? "";
  if (name === "aside" || name === "footer") return name;
  if (ASIDE_ROLES.has(role)) return role;
  if (isWithinSentence(element, masses)) return "";
  const label = labelOf(element);
  const [aside] = ASIDE.exec(label) ?? [""];
  // Posts of others that an article quotes are called "social" or "widget", too.
  if (aside !== "" && element.querySelector("blockquote[class*=tweet], blockquote[class*=instagram]") === null) {
    return aside.replace(/^[^a-z]/, "");
  }
  if (massOf(element, masses).text >= MAX_NOTE || name === "figcaption" || aside !== "") return "";
  const isAuthor = element.getAttribute("itemprop") === "author" || element.getAttribute("rel") === "author";
  return isAuthor ? "author" : (NOTE.exec(label)?.[0] ?? "").replace(/^[^a-z]/, "");
}

/** `class="postMeta entry_date"` → `post-meta entry-date`. */
const labelOf = (element: Element): string =>
  `${element.getAttribute("class") ?? ""} ${element.getAttribute("id") ?? ""}`
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase();

const SENTENCES = new Set("p li dd blockquote pre code em strong i b q cite".split(" "));

/** Whether an inline element continues a text: removing it would leave a hole. */
function isWithinSentence(element: Element, masses: Masses): boolean {
  if (BLOCKS.has(element.localName)) return false;
  const parent = element.parentElement;
  if (parent === null || !SENTENCES.has(parent.localName)) return false;
  return massOf(parent, masses).text > 2 * massOf(element, masses).text;
}

/** A block with more of its text within links is a link to something else. */
const MIN_LINKED = 0.85;
/** An article with more of its text within links is an index: the links are what it has. */
const MAX_LINKED_ARTICLE = 0.35;
/** "Photo: …", "(Image: …)", "© …", agencies: a caption with these belongs to the picture, not to the text. */
const CREDIT =
  /©|\((?:c|photo|image|foto|bild|picture)\b[^)]*\)|\b(?:photo|image|picture|foto|bild|imagen|crédit|credit)s?\s*(?:\w+\s*)?[:/©]|\b(?:getty|reuters|shutterstock|ap photo|afp|dpa|istock|unsplash|pixabay|associated press)\b/i;
const STARTS_AS_CREDIT = /^\W*(?:photo|image|picture|foto|bild|imagen|crédit|credit|©)/i;
/** Words in the class of a caption. */
const CAPTION = wholeWord("captions? captions?-?text");
/** An article with more prose than this, in characters, is long. */
const LONG_ARTICLE = 1500;
const MAX_CAPTION = 400;
const MAX_CREDIT = 100;

/** Removes from an article links to others, credits of pictures, and headings that are left without a text. */
export function removeNotes(article: Element): void {
  const masses = weigh(article);
  const all = massOf(article, masses);
  if (all.link < MAX_LINKED_ARTICLE * all.text) removeLinks(article, masses, all.text);
  removeCaptions(article, masses, all.prose > LONG_ARTICLE);
  removeEmptyHeadings(article);
}

/**
 * Removes what is about a picture. In a long article every caption is an interruption; in a short one it may be half of the
 * text, and only those with a credit go.
 */
function removeCaptions(article: Element, masses: Masses, isLong: boolean): void {
  const isShort = (element: Element, limit: number): boolean => {
    const { text } = massOf(element, masses);
    return text > 0 && text < limit;
  };
  const pictures = [...article.querySelectorAll("img, picture, video, iframe")];
  const withPicture = new Set(pictures.map((picture) => picture.closest("figure")));
  withPicture.delete(null);
  for (const element of article.querySelectorAll("figcaption, [class*=caption i]")) {
    if (!isShort(element, MAX_CAPTION)) continue;
    const isCaption =
      element.localName === "figcaption" ? withPicture.has(element.closest("figure")) : CAPTION.test(labelOf(element));
    const isInterruption = isLong && isCaption && !isWithinSentence(element, masses);
    if (isInterruption || CREDIT.test(shownText(element))) element.remove();
  }
  for (const element of article.querySelectorAll("p, div, span, td")) {
    if (!isShort(element, MAX_CREDIT)) continue;
    const text = shownText(element);
    if (STARTS_AS_CREDIT.test(text) && CREDIT.test(text)) element.remove();
  }
}

function removeLinks(article: Element, masses: Masses, total: number): void {
  const blocks = "p, li, ul, ol, div, section, table, dl, h2, h3, h4, h5, h6";
  for (const element of article.querySelectorAll(blocks)) {
    const { text, link } = massOf(element, masses);
    if (text > 0 && link >= MIN_LINKED * text && text < MAX_SHARE * total) element.remove();
  }
}

const levelOf = (element: Element | null): number => Number(/^h([1-6])$/.exec(element?.localName ?? "")?.[1] ?? 9);

/** Removes headings after which nothing follows, or only a heading of the same or a higher level. */
function removeEmptyHeadings(article: Element): void {
  for (const heading of [...article.querySelectorAll("h1, h2, h3, h4, h5, h6")].toReversed()) {
    if (!hasText(heading, article)) heading.remove();
  }
}

function hasText(heading: Element, article: Element): boolean {
  for (let at: Node = heading; at !== article; at = at.parentNode ?? article) {
    for (let next = at.nextSibling; next !== null; next = next.nextSibling) {
      if (isElement(next) && levelOf(next) <= levelOf(heading)) return false;
      if ((next.textContent ?? "").trim() !== "") return true;
    }
  }
  return false;
}
