/**
 * Matrix products in C: C [M, N] = A [M, K] · B [K, N], for linear layers forward and backward, and the packing of
 * weights. A tile of 12 rows × 2 vectors of C stays in registers while k runs (6 × 2 where vectors have half the width,
 * for there are half as many registers):
 *
 *                      B: 2 · LANES columns
 *                    k [ b0        b1      ]   2 loads
 *           k
 *     A   [ a0  ]      [ c00       c01     ]
 *         [ a1  ]      [ c10       c11     ]   c[r][v] += a[r] · b[v]: 24 sums
 *           …                …
 *         [ a11 ]      [ c11,0     c11,1   ]
 *
 * Each entry of C is one sum in the order of k, whatever its tile: results do not depend on how rows are divided.
 */
import { roundUp } from "../../tensor/instructions.ts";
import { range, WIDEST } from "./vectors.ts";

/** Most rows of a tile: with 16 lanes there are 32 registers, else 16. */
const [WIDE_ROWS, NARROW_ROWS] = [12, 6];
/** Rows of the tiles for the last rows of a matrix, fewer than all numbers: the compiler takes a while for each. */
const LAST_ROWS = [6, 3, 2, 1];
/** Number of k after which a tile is written back, so that the panel of B stays in the second-level cache. */
const [BLOCK_K, BLOCK_TOKENS] = [512, 256];

/**
 * A tile of C. One pointer per four rows of A: with two registers for the distances, every number has an address.
 * @param finishes whether it takes an epilogue and applies it, while the tile is in registers.
 */
function tile(name: string, rows: number, vectors: number, finishes = false): string {
  const eachSum = (line: (r: number, v: number) => string): string =>
    range(rows)
      .map(
        (r) =>
          `    ${range(vectors)
            .map((v) => line(r, v))
            .join(" ")}`,
      )
      .join("\n");
  const sums = range(rows).flatMap((r) => range(vectors).map((v) => `c${r}_${v}`));
  const bases = range(Math.ceil(rows / 4));
  const a = (r: number): string => `a${r >> 2}[${r & 3} * aRow]`;
  const at = (r: number, v: number): string => `c + ${r} * cRow + ${v} * LANES`;
  const finishing = `  if (f->gate != 0) {
${eachSum((r, v) => `c${r}_${v} = where_positive(load(f->gate + ${r} * f->gateRow + ${v} * LANES), c${r}_${v});`)}
  }
  if (f->relu) {
${eachSum((r, v) => `c${r}_${v} = where_positive(c${r}_${v}, c${r}_${v});`)}
  }
  if (f->plus != 0) {
${eachSum((r, v) => `c${r}_${v} += load(f->plus + ${r} * f->plusRow + ${v} * LANES);`)}
  }
`;
  return `${finishes ? "INLINE" : "KERNEL"} void ${name}(${TILE_PARAMETERS}${finishes ? ", const Epilogue *f" : ""}) {
  V ${sums.join(", ")};
  if (add) {
${eachSum((r, v) => `c${r}_${v} = load(${at(r, v)});`)}
  } else {
    ${sums.join(" = ")} = splat(0);
  }
  const float ${bases.map((i) => `*a${i} = a + ${4 * i} * aRow`).join(", ")};
  for (long i = 0; i < k; i++) {
    V b_0 = load(b)${vectors === 2 ? ", b_1 = load(b1)" : ""};
${eachSum((r, v) => `c${r}_${v} += ${a(r)} * b_${v};`)}
    ${bases.map((i) => `a${i} += aStep;`).join(" ")}
    b += bStep;${vectors === 2 ? "\n    b1 += bStep;" : ""}
  }
${finishes ? finishing : ""}${eachSum((r, v) => `store(${at(r, v)}, c${r}_${v});`)}
}
`;
}

const TILE_PARAMETERS =
  "const float *a, long aRow, long aStep, const float *b, const float *b1, long bStep, float *c, long cRow, long k, int add";
const TILE_ARGUMENTS = "a, aRow, aStep, b, b1, bStep, c, cRow, k, add";

/** For each width of vectors, the text for tiles of at most so many rows. */
const byWidth = (text: (most: number) => string): string =>
  `#if LANES == 16\n${text(WIDE_ROWS)}#else\n${text(NARROW_ROWS)}#endif\n`;

/** What is done to a tile of C that is complete: it becomes 0 where the gate is not above 0, max(0, C), C + plus. */
const EPILOGUE: string = `#define TILE (LANES == 16 ? ${WIDE_ROWS} : ${NARROW_ROWS})
typedef struct {
  const float *gate, *plus; /* of the tile; 0: none */
  long gateRow, plusRow;
  int relu;
} Epilogue;
static inline V where_positive(V a, V v) { return (V)((I)v & (a > 0)); }
/* Fetches what the epilogue reads, while the tile is computed. */
INLINE void prefetch(const Epilogue *f, long rows) {
  for (long r = 0; r < rows; r++) {
    if (f->gate != 0) __builtin_prefetch(f->gate + r * f->gateRow), __builtin_prefetch(f->gate + r * f->gateRow + LANES);
    if (f->plus != 0) __builtin_prefetch(f->plus + r * f->plusRow), __builtin_prefetch(f->plus + r * f->plusRow + LANES);
  }
}
/* For the last rows, which are in memory. */
KERNEL void finish_rows(float *c, long cRow, long rows, long columns, const Epilogue *f) {
  if (f->gate == 0 && f->relu == 0 && f->plus == 0) return;
  for (long r = 0; r < rows; r++) for (long j = 0; j < columns; j += LANES) {
    V v = load(c + r * cRow + j);
    if (f->gate != 0) v = where_positive(load(f->gate + r * f->gateRow + j), v);
    if (f->relu) v = where_positive(v, v);
    if (f->plus != 0) v += load(f->plus + r * f->plusRow + j);
    store(c + r * cRow + j, v);
  }
}
`;

/** All rows of A with a panel of B of one or two vectors. */
const panelText = (
  vectors: number,
): string => `KERNEL void panel_${vectors}(${TILE_PARAMETERS}, long rows, Epilogue f) {
  for (; rows > 0; rows -= TILE) {
    if (k >= 64) prefetch(&f, least(rows, TILE)); /* else there is no time for it */
    if (rows >= TILE) {
      full_tile_${vectors}(${TILE_ARGUMENTS}, &f);
    } else {
      last_rows_${vectors}(${TILE_ARGUMENTS}, rows);
      finish_rows(c, cRow, rows, ${vectors} * LANES, &f);
    }
    a += TILE * aRow;
    c += TILE * cRow;
    if (f.gate != 0) f.gate += TILE * f.gateRow;
    if (f.plus != 0) f.plus += TILE * f.plusRow;
  }
}
`;

/** The tiles, and the functions panel_1 and panel_2. */
export const TILES: string =
  EPILOGUE +
  byWidth((most) =>
    [1, 2]
      .map((vectors) => {
        const rows = LAST_ROWS.filter((r) => r < most);
        const tiles = rows.map((r) => tile(`tile_${r}x${vectors}`, r, vectors));
        const calls = rows.map(
          (r) => `  if (rows >= ${r}) {
    tile_${r}x${vectors}(${TILE_ARGUMENTS});
    a += ${r} * aRow;
    c += ${r} * cRow;
    rows -= ${r};
  }`,
        );
        return `${tiles.join("")}${tile(`full_tile_${vectors}`, most, vectors, true)}static void last_rows_${vectors}(${TILE_PARAMETERS}, long rows) {
${calls.join("\n")}
}
`;
      })
      .join(""),
  ) +
  panelText(1) +
  panelText(2);

/** The shape of rows times a weight. */
export interface ProductShape {
  /** Columns of A, rows of B. */
  readonly k: number;
  /** Columns of C and B, a multiple of 16. */
  readonly columns: number;
  /** Numbers from row to row of A. */
  readonly aRow: number;
  /** Numbers from row to row of C. */
  readonly cRow: number;
  /** Numbers from row to row of B; null: B is packed in panels of LANES columns. */
  readonly bRow: number | null;
  /** Whether the product becomes max(0, product). */
  readonly relu: boolean;
  /** Numbers from row to row of what is added to the product; null: nothing is. */
  readonly plusRow: number | null;
  /** Numbers from row to row of the gate: the product becomes 0 where it is not above 0; null: there is none. */
  readonly gateRow: number | null;
}

/** A function (a, b, c, rows, plus, gate): c [rows, columns] = a · B, then gate, relu and plus. */
export function productText(name: string, shape: ProductShape): string {
  const { k, columns, aRow, cRow, bRow, relu, plusRow, gateRow } = shape;
  // In panels, the vector of column j begins at (j / LANES) · (depth · LANES).
  const depth = roundUp(k, WIDEST);
  const [atColumn, nextVector, step] =
    bRow === null ? [`column * ${depth}`, `${depth} * LANES`, "LANES"] : ["column", "LANES", `${bRow}`];
  const panel = (vectors: number): string =>
    `panel_${vectors}(a + i, ${aRow}, 1, from, from + ${nextVector}, ${step}, c + column, ${cRow}, least(${BLOCK_K}, ${k} - i), i > 0, rows, f);`;
  const last = k <= BLOCK_K ? "" : `if (i + ${BLOCK_K} >= ${k}) `;
  return `KERNEL void ${name}(const float *a, const float *b, float *c, long rows, const float *plus, const float *gate) {
  for (long column = 0; column < ${columns}; column += 2 * LANES) {
    for (long i = 0; i < ${k}; i += ${BLOCK_K}) {
      const float *from = b + ${atColumn} + i * ${step};
      Epilogue f = {0};
      ${last}f = (Epilogue){${gateRow === null ? "0" : "gate + column"}, ${plusRow === null ? "0" : "plus + column"}, ${gateRow ?? 0}, ${plusRow ?? 0}, ${relu ? 1 : 0}};
      if (column + LANES < ${columns}) ${panel(2)}
      else ${panel(1)}
    }
  }
}
`;
}

/** The shape of a weight's gradient. */
export interface WeightGradShape {
  /** Columns of the weight, rounded up to 16. */
  readonly columns: number;
  /** Numbers from row to row of the output's gradient. */
  readonly dOutRow: number;
  /** Numbers from row to row of the layer's input. */
  readonly xRow: number;
  /** Numbers from row to row of the weight's gradient. */
  readonly gradRow: number;
}

/**
 * A function (dOut, x, grad, rows, tokens, add): grad [rows, columns] = [grad +] dOutᵀ · x. A tile of dOut is packed
 * first: its columns are the rows of A, and each of its numbers is read columns / (2 · LANES) times.
 */
export function weightGradText(name: string, { columns, dOutRow, xRow, gradRow }: WeightGradShape): string {
  const panel = (vectors: number): string =>
    `panel_${vectors}(a, 1, TILE, from, from + LANES, ${xRow}, to, ${gradRow}, count, add || t > 0, least(TILE, rows - row), (Epilogue){0});`;
  return `KERNEL void ${name}(const float *dOut, const float *x, float *grad, long rows, long tokens, int add) {
  float a[${BLOCK_TOKENS} * TILE + LANES];
  for (long t = 0; t < tokens; t += ${BLOCK_TOKENS}) {
    const long count = least(${BLOCK_TOKENS}, tokens - t);
    for (long row = 0; row < rows; row += TILE) {
      for (long i = 0; i < count; i++) for (long r = 0; r < TILE; r += LANES) {
        store(a + i * TILE + r, load(dOut + (t + i) * ${dOutRow} + row + r)); /* the next token's overwrite the rest */
      }
      for (long column = 0; column < ${columns}; column += 2 * LANES) {
        const float *from = x + t * ${xRow} + column;
        float *to = grad + row * ${gradRow} + column;
        if (column + LANES < ${columns}) ${panel(2)}
        else ${panel(1)}
      }
    }
  }
}
`;
}

/**
 * A function (weight, packed, rows): weight [rows, columns] → panels [rows / LANES][columns][LANES], so that the outputs
 * of a vector lie side by side. `rows` is a multiple of 16, as are columns; squares are transposed in registers.
 */
export const packText = (
  name: string,
  columns: number,
): string => `KERNEL void ${name}(const float *weight, float *packed, long rows) {
  for (long row = 0; row < rows; row += LANES) {
    for (long column = 0; column < ${columns}; column += LANES) {
      transpose(weight + row * ${columns} + column, ${columns}, packed + row * ${columns} + column * LANES, LANES);
    }
  }
}
`;

/** transpose(from, fromRow, to, toRow): a square of LANES × LANES. Interleaving the halves log₂ LANES times does it. */
export const TRANSPOSE: string = `/* to[j][i] = from[i][j], i and j < LANES. */
static void transpose(const float *from, long fromRow, float *to, long toRow) {
  V a[LANES], b[LANES];
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) a[i] = load(from + i * fromRow);
#pragma GCC unroll 4
  for (int round = 1; round < LANES; round *= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < LANES / 2; i++) {
      b[2 * i] = low_pairs(a[i], a[i + LANES / 2]);
      b[2 * i + 1] = high_pairs(a[i], a[i + LANES / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) a[i] = b[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) store(to + i * toRow, a[i]);
}
`;
