/** What people type for the name of an option or a command: other programs' names for it, and slips of the hand. */

/** Names that other programs have for an option of ours → the option. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  steps: "num-steps",
  iters: "num-steps",
  "max-iters": "num-steps",
  lr: "learning-rate",
  layers: "n-layer",
  depth: "n-layer",
  heads: "n-head",
  embd: "n-embd",
  width: "n-embd",
  context: "block-size",
  merges: "bpe-merges",
  output: "out",
};

/** What to do about a name that no option has, as half a sentence; null: nothing is known of it. @param typed `lr`. */
export function adviceOn(typed: string, known: readonly string[]): string | null {
  if (typed === "epochs" && known.includes("num-steps"))
    return "use --num-steps; --dry-run says how many passes over the text the steps make";
  const meant = OTHER_NAMES[typed];
  return meant !== undefined && known.includes(meant) ? `use --${meant}` : null;
}

/** The names that `typed` is a slip or two away from, the nearest first: `smaple` → `sample`. */
export function nearNames(typed: string, names: readonly string[]): string[] {
  const most = Math.max(1, Math.floor(typed.length / 3));
  return names
    .map((name) => ({ name, distance: slips(typed, name) }))
    .filter(({ distance }) => distance <= most)
    .toSorted((a, b) => a.distance - b.distance)
    .map(({ name }) => name);
}

/** Characters inserted, deleted, replaced or swapped with their neighbour: the optimal string alignment distance. */
function slips(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array.from({ length: b.length }, () => 0)]);
  for (let j = 1; j <= b.length; j++) table[0][j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = table[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? table[i - 2][j - 2] + 1 : Infinity;
      table[i][j] = Math.min(table[i - 1][j] + 1, table[i][j - 1] + 1, replaced, swapped);
    }
  }
  return table[a.length][b.length];
}
