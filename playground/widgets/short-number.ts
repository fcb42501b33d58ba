/** Numbers as axes, legends and tables of the playground show them. */

/** Four significant digits, thousands and millions by letter: `1500000` → `1.5M`, `0.25` → `0.25`, `2.30259` → `2.303`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(4)));
}
