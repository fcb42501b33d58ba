/**
 * Causal attention in C, forward, one document at a time; the backward kernel is in `attention-grad.ts`. The lanes of a
 * vector are queries, so that heads of any size fill them; what belongs to a key is one number, broadcast. For LANES
 * queries of a head at a time:
 *
 *   scores [T][LANES] = query · key of each key in turn, LOWEST where the key is after the query
 *   powers [T][LANES] = e^((scores − max) / √size), total = their sum over the keys, in order
 *   out    [LANES]    = Σ powers · value / total, one vector per column
 *
 * Every sum runs over the keys in order: no number depends on the other queries of a vector.
 */
import { canBeShort, SHORT, shortAttentionText } from "./attention-short.ts";
import { float, range, WIDEST } from "./vectors.ts";

/** The shape of an attention kernel; lengths in numbers. */
export interface AttentionShape {
  /** Number of heads. */
  readonly heads: number;
  /** Numbers per head. */
  readonly size: number;
  /** From one head to the next. */
  readonly stride: number;
  /** From row to row of queries. */
  readonly queryRow: number;
  /** From row to row of keys and values. */
  readonly keyRow: number;
  /** From row to row of the result; in the backward kernel, of dOut too. */
  readonly outRow: number;
  /** Numbers of a row of the result that are in use; the rest is padding. */
  readonly outColumns: number;
}

/** Queries of a block of the backward kernel. */
export const BLOCK_QUERIES = 64;
/** Columns whose sums are in registers at once. */
export const COLUMNS = 8;

/** Where delta begins in the scratch memory of the backward kernel, behind its columns, p and ds. */
export const gradScratch = (size: number): number => 4 * size * WIDEST + 2 * (BLOCK_QUERIES + 2) * WIDEST;

/** Numbers of scratch memory that a worker needs for both kernels. */
export const attentionScratch = (size: number, blockSize: number): number =>
  Math.max((blockSize + 4) * WIDEST + size * WIDEST, gradScratch(size) + blockSize + WIDEST);

/** Groups of at most `most` numbers below `count`. (10, 8) → [0 … 7], [8, 9]. */
export function groups(count: number, most: number): number[][] {
  const all = range(count);
  return range(Math.ceil(count / most)).map((i) => all.slice(i * most, (i + 1) * most));
}

/** Functions that move the rows of a head to columns and back; a row of it may be missing at the end. */
export const ATTENTION: string = `/* columns[c][lane] = rows[lane][c]; from row \`count\` on, the last row again. */
INLINE void to_columns(float *columns, const float *rows, long row, long size, long count) {
  for (long lane = 0; lane < LANES; lane++) {
    const float *from = rows + least(lane, count - 1) * row;
    for (long c = 0; c < size; c++) columns[c * LANES + lane] = from[c];
  }
}
INLINE void to_rows(float *rows, const float *columns, long row, long size, long count) {
  for (long lane = 0; lane < count; lane++) {
    for (long c = 0; c < size; c++) rows[lane * row + c] = columns[c * LANES + lane];
  }
}
INLINE void clear_columns(float *rows, long row, long from, long to, long count) {
  for (long t = 0; t < count; t++) for (long c = from; c < to; c++) rows[t * row + c] = 0;
}
`;

/**
 * The inner function (query, key, value, out, scratch, n, keys, first, max, inverse) of one head: the result of `n`
 * queries, the first of which sees `first` + 1 of the `keys` keys.
 */
export function queriesText(name: string, { size, queryRow, keyRow, outRow }: AttentionShape): string {
  const rows = range(4);
  const columnGroups = groups(size, COLUMNS);
  const scale = size ** -0.5 * Math.LOG2E;
  return `KERNEL void ${name}(const float *query, const float *key, const float *value, float *out, float *scratch, long n, long first, float *statistics, long statisticsRow) {
  float *columns = scratch, *scores = scratch + ${size * WIDEST};
  const long keys = first + n;
  to_columns(columns, query, ${queryRow}, ${size}, n);
  V max = splat(LOWEST);
  for (long j = 0; j < keys; j += 4) {
    const float *k = key + j * ${keyRow};
    V ${rows.map((r) => `s${r}`).join(", ")};
    ${rows.map((r) => `s${r}`).join(" = ")} = splat(0);
    for (long c = 0; c < ${size}; c++) {
      V q = load(columns + c * LANES);
${rows.map((r) => `      s${r} += k[${r * keyRow} + c] * q;`).join("\n")}
    }
    if (j + 3 > first) {
${rows.map((r) => `      s${r} = choose(LANE < (int)(j + ${r} - first), splat(LOWEST), s${r});`).join("\n")}
    }
${rows.map((r) => `    store(scores + (j + ${r}) * LANES, s${r}); max = largest(s${r}, max);`).join("\n")}
  }
  V total = splat(0);
  for (long j = 0; j < keys; j++) {
    V power = exp2_of((load(scores + j * LANES) - max) * ${float(scale)});
    store(scores + j * LANES, power);
    total += power;
  }
  V inverse = 1.0f / total;
${columnGroups
  .map(
    (group) => `  {
    V ${group.map((c) => `o${c}`).join(", ")};
    ${group.map((c) => `o${c}`).join(" = ")} = splat(0);
    for (long j = 0; j < keys; j++) {
      V power = load(scores + j * LANES);
${group.map((c) => `      o${c} += value[j * ${keyRow} + ${c}] * power;`).join("\n")}
    }
${group.map((c) => `    store(columns + ${c} * LANES, o${c} * inverse);`).join("\n")}
  }`,
  )
  .join("\n")}
  to_rows(out, columns, ${outRow}, ${size}, n);
  if (statistics == 0) return;
  for (long lane = 0; lane < n; lane++) {
    statistics[lane * statisticsRow] = max[lane];
    statistics[lane * statisticsRow + 1] = inverse[lane];
  }
}
`;
}

/**
 * A function (query, key, value, out, statistics, first, count, scratch): the result of queries [first, count) of a
 * document of `count` tokens. All pointers are to the document's first row. Which kernel a query is for depends on its
 * position alone: what follows it changes no bit.
 */
export function attentionText(
  name: string,
  shape: AttentionShape & { readonly statisticsRow: number },
  blockSize: number,
): string {
  const { heads, stride, queryRow, outRow, outColumns, statisticsRow } = shape;
  const firstLong = canBeShort(shape) ? SHORT : 0;
  const short =
    firstLong > 0
      ? `  if (first < ${SHORT}) ${name}_short(query, key, value, out, statistics, first, least(count, ${SHORT}), scratch);\n`
      : "";
  const long = `  for (long head = 0; head < ${heads}; head++) {
    for (long i = first < ${firstLong} ? ${firstLong} : first; i < count; i += LANES) {
      const long column = head * ${stride};
      ${name}_queries(query + i * ${queryRow} + column, key + column, value + column, out + i * ${outRow} + column, scratch, least(LANES, count - i), i, statistics + i * ${statisticsRow} + 2 * head, ${statisticsRow});
    }
  }
`;
  const hasLong = blockSize > firstLong;
  return `${firstLong > 0 ? shortAttentionText(`${name}_short`, shape) : ""}${hasLong ? queriesText(`${name}_queries`, shape) : ""}KERNEL void ${name}(const float *query, const float *key, const float *value, float *out, float *statistics, long first, long count, float *scratch) {
${short}${hasLong ? long : ""}  clear_columns(out + first * ${outRow}, ${outRow}, ${outColumns}, ${outRow}, count - first);
}
`;
}
