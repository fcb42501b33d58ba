/**
 * The rules of a robots.txt as RFC 9309 reads them, in time that its author cannot inflate: a path is compared with a
 * rule in one pass over both, and there are limits for rules and paths. (The libraries compare a rule of many `*` in
 * rule × path steps: half a megabyte of them took 27 seconds per page.)
 *
 *   User-agent: a        ┐ agents of a group: consecutive lines
 *   User-agent: microgpt ┘
 *   Disallow: /private   ┐ its rules; of those that match, the longest pattern decides, and Allow wins a tie
 *   Allow: /private/a    ┘
 */

/** A rule. */
interface Rule {
  readonly isAllowed: boolean;
  /** In canonical form; `*` is any text, `$` at the end is the end of the path. */
  readonly pattern: string;
}

/** The rules that apply to one agent. */
export interface AgentRules {
  /** In the order of the file. */
  readonly rules: readonly Rule[];
  /** The text behind the last `Crawl-delay:`; null: none. */
  readonly crawlDelay: string | null;
}

/** Rules for an agent above which a file is not obeyed but refused. The largest files in use have some thousand. */
export const MAX_RULES = 20_000;

/**
 * Reads the rules for an agent, or, where no group names it, for `*`. @param text the file; a leading byte order mark is
 * ignored. @param agent in lower case.
 */
export function rulesFor(agent: string, text: string): AgentRules {
  const groups = new Map<string, { rules: Rule[]; crawlDelay: string | null }>();
  let agents: string[] = [];
  let isList = false; // whether the line before named an agent
  for (const line of text.replace(/^\ufeff/, "").split(/[\r\n]+/)) {
    const [field, value] = fieldOf(line);
    if (field === "user-agent") {
      if (!isList) agents = [];
      isList = true;
      const name = agentOf(value);
      agents.push(name);
      if (!groups.has(name)) groups.set(name, { rules: [], crawlDelay: null });
    } else if (field === "allow" || field === "disallow" || field === "crawl-delay") {
      isList = false;
      for (const group of new Set(agents.map((name) => groups.get(name)))) {
        if (group === undefined) continue;
        if (field === "crawl-delay") group.crawlDelay = value;
        else if (value !== "") group.rules.push({ isAllowed: field === "allow", pattern: patternOf(value) });
      }
    }
  }
  return groups.get(agent) ?? groups.get("*") ?? { rules: [], crawlDelay: null };
}

function fieldOf(line: string): [field: string, value: string] {
  const [rule] = line.split("#", 1);
  const colon = rule.indexOf(":");
  return [rule.slice(0, Math.max(0, colon)).trim().toLowerCase(), rule.slice(colon + 1).trim()];
}

/** A version, or anything else after the name, is not part of it. */
const agentOf = (value: string): string => (/^(?:\*(?!\S)|[a-z_-]*)/i.exec(value)?.[0] ?? "").toLowerCase();

/** `$` is special only at the end of a pattern. */
const patternOf = (value: string): string => canonicalPath(value).replace(/\$(?!$)/g, escape);

/** Whether the rules allow a path (with its query). */
export function allows(rules: readonly Rule[], path: string): boolean {
  const plain = canonicalPath(path).replace(/[*$]/g, escape);
  let decisive: Rule | null = null;
  for (const rule of rules) {
    const length = decisive?.pattern.length ?? 0;
    const isStronger = rule.pattern.length > length || (rule.pattern.length === length && rule.isAllowed);
    if (isStronger && matches(rule.pattern, plain)) decisive = rule;
  }
  return decisive?.isAllowed ?? true;
}

/** Whether a pattern matches the start of a path, or all of it where the pattern ends in `$`. */
function matches(pattern: string, path: string): boolean {
  const isWhole = pattern.endsWith("$");
  const pieces = (isWhole ? pattern.slice(0, -1) : pattern).split(/\*+/);
  if (!path.startsWith(pieces[0])) return false;
  let at = pieces[0].length;
  if (pieces.length === 1) return !isWhole || at === path.length;
  // The leftmost match of each piece leaves the most text for the next one.
  for (const piece of pieces.slice(1, isWhole ? -1 : undefined)) {
    const start = find(piece, path, at);
    if (start === -1) return false;
    at = start + piece.length;
  }
  if (!isWhole) return true;
  const last = pieces[pieces.length - 1];
  return path.length - last.length >= at && path.endsWith(last);
}

/**
 * The first position of `piece` in `path` from `at` on, −1: none. Knuth, Morris & Pratt (1977): in one pass, where
 * `indexOf` may take a pass per character.
 */
function find(piece: string, path: string, at: number): number {
  if (piece === "") return at;
  if (piece.length > path.length - at) return -1;
  const borders = new Uint16Array(piece.length); // the longest proper prefix that also ends here; a path is short
  for (let i = 1, length = 0; i < piece.length; i++) {
    while (length > 0 && piece[i] !== piece[length]) length = borders[length - 1];
    if (piece[i] === piece[length]) length++;
    borders[i] = length;
  }
  for (let i = at, length = 0; i < path.length; i++) {
    while (length > 0 && path[i] !== piece[length]) length = borders[length - 1];
    if (path[i] === piece[length]) length++;
    if (length === piece.length) return i + 1 - length;
  }
  return -1;
}

/**
 * The canonical form of a path (RFC 9309, 2.2.2): letters, digits and `-._~` plain, all else percent-encoded in
 * capitals.
 */
function canonicalPath(path: string): string {
  const escaped = encodeURI(path.toWellFormed()).replaceAll("%25", "%").replaceAll("'", escape);
  return escaped.replace(/%([0-9a-f]{2})/gi, (code: string, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~-]/.test(character) ? character : code.toUpperCase();
  });
}

const escape = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
