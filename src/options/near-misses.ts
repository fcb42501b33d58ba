/** What people type for the name of an option: other programs' names for it. */

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
