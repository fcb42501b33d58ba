/** Tokens as the page shows them. */
import { visibleSpaces } from "./visible-spaces.ts";

/** A token for display: `<bos>` → BOS, a space → ␣. */
export const shownToken = (token: string): string => (token === "<bos>" ? "BOS" : visibleSpaces(token));
