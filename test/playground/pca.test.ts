import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { project } from "../../playground/pages/inside/pca.ts";
import type { Rows } from "../../playground/pages/inside/pca.ts";
import { Random } from "../../src/random.ts";

const rowsOf = (matrix: readonly (readonly number[])[]): Rows => ({
  data: matrix.flat(),
  rows: matrix.length,
  columns: matrix[0].length,
});
const sumOfSquares = (numbers: Iterable<number>): number => [...numbers].reduce((sum, x) => sum + x * x, 0);

/** The two largest variances of rows and their sum, from the eigenvalues of XᵀX by Jacobi's rotations. */
function variances({ data, rows, columns }: Rows): { first: number; second: number; total: number } {
  const mean = Array.from({ length: columns }, (_, c) => {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += data[r * columns + c];
    return sum / rows;
  });
  const a = Array.from({ length: columns }, (_i, i) =>
    Array.from({ length: columns }, (_j, j) => {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += (data[r * columns + i] - mean[i]) * (data[r * columns + j] - mean[j]);
      return sum;
    }),
  );
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        const angle = 0.5 * Math.atan2(2 * a[p][q], a[q][q] - a[p][p]);
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < columns; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        for (let k = 0; k < columns; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
      }
    }
  }
  const sorted = a.map((row, i) => row[i]).toSorted((x, y) => y - x);
  return { first: sorted[0], second: sorted[1], total: sorted.reduce((sum, x) => sum + x, 0) };
}

describe("two principal axes", () => {
  test("of a cross in space they are its two long arms, and the short one is what is not explained", () => {
    // Arms of half length 3, 2 and 1 along orthogonal directions: variances 18, 8 and 2 of 28.
    const [u, v, w] = [
      [1, 2, 2],
      [2, 1, -2],
      [2, -2, 1],
    ].map((direction) => direction.map((x) => x / 3));
    const arms = [
      [3, u],
      [2, v],
      [1, w],
    ] as const;
    const cross = arms.flatMap(([length, d]) => [d.map((x) => 5 + length * x), d.map((x) => 5 - length * x)]);
    const { points, explained, axes } = project(rowsOf(cross), null);
    expect(explained).toEqual([expect.closeTo(18 / 28, 9), expect.closeTo(8 / 28, 9)]);
    expect(Math.abs(axes[0].reduce((sum, x, i) => sum + x * u[i], 0))).toBeCloseTo(1, 9);
    expect(Math.abs(axes[1].reduce((sum, x, i) => sum + x * v[i], 0))).toBeCloseTo(1, 9);
    expect(Array.from(points, Math.abs)).toEqual([3, 0, 3, 0, 0, 2, 0, 2, 0, 0, 0, 0].map((x) => expect.closeTo(x, 5)));
  });

  test("they explain what Jacobi's rotations say, to 1e-3", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 30 }),
        fc.integer({ min: 2, max: 8 }),
        fc.nat(1e6),
        (rows, columns, seed) => {
          const random = new Random(seed);
          const matrix = { data: Array.from({ length: rows * columns }, () => random.gauss(0, 1)), rows, columns };
          const { first, second, total } = variances(matrix);
          const { explained, axes } = project(matrix, null);
          expect(Math.abs(explained[0] - first / total)).toBeLessThan(1e-3);
          expect(Math.abs(explained[1] - second / total)).toBeLessThan(1e-3);
          expect(axes[0].reduce((sum, x, i) => sum + x * axes[1][i], 0)).toBeCloseTo(0, 9);
        },
      ),
    );
  });

  test("points keep their sides from one moment to the next", () => {
    const random = new Random(1);
    const matrix = Array.from({ length: 20 }, () => [random.gauss(0, 3), random.gauss(0, 1), random.gauss(0, 0.2)]);
    const turned = project(rowsOf(matrix), null);
    // An axis and its opposite are as good; the next projection keeps the one that it is given.
    const opposite = turned.axes.map((axis) => axis.map((x) => -x)) as [Float64Array, Float64Array];
    const later = matrix.map((row) => row.map((x) => x + random.gauss(0, 0.01)));
    const { points } = project(rowsOf(later), opposite);
    expect(sumOfSquares(points.map((x, i) => x + turned.points[i]))).toBeLessThan(0.05 * sumOfSquares(points));
  });

  test("rows that are the same are one point, and rows on a line have one axis", () => {
    const same = project(
      rowsOf([
        [1, 2],
        [1, 2],
      ]),
      null,
    );
    expect([[...same.points], same.explained]).toEqual([
      [0, 0, 0, 0],
      [0, 0],
    ]);
    const line = project(
      rowsOf([
        [0, 0],
        [1, 1],
        [2, 2],
      ]),
      null,
    );
    expect(line.explained).toEqual([expect.closeTo(1, 9), expect.closeTo(0, 9)]);
  });
});
