/** Conversion between JavaScript numbers and f16 (IEEE 754 binary16), since not every engine has Float16Array yet. */

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The bits of the f16 nearest to a number, ties to even: 1 → 0x3c00, 1e6 → 0x7c00 (∞). Rounds to f32 first. */
export function toHalf(value: number): number {
  float[0] = value;
  const [bits] = word;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to infinity
  // Below 2^-14 numbers are subnormal: multiples of 2^-24.
  if (magnitude < 0x38800000) return sign | roundEven(Math.abs(float[0]) * 2 ** 24);
  // Rebias the exponent (127 → 15) and round off 13 bits of the fraction; a carry into the exponent is right.
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

/** Rounds to the nearest integer, ties to even. */
function roundEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** The number that the bits of an f16 stand for, exactly: 0x3c00 → 1. */
export function fromHalf(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
