// Products in C, with the tiles of the native backend, for benchmarks of kernels: against a loop of multiply-adds in the same
// vectors, which is what a core can do.
import { packText, productText, TILES, TRANSPOSE } from "../dist/backend/native/products.js";
import { VECTORS } from "../dist/backend/native/vectors.js";
import { Random } from "../dist/index.js";
import { COMPILE } from "./native.mjs";
import { milliseconds } from "./measure.mjs";

/** Chains of multiply-adds: more than a core works on at once, and few enough for 16 registers. */
const CHAINS = 12;
const ROUNDS = 5e6;

const each = (text) => Array.from({ length: CHAINS }, (_, i) => text(i)).join(" ");

const PEAK = `/* Starts from memory, so that no compiler knows the result. */
void peak(float *numbers, int64_t rounds) {
  V factor = load(numbers);
  ${each((i) => `V c${i} = load(numbers + ${i});`)}
  for (long i = 0; i < rounds; i++) { ${each((i) => `c${i} = c${i} * factor + factor;`)} }
  ${each((i) => `store(numbers + ${i} * LANES, c${i});`)}
}
int32_t lanes(void) { return LANES; }
`;

/** A product of [rows, k] and [columns, k], the second packed each time. All are multiples of 16. */
const textOf = ({ k, columns }) => {
  const shape = { k, columns, aRow: k, cRow: columns, bRow: null, relu: false, plusRow: null, gateRow: null };
  const name = `${k}x${columns}`;
  return `${productText(`product_${name}`, shape)}${packText(`pack_${name}`, k)}
void run_${name}(float *a, float *b, float *packed, float *c, int64_t rows) {
  pack_${name}(b, packed, ${columns});
  product_${name}(a, packed, c, rows, 0, 0);
}
`;
};

function measuredProduct(library, { rows, k, columns }) {
  const random = new Random(1);
  const matrix = (size) => Float32Array.from({ length: size }, () => random.random() - 0.5);
  const [a, b, packed, c] = [matrix(rows * k), matrix(columns * k), matrix(columns * k), matrix(rows * columns)];
  const multiply = library.func(`void run_${k}x${columns}(float *a, float *b, float *packed, float *c, int64_t rows)`);
  const work = () => multiply(a, b, packed, c, rows);
  work();
  const [row, column] = [rows - 1, columns - 2];
  const expected = a.subarray(row * k, (row + 1) * k).reduce((sum, value, i) => sum + value * b[column * k + i], 0);
  const apart = Math.abs(c[row * columns + column] - expected);
  if (!(apart < 1e-3)) throw new Error(`bench: a native product of ${rows}, ${k}, ${columns} is ${apart} off`);
  const count = Math.max(1, Math.round(1e9 / (rows * k * columns)));
  const many = () => {
    for (let i = 0; i < count; i++) work();
  };
  return () => (2 * rows * k * columns * count) / milliseconds(many) / 1e6;
}

/**
 * Resolves to `{ bits, peak, products }`: functions that measure GFLOP/s on one thread, in the order of `shapes`
 * (`{ rows, k, columns }`, packing included); null where there is no compiler.
 */
export async function nativeProducts(shapes) {
  if (COMPILE === null) return null;
  const texts = new Map(shapes.map((shape) => [`${shape.k}x${shape.columns}`, textOf(shape)]));
  const library = await COMPILE(VECTORS + TILES + TRANSPOSE + [...texts.values()].join("") + PEAK);
  const peak = library.func("void peak(float *numbers, int64_t rounds)");
  const lanes = library.func("int32_t lanes(void)")();
  const numbers = new Float32Array(CHAINS * lanes).fill(0.5);
  return {
    bits: 32 * lanes,
    peak: () => (CHAINS * 2 * lanes * ROUNDS) / milliseconds(() => peak(numbers, ROUNDS)) / 1e6,
    products: shapes.map((shape) => measuredProduct(library, shape)),
  };
}
