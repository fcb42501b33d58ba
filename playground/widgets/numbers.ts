/** How the playground writes numbers. */

/** A number in about four digits, with a real minus sign: "0.1235", "−1.2e−5". */
export function short(number: number): string {
  if (number === 0) return "0";
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "not a number" : `${number < 0 ? "−" : ""}∞`;
  const size = Math.abs(number);
  const text = size < 1e-3 || size >= 1e5 ? number.toExponential(2) : number.toPrecision(4);
  return text.replaceAll("-", "−").replace("e+", "e");
}

/** A number with all of its digits, and a real minus sign. */
export const exact = (number: number): string => String(number).replaceAll("-", "−");

/** "1 value", "2 values". */
export const counted = (count: number, noun: string): string => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A number within a product: negative ones in brackets. */
export const factor = (number: number): string => (number < 0 ? `(${short(number)})` : short(number));

/** A whole number with a comma before every three digits. */
export const whole = (number: number): string => number.toLocaleString("en-US");

/** For axes, legends and tables: four significant digits, thousands and millions by letter: `1500000` → `1.5M`, `2.30259` → `2.303`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(4)));
}
