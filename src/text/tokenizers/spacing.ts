/**
 * Where English has spaces between words and marks: what `word` drops when it encodes, put back when it decodes.
 * `word.ts` has the reference's simpler rule.
 *
 *   tokens          "     Yes    ,    "    said   the   cat   '   s   ,   $     5   .   50
 *   space before    –     –      –    –    yes    yes   yes   –   –   –   yes   –   –   –      "Yes," said the cat's, $5.50
 *
 * The space before a token depends on the tokens up to that one and, where UNSETTLED says so, on one or two after it. So the
 * text of a beginning is the beginning of the text, and a model's output can be shown while it is written.
 *
 * Some spellings have the same tokens: `well-known` and `well - known`, `3:15` and `verse 3: 15 men`. The likelier one is
 * written.
 */

/**
 * The end of a decoded text that a further token may change: an incomplete character, a mark that may open, or a hyphen
 * that may be a minus.
 */
export const UNSETTLED: RegExp = /[\ufffd'’"`–&(<#]$|-[\p{L}\p{N}_]*$/u;

/** How a token touches its neighbours: whether it takes a space before it, and one after it. */
interface Role {
  readonly before: boolean;
  readonly after: boolean;
}
const SPACED: Role = { before: true, after: true };
const CLOSING: Role = { before: false, after: true };
const OPENING: Role = { before: true, after: false };
const JOINING: Role = { before: false, after: false };

const ROLES: ReadonlyMap<string, Role> = new Map([
  ...Array.from(",.;:!?%‰)]}’”»›°′″™®†‡،؛؟।", (mark) => [mark, CLOSING] as const),
  ...Array.from("([{“‘«‹„‚¿¡#", (mark) => [mark, OPENING] as const),
  ...Array.from("/\\^@‐‑", (mark) => [mark, JOINING] as const),
]);

/** What closes a quotation, by what opens it. */
const CLOSED_BY: ReadonlyMap<string, string> = new Map([
  ["<", ">"],
  ["“", "”"],
  ["„", "“”"],
  ["‘", "’"],
  ["‚", "‘’"],
  ["«", "»"],
  ["»", "«"],
  ["‹", "›"],
  ["›", "‹"],
]);
/** A quotation of more tokens was never closed: a straight quote after it opens a new one. */
const MAX_QUOTED = 300;

/** Marks that combine with the character before them, and joiners. */
const ATTACHED = /^[\p{M}\u200c\u200d]$/u;
/** Marks of scripts that have no spaces. */
const UNSPACED = /^[\u3000-\u303f\uff00-\uff65]$/u;
const WORD = /^[\p{L}\p{N}_]/u;
const DIGITS = /^\p{Nd}+$/u;
const LOWER = /^\p{Ll}/u;
const YEAR = /^(?:1\d|20)\d\d$/;
const CURRENCY = /^\p{Sc}$/u;

const wordsOf = (list: string): ReadonlySet<string> => new Set(list.split(" "));
/** What follows an apostrophe within a word: `it's`, `y'all`, `o'clock`, `o'er`. */
const ENDINGS = wordsOf("s t re ve m ll d ld st S T RE VE M LL D all am clock er en");
/** What an apostrophe follows within a word: `O'Brien`, `d'Artagnan`, `l'heure`. */
const PREFIXES = wordsOf("d D l L j J c C t qu Qu");
/** Short forms that an apostrophe ends: `o' the sea`, `th' inn`. */
const CUT = wordsOf("o O i I th Th ha wi ol an n");
/** Words that begin with an apostrophe: `'tis`, `'em`. */
const BEHEADED = wordsOf("tis Tis twas Twas twere Twere twill Twill em til cause Cause bout neath Neath gainst n");
/** How the names of hosts and files end. */
const SUFFIXES = wordsOf("com org net edu gov html htm txt pdf json md csv js ts py");
/** Capitals that are written together, each with its full stop; the initials of a name are not. */
const ABBREVIATIONS = ["USA", "UK", "UN", "DC", "PS", "AD", "BC", "AM", "PM", "NY", "MD", "RSVP"];

/** Words and marks → a text. `["Yes", ",", "it", "'", "s", "me", "."]` → `"Yes, it's me."` */
export function joinEnglish(tokens: readonly string[]): string {
  const open: Quotation[] = [];
  let text = "";
  let last = OPENING;
  for (const [i, token] of tokens.entries()) {
    const role = WORD.test(token) ? wordRole(tokens, i) : roleOf(tokens, i, open);
    text += i > 0 && last.after && role.before ? ` ${token}` : token;
    last = role;
  }
  return text;
}

/** A quotation that is open, and where it began. */
type Quotation = { readonly mark: string; readonly start: number };

const at = (tokens: readonly string[], index: number): string => tokens[index] ?? "";
const isWord = (token: string): boolean => WORD.test(token);

/** A word takes a space before it, except where it completes a number, an abbreviation or a name. */
function wordRole(tokens: readonly string[], i: number): Role {
  const [word, mark, left] = [at(tokens, i), at(tokens, i - 1), at(tokens, i - 2)];
  const areDigits = DIGITS.test(word) && /\p{Nd}$/u.test(left);
  if (mark === ":") return areDigits ? CLOSING : SPACED;
  if (mark === ",") {
    const areThousands = areDigits && word.length === 3 && DIGITS.test(left) && left.length <= 3;
    return areThousands ? CLOSING : SPACED;
  }
  if (mark === "°") return /^[CFK]$/.test(word) ? CLOSING : SPACED;
  if (mark === "." && (areDigits ? !YEAR.test(left) : isAbbreviated(tokens, i))) return CLOSING;
  return SPACED;
}

/** Whether nothing separates a word from the full stop before it: `e.g`, `U.S`, `Ph.D`, `www.example.org`, `...and`. */
function isAbbreviated(tokens: readonly string[], i: number): boolean {
  const [word, left] = [at(tokens, i), at(tokens, i - 2)];
  if (left === "www" || (SUFFIXES.has(word) && isWord(left)) || (left === "Ph" && word === "D")) return true;
  if (/^\p{Ll}$/u.test(left)) return /^\p{Ll}$/u.test(word);
  if (left === ".") {
    let first = i - 2;
    while (at(tokens, first - 1) === ".") first--;
    return first === 0 || isOpen(at(tokens, first - 1)) || (first === 1 && /^["']$/.test(at(tokens, 0)));
  }
  if (!/^\p{Lu}$/u.test(left) || !/^\p{Lu}$/u.test(word)) return false;
  let letters = word;
  for (let j = i - 2; /^\p{Lu}$/u.test(at(tokens, j)) && letters.length < 4; j -= 2) {
    letters = at(tokens, j) + letters;
    if (at(tokens, j - 1) !== ".") break;
  }
  return ABBREVIATIONS.some((one) => one.startsWith(letters));
}

/** The role of a mark; updates which quotations are open. */
function roleOf(tokens: readonly string[], i: number, open: Quotation[]): Role {
  const [mark, left, right] = [at(tokens, i), at(tokens, i - 1), at(tokens, i + 1)];
  switch (mark) {
    case '"':
    case "`":
      return doubleRole(tokens, i, open);
    case "'":
      return singleRole(tokens, i, open);
    case "’":
      if (isApostrophe(left, right)) return JOINING;
      if (isBeheaded(right) && open.at(-1)?.mark !== "‘") return OPENING;
      break;
    case "-":
      return isMinus(tokens, i) ? SPACED : hyphenRole(left, right);
    case "–":
      return DIGITS.test(left) && DIGITS.test(right) ? JOINING : SPACED;
    case "—":
    case "―":
      return left === "" ? SPACED : JOINING;
    case "…":
      return left === "" || isOpen(left) ? JOINING : CLOSING;
    case "&":
      return /^\p{Lu}{1,2}$/u.test(left) && /^\p{Lu}{1,2}$/u.test(right) ? JOINING : SPACED;
    case "(":
      return isWord(left) && /^e?s$/.test(right) ? JOINING : OPENING;
    case "<":
      if (DIGITS.test(left) || !/^(?:[\p{L}_]{2,}|[/!])/u.test(right)) return SPACED;
      break;
    case ">":
      if (open.at(-1)?.mark !== "<") return SPACED;
      break;
    case "#":
      return left === "" && /^\p{Lu}/u.test(right) ? SPACED : OPENING; // a heading, or a number
    case "+":
      return isOperator(left) ? OPENING : SPACED;
  }
  if (CURRENCY.test(mark)) return DIGITS.test(left) && !DIGITS.test(right) ? SPACED : OPENING;
  if (ATTACHED.test(mark)) return LOWER.test(right) || ATTACHED.test(right) ? JOINING : CLOSING;
  if (UNSPACED.test(mark)) return JOINING;
  return directedRole(mark, i, open);
}

const isOpen = (token: string): boolean => ROLES.get(token) === OPENING;
/** Whether a sign after this token belongs to the number that follows: `= -5`. */
const isOperator = (token: string): boolean => token === "" || /^[=<>+*×÷]$/.test(token);

/** Whether a hyphen between two words is part of a sum: `six - four = two`, `a = b - c`. */
const isMinus = (tokens: readonly string[], i: number): boolean =>
  isWord(at(tokens, i - 1)) &&
  isWord(at(tokens, i + 1)) &&
  [at(tokens, i - 2), at(tokens, i + 2)].some((sign) => /^[=+×÷]$/.test(sign));

/** A hyphen joins, two make a dash that joins, too; a sign and the bullet of a list precede. */
function hyphenRole(left: string, right: string): Role {
  if (left === "") return DIGITS.test(right) || right === "-" ? OPENING : SPACED;
  return isOperator(left) ? OPENING : JOINING;
}

/** Quotes whose shapes say which side they are on, and all other marks. */
function directedRole(mark: string, i: number, open: Quotation[]): Role {
  const innermost = open.at(-1);
  if (innermost !== undefined && CLOSED_BY.get(innermost.mark)?.includes(mark) === true) {
    open.pop();
    return CLOSING;
  }
  if (!CLOSED_BY.has(mark)) return ROLES.get(mark) ?? SPACED;
  open.push({ mark, start: i });
  return OPENING;
}

/** Straight double quotes alternate, and so do backticks. */
function doubleRole(tokens: readonly string[], i: number, open: Quotation[]): Role {
  const mark = at(tokens, i);
  if (closes(open, mark, i)) return CLOSING;
  const isInches = DIGITS.test(at(tokens, i - 1)) && at(tokens, i - 2) === "'";
  if (isInches || (i > 0 && i + 1 === tokens.length)) return CLOSING;
  open.push({ mark, start: i });
  return OPENING;
}

/** A straight single quote is an apostrophe where the words around it say so; else it alternates, too. */
function singleRole(tokens: readonly string[], i: number, open: Quotation[]): Role {
  const [left, right] = [at(tokens, i - 1), at(tokens, i + 1)];
  if (isApostrophe(left, right)) return JOINING;
  if (isBeheaded(right)) return OPENING;
  if (closes(open, open.at(-1)?.mark === "`" ? "`" : "'", i)) return CLOSING;
  if (isWord(left) && (!isWord(right) || isShortened(left, right))) return CLOSING;
  if (right === "" || (!isWord(right) && !isOpen(right) && !/^[-".…—]$/.test(right))) return CLOSING;
  open.push({ mark: "'", start: i });
  return OPENING;
}

/** Closes the innermost quotation with this mark, and those within it; whether there is one. */
function closes(open: Quotation[], mark: string, i: number): boolean {
  const index = open.findLastIndex((one) => one.mark === mark);
  if (index < 0) return false;
  const [{ start }] = open.splice(index);
  return i - start <= MAX_QUOTED;
}

/** Whether an apostrophe joins the words around it: `it's`, `O'Brien`, `6'2`. */
const isApostrophe = (left: string, right: string): boolean =>
  isWord(left) &&
  isWord(right) &&
  (ENDINGS.has(right) ||
    PREFIXES.has(left) ||
    (/^[oO]$/.test(left) && /^\p{Lu}/u.test(right)) ||
    (DIGITS.test(left) && DIGITS.test(right)));

/** Whether an apostrophe ends the word before it: `the dogs' tails`, `nothin' but`, `o' the sea`, `Users' Guide`. */
const isShortened = (left: string, right: string): boolean =>
  LOWER.test(right)
    ? CUT.has(left) || /(?:[sxz]|ce)$/.test(left) || (left.endsWith("in") && left.length > 4)
    : /^\p{Lu}.*s$/u.test(left);

/** Whether an apostrophe begins this word: `'tis`, `'90s`. */
const isBeheaded = (word: string): boolean => BEHEADED.has(word) || /^\p{Nd}0s$/u.test(word);
