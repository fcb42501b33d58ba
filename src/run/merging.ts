/** The merges that a tokenizer learns, for display. */
import { showEnd } from "../text/tokenizers/bpe.ts";
import { showBytes } from "../text/tokenizers/byte-bpe.ts";
import type { MergeEvent } from "../text/tokenizers/learn-merges.ts";
import type { TokenizerKind } from "../text/tokenizer.ts";

/** A merge that has just been learnt. */
export interface MergeReport extends MergeEvent {
  /** The kind of tokenizer that learns it. */
  readonly kind: TokenizerKind;
}

/** Merges of one tokenizer that are told where each would be too many. */
const TOLD = 5;

/** Whether a merge is among the few that are told: one in each fifth. `count` of 1,000: 200, 400, … */
export const isTold = ({ count, total }: MergeEvent): boolean =>
  Math.floor((TOLD * count) / total) > Math.floor((TOLD * (count - 1)) / total);

/** The two tokens and the new one, as they are shown. */
export function mergedTexts({ kind, left, right }: MergeReport): { left: string; right: string; token: string } {
  const show = kind === "byte-bpe" ? showBytes : showEnd;
  return { left: show(left), right: show(right), token: show(left + right) };
}

/** `merge 200/1000  'th' + 'e' → 'the'` */
export function mergeText(merge: MergeReport): string {
  const { left, right, token } = mergedTexts(merge);
  return `merge ${merge.count}/${merge.total}  '${left}' + '${right}' → '${token}'`;
}
