/** Why a token is likely, in two sentences: the part that decides, and what the training text has. */
import type { Explanation } from "../../run/protocol.ts";
import { whole } from "../../widgets/numbers.ts";

/** Less than this, in probability, decides nothing. */
const MIN_FALL = 0.01;

/** A probability in percent, with one digit after the point. */
export const percent = (probability: number): string => `${(100 * probability).toFixed(1)} %`;

/** The part without which the token is least likely. @param next the token's name, such as "u". */
export function decidingPart({ parts, probability }: Pick<Explanation, "parts" | "probability">, next: string): string {
  const [first] = parts.toSorted((a, b) => (a.probabilityWithout ?? 1) - (b.probabilityWithout ?? 1));
  const without = first?.probabilityWithout ?? null;
  if (without === null || probability - without < MIN_FALL)
    return `No single part decides: without any one of them, ${next} stays about as likely (${percent(probability)}) or becomes likelier.`;
  return `Mostly ${first.name}: without it, ${next} falls from ${percent(probability)} to ${percent(without)}.`;
}

/** What the training text has. @param token the name of the token before, such as "q". @param next that of the explained one. */
export function seenText({ count, total }: Explanation["seen"], token: string, next: string): string {
  if (total === 0) return `The training text has no ${token} before another token.`;
  return `In the training text, ${whole(count)} of ${whole(total)} ${token} are followed by ${next}.`;
}
