/** Names that a typed one is a slip of the hand away from: of commands, and of runs. */
import { distance } from "fastest-levenshtein";

const MOST_NAMES = 3;

/** The names that are two letters, or a third of all, away at most, the nearest first. Two swapped letters are two away. */
export function nearNames(typed: string, names: readonly string[]): string[] {
  const most = Math.min(Math.max(2, Math.floor(typed.length / 3)), typed.length - 1);
  return names
    .map((name) => ({ name, slips: distance(typed, name) }))
    .filter(({ slips }) => slips <= most)
    .toSorted((a, b) => a.slips - b.slips || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name)
    .slice(0, MOST_NAMES);
}
