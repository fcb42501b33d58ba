/** Tokens as the page shows them, and the text that a row of tokens stands for. */
import type { TokenizerKind } from "../../../src/index.ts";
import { visibleSpaces } from "../../widgets/visible-spaces.ts";

/** A token for display: `<bos>` → BOS, a space → ␣. */
export const shownToken = (token: string): string => (token === "<bos>" ? "BOS" : visibleSpaces(token));

/**
 * The text of tokens, BOS left out: `["<bos>", "a", "d"]` → `ad`. For byte pairs it is a guess, since their tokens are shown
 * with marks: compare the ids.
 */
export function textOf(tokens: readonly string[], kind: TokenizerKind): string {
  const own = tokens.filter((token) => token !== "<bos>");
  if (kind === "word") return own.join(" ");
  return own.join("").replaceAll("</w>", " ").trimEnd();
}
