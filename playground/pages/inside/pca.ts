/**
 * Principal components: the two directions in which rows of numbers differ most (Pearson 1901), by power iteration. No
 * covariance matrix is formed: each iteration multiplies by the centred rows and by their transpose.
 */

/** Enough where the leading variances differ by a few percent; a plot needs no more. */
const MAX_ITERATIONS = 300;
/** Done when an iteration turns the axis by less: 1 − cos of the angle. */
const SMALL_TURN = 1e-13;
/** What is left of a vector by rounding alone, relative to its length. */
const ROUNDING = 1e-9;

/** Rows of numbers. */
export interface Rows {
  /** [rows · columns], row-major. */
  readonly data: ArrayLike<number>;
  readonly rows: number;
  readonly columns: number;
}

/** The rows in two dimensions. */
export interface Projection {
  /** Coordinates, [rows · 2]. */
  readonly points: Float64Array;
  /** The share of the rows' variance along each axis; 0 if they do not differ. */
  readonly explained: readonly [first: number, second: number];
  /** The axes, [columns] each, of length 1, to begin the next projection with: signs then stay as they are. */
  readonly axes: readonly [first: Float64Array, second: Float64Array];
}

/** Projects rows on their two principal axes. @param before axes of an earlier projection of similar rows. */
export function project(rows: Rows, before: Projection["axes"] | null): Projection {
  const centered = centeredRows(rows);
  const total = centered.data.reduce((sum, value) => sum + value ** 2, 0);
  const first = principalAxis(centered, before?.[0] ?? null, null);
  const second = principalAxis(centered, before?.[1] ?? null, first);
  const along = [first, second].map((axis) => times(centered, axis));
  const points = new Float64Array(2 * rows.rows);
  along.forEach((coordinates, a) => coordinates.forEach((value, r) => (points[2 * r + a] = value)));
  const [one, two] = along.map((coordinates) => (total === 0 ? 0 : dot(coordinates, coordinates) / total));
  return { points, explained: [one, two], axes: [first, second] };
}

interface Centered extends Rows {
  readonly data: Float64Array;
}

function centeredRows({ data, rows, columns }: Rows): Centered {
  const centered = Float64Array.from(data);
  for (let c = 0; c < columns; c++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += data[r * columns + c];
    for (let r = 0; r < rows; r++) centered[r * columns + c] -= sum / rows;
  }
  return { data: centered, rows, columns };
}

/** The direction of the largest variance among those orthogonal to `other`. */
function principalAxis(rows: Centered, start: Float64Array | null, other: Float64Array | null): Float64Array {
  // Any start serves that is not orthogonal to the answer; irregular numbers hardly ever are.
  let axis = unit(start?.slice() ?? Float64Array.from({ length: rows.columns }, (_, c) => Math.sin(c + 1)), other);
  for (let i = 0; i < MAX_ITERATIONS; i++) {
    const next = unit(transposeTimes(rows, times(rows, axis)), other);
    // No variance is left: every direction is as good.
    if (dot(next, next) === 0) return axis;
    const turn = 1 - Math.abs(dot(next, axis));
    axis = next;
    if (turn < SMALL_TURN) break;
  }
  return axis;
}

/** Made orthogonal to `other`, then of length 1; 0 where nothing is left. */
function unit(vector: Float64Array, other: Float64Array | null): Float64Array {
  const before = length(vector);
  if (other !== null) {
    const share = dot(vector, other);
    for (let c = 0; c < vector.length; c++) vector[c] -= share * other[c];
  }
  const after = length(vector);
  return after <= ROUNDING * before ? vector.fill(0) : vector.map((value) => value / after);
}

const length = (vector: Float64Array): number => Math.sqrt(dot(vector, vector));

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** X · v: [rows, columns], [columns] → [rows]. */
function times({ data, rows, columns }: Centered, vector: Float64Array): Float64Array {
  return Float64Array.from({ length: rows }, (_, r) => dot(data.subarray(r * columns, (r + 1) * columns), vector));
}

/** Xᵀ · v: [rows, columns], [rows] → [columns]. */
function transposeTimes({ data, rows, columns }: Centered, vector: Float64Array): Float64Array {
  const result = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c] += vector[r] * data[r * columns + c];
  return result;
}
