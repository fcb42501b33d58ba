/** What a head reads, in four shares: the token itself, the one before it, BOS, and the rest. */

/** Shares of attention, averaged over the tokens of a text; they sum to 1. */
export interface HeadShares {
  /** Of each token to itself. */
  readonly self: number;
  /** To the token before it, where that is not BOS. */
  readonly before: number;
  readonly bos: number;
  /** To all other earlier tokens. */
  readonly others: number;
}

/** The shares of a head; null for a text without a token after BOS. @param attention [T · T], row = query. @param length T. */
export function headShares(attention: ArrayLike<number>, length: number): HeadShares | null {
  if (length < 2) return null;
  let [self, before, bos] = [0, 0, 0];
  for (let t = 1; t < length; t++) {
    const row = t * length;
    self += attention[row + t];
    before += t > 1 ? attention[row + t - 1] : 0;
    bos += attention[row];
  }
  const queries = length - 1;
  return {
    self: self / queries,
    before: before / queries,
    bos: bos / queries,
    others: 1 - (self + before + bos) / queries,
  };
}

const percent = (share: number): string => `${Math.round(100 * Math.max(share, 0))} %`;

/** The shares in words. */
export const sharesText = ({ self, before, bos, others }: HeadShares): string =>
  `${percent(self)} to the token itself, ${percent(before)} to the one before, ${percent(bos)} to BOS, ${percent(others)} to others`;
