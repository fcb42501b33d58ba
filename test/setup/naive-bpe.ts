/** Byte pair encoding as the reference does it, without a thought for time: the oracle of the quick one. */

/** Every merge counts all pairs of all words anew; the most frequent pair wins, of several the one met first. */
export function naiveMerges(
  words: readonly (readonly [symbols: readonly string[], count: number])[],
  max: number,
): string[][] {
  let current = words.map(([symbols, count]) => [[...symbols], count] as const);
  const merges: string[][] = [];
  while (merges.length < max) {
    const counts = new Map<string, [pair: string[], count: number]>();
    for (const [symbols, count] of current) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        const pair = [symbols[i], symbols[i + 1]];
        const entry = counts.get(JSON.stringify(pair)) ?? [pair, 0];
        entry[1] += count;
        counts.set(JSON.stringify(pair), entry);
      }
    }
    let best: [pair: string[], count: number] | null = null;
    for (const entry of counts.values()) if (best === null || entry[1] > best[1]) best = entry;
    if (best === null) break;
    const [pair] = best;
    merges.push(pair);
    current = current.map(([symbols, count]) => [naiveMerge(symbols, pair), count] as const);
  }
  return merges;
}

/** From left to right, wherever the pair stands. */
export function naiveMerge(symbols: readonly string[], [left, right]: readonly string[]): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const isPair = symbols[i] === left && symbols[i + 1] === right;
    merged.push(isPair ? left + right : symbols[i]);
    if (isPair) i++;
  }
  return merged;
}

/** Every merge in turn over the whole piece. */
export const naiveApply = (symbols: readonly string[], merges: readonly (readonly string[])[]): string[] =>
  merges.reduce<string[]>((current, merge) => naiveMerge(current, merge), [...symbols]);
