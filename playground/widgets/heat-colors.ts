/** Numbers as colours: from the card's colour at 0 to a colour for plus and one for minus. */

/** Red, green, blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** The colours of a scale, from the tokens of the theme. */
export interface Palette {
  readonly zero: Rgb;
  readonly positive: Rgb;
  readonly negative: Rgb;
}

/**
 * `#0b64a8` → [11, 100, 168]; `#fff`, which the build shortens, → [255, 255, 255]. Throws RangeError for anything else: the
 * tokens are hexadecimal.
 */
export function parseColor(text: string): Rgb {
  const digits = text.trim().replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
  const number = /^#[0-9a-f]{6}$/i.test(digits) ? Number.parseInt(digits.slice(1), 16) : null;
  if (number === null) throw new RangeError(`color: got ${text}, expected #rrggbb`);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** The palette in force at an element. */
export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const color = (token: string): Rgb => parseColor(style.getPropertyValue(token));
  return { zero: color("--card"), positive: color("--positive"), negative: color("--negative") };
}

/** The largest distance from 0 of a finite number; 0 if there is none. */
export function largestOf(data: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]);
    if (size > largest && size < Infinity) largest = size;
  }
  return largest;
}

/**
 * Pixels [data.length · 4], red, green, blue, opaque. The colour's share grows with the distance from 0 and is full at
 * `max`. A number that is not finite is transparent.
 */
export function paint(data: ArrayLike<number>, max: number, palette: Palette): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!Number.isFinite(value)) continue;
    const share = max > 0 ? Math.min(1, Math.abs(value) / max) : 0;
    const end = value < 0 ? palette.negative : palette.positive;
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = palette.zero[c] + share * (end[c] - palette.zero[c]);
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}
