/** Numbers of 16 bits (IEEE 754 binary16), for JavaScript engines that have no Float16Array yet. */

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The 16 bits that are nearest to a number; of two equally near ones, the even. */
export function toHalf(value: number): number {
  float[0] = value;
  const [bits] = word;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // no number
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // too large
  // Below 2^-14 the step between numbers is 2^-24, whatever their size.
  if (magnitude < 0x38800000) return sign | roundEven(Math.abs(float[0]) * 2 ** 24);
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

function roundEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

export function fromHalf(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
