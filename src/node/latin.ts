/**
 * Which of the encodings of Latin letters suits a text, where bytes decide little: a list of Spanish names has five
 * letters with accents, and in each of twenty encodings these bytes are letters of some language. So the letters that a
 * language writes, in the order of how often it does, are weighed against what each encoding makes of the bytes.
 */
import { openDecoder } from "./encodings.ts";

/** Letters outside of ASCII, the most frequent first: a table of common knowledge, not of counts. */
const ALPHABETS: readonly string[] = [
  "óíáéñúü¿¡ºª", // Spanish
  "éèàêçâôîûùëïœæÿ«»", // French
  "üäößé", // German
  "ãçáéíóêõâúàôü", // Portuguese
  "àèéùòìî", // Italian
  "ëéïèöüá", // Dutch
  "äåöéü", // Swedish
  "øåæéöäüòô", // Danish, Norwegian
  "äöåé", // Finnish
  "íáðéóþöúýæ", // Icelandic
  "àóèéíçòúïü·", // Catalan
  "łąężśćóńź", // Polish
  "íáěéřýčžšůúťóďň", // Czech
  "áíéýčúžšľťôóňďäŕĺ", // Slovak
  "áéöóőüíúű", // Hungarian
  "čšžćđ", // Croatian, Slovenian
  "ăîâşţșț", // Romanian; its eight-bit encodings have cedillas
  "ıüşğöçİâîû", // Turkish
  "äõüöšž", // Estonian
  "āīēšņļūžķčģ", // Latvian
  "ėšųįžūčąę", // Lithuanian
  "áéíóú", // Irish
  "ëçâ", // Albanian
  "ħżġċ", // Maltese
  "ĉĝĥĵŝŭ", // Esperanto
];

/** What stands between letters in any language. */
const MARKS = new Set("“”‘’„–—…«»‹›•€£§°©®™½¼¾²³·×´¿¡ºª\u00a0\u00ad");
/** Probabilities of a mark, of a letter that the language does not have, and of anything else. */
const [MARK, FOREIGN, STRANGE] = [0.02, 1e-3, 2e-5].map(Math.log);
/** What a mark gains where it stands as it should, which what was misread seldom does: `don’t`, `“so”`, `£5`. */
const WELL_PLACED = Math.log(20);
/** What is added where a character has neighbours that it cannot have. */
const [MISPLACED_CAPITAL, MISPLACED_SMALL, MISPLACED_MARK, BESIDE_DIGIT] = [-4, -3, -5, -4];

/** Per language the logarithm of each letter's probability, by Zipf's law. */
const LANGUAGES: readonly ReadonlyMap<string, number>[] = ALPHABETS.map((letters) => {
  const weights = [...letters].map((_, rank) => 1 / (rank + 1.5));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return new Map([...letters].map((letter, rank) => [letter, Math.log((0.95 * weights[rank]) / sum)]));
});

/** Encodings of Latin letters with a weight for how rare their texts are. Of equals, the first is taken. */
const ENCODINGS: readonly (readonly [encoding: string, rarity: number])[] = [
  ["windows-1252", 0],
  ["windows-1250", -1],
  ["iso-8859-2", -1],
  ["iso-8859-15", -1.5],
  ["windows-1254", -1.5],
  ["windows-1257", -2],
  ["iso-8859-13", -3],
  ["ibm850", -3],
  ["macintosh", -3],
  ["ibm852", -3],
  ["ibm437", -3.5],
  ["iso-8859-4", -5],
  ["iso-8859-16", -5],
  ["iso-8859-3", -5],
  ["maccenteuro", -5],
  ["ibm857", -5],
  ["ibm865", -5],
  ["ibm775", -5],
  ["iso-8859-10", -6],
  ["iso-8859-14", -6],
  ["windows-1258", -6],
];
/** Further ones that the statistics may name, which are never chosen. */
const EXOTIC = ["macturkish", "maciceland", "ibm858", "ibm860", "ibm861", "ibm863", "hp-roman8", "hproman8"];
/** How much the statistics of `guess.ts` weigh, whose confidence is relative to its best. */
const STATISTICS_WEIGHT = 3;
const LEAST_CONFIDENCE = 1e-3;

const names = new Set([...ENCODINGS.map(([encoding]) => encoding), ...EXOTIC]);

/** Whether an encoding has Latin letters with accents. */
export const isLatin = (encoding: string): boolean => names.has(encoding);

/**
 * Encodings of Latin letters, the likeliest first; of those that give the same text, only the first.
 * @param confidences what statistics say of each, 0 to 1.
 */
export function rankLatin(sample: Uint8Array, confidences: ReadonlyMap<string, number>): string[] {
  const best = Math.max(LEAST_CONFIDENCE, ...confidences.values());
  const byText = new Map<string, readonly [encoding: string, score: number]>();
  for (const [encoding, rarity] of ENCODINGS) {
    const text = openDecoder(encoding).decode(sample, { stream: true });
    const confidence = Math.max(LEAST_CONFIDENCE, (confidences.get(encoding) ?? 0) / best);
    const score = rarity + plausibility(text) + STATISTICS_WEIGHT * Math.log(confidence);
    const [name, other] = byText.get(text) ?? [encoding, -Infinity];
    byText.set(text, [name, Math.max(score, other)]);
  }
  return [...byText.values()].toSorted((a, b) => b[1] - a[1]).map(([encoding]) => encoding);
}

/** The logarithm of how likely the characters outside of ASCII are, in the language that suits them best. */
function plausibility(text: string): number {
  const counts = new Map<string, number>();
  let placement = 0;
  for (const { 0: character, index } of text.matchAll(/[^\0-\u007f]/gu)) {
    const small = character.toLowerCase();
    const key = small.length === 1 ? small : character; // İ becomes two
    counts.set(key, (counts.get(key) ?? 0) + 1);
    placement += placementOf(character, key, text[index - 1] ?? " ", text[index + character.length] ?? " ");
  }
  const likelihoods = LANGUAGES.map((letters) => {
    let sum = 0;
    for (const [character, count] of counts) sum += count * (letters.get(character) ?? likelihood(character));
    return sum;
  });
  return placement + Math.max(...likelihoods);
}

function likelihood(character: string): number {
  if (MARKS.has(character)) return MARK;
  return /\p{L}/u.test(character) && /\p{Script=Latin}/u.test(character) ? FOREIGN : STRANGE;
}

/** Where marks stand: the mark between what is before and after it. */
const PLACES =
  /[\p{L}]’\p{L}|[\s(]["“‘„«¿¡]\p{L}|[\p{L}.,!?][”’»](?:[\s.,;)]|$)|\s[–—]\s|\p{L}…|[£€][\s\d]|[\s\d][£€]|\d[°½¼¾²³]|[§©]\s/u;

/** What a character's neighbours say of it: a mark's place; a capital in a word, a small letter in capitals, a digit. */
function placementOf(character: string, small: string, before: string, after: string): number {
  if (!/\p{L}/u.test(character)) {
    if (PLACES.test(before + character + after)) return WELL_PLACED;
    const isWithin = /\p{L}/u.test(before) && /\p{L}/u.test(after) && !/[’‘·\u00ad]/.test(character);
    return isWithin ? MISPLACED_MARK : 0;
  }
  const besideDigit = /\d/.test(before) || /\d/.test(after) ? BESIDE_DIGIT : 0;
  if (character !== small) return besideDigit + (/\p{Ll}/u.test(before) ? MISPLACED_CAPITAL : 0);
  const amongCapitals = /\p{Lu}/u.test(before) && /\p{Lu}/u.test(after) && !/[ßıªº]/.test(character);
  return besideDigit + (amongCapitals ? MISPLACED_SMALL : 0);
}
