/**
 * Causal attention in C, forward and backward, one document at a time. The vectors' lanes are queries (forward) or keys
 * (backward), so that heads of any size fill them; what belongs to the other side is one number, broadcast.
 *
 * Forward, LANES queries of a head at a time:
 *
 *   scores [T][LANES] = query · key of each key in turn, LOWEST where the key is after the query
 *   powers [T][LANES] = e^((scores − max) / √size), total = their sum over the keys, in order
 *   out    [LANES]    = Σ powers · value / total, one vector per column
 *
 * Backward, LANES keys of a head at a time, and for them the queries from there on in blocks of `BLOCK_QUERIES`:
 *
 *   p, ds [block][LANES]  p = e^((query · key − max) / √size) / total, ds = p · (dOut · value − delta) / √size
 *   dKey, dValue [LANES] += Σ over the block of ds · query and p · dOut, one vector per column
 *   dQuery [block]       += Σ over the keys of ds · key, one row per query
 *
 * Every sum runs over keys, or over queries, in their order: no number depends on the other queries of a vector.
 */
import { float } from "./vectors.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The shape of an attention kernel; lengths in numbers. */
export interface AttentionShape {
  /** Number of heads. */
  readonly heads: number;
  /** Numbers per head. */
  readonly size: number;
  /** From one head to the next. */
  readonly stride: number;
  /** Maximum number of tokens per document. */
  readonly blockSize: number;
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
const BLOCK_QUERIES = 64;
/** Columns whose sums are in registers at once. */
const COLUMNS = 8;
/** Numbers of the widest vector. */
const LANES = 16;

/** Numbers of scratch memory that a worker needs for both kernels. */
export const attentionScratch = (size: number, blockSize: number): number =>
  Math.max(
    (blockSize + 4) * LANES + size * LANES,
    2 * BLOCK_QUERIES * LANES + 4 * LANES + 4 * size * LANES + blockSize + LANES,
  );

/** Groups of at most `most` numbers below `count`. (10, 8) → [0 … 7], [8, 9]. */
function groups(count: number, most: number): number[][] {
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
function queriesText(name: string, { size, queryRow, keyRow, outRow }: AttentionShape): string {
  const rows = range(4);
  const columnGroups = groups(size, COLUMNS);
  const scale = size ** -0.5 * Math.LOG2E;
  return `KERNEL void ${name}(const float *query, const float *key, const float *value, float *out, float *scratch, long n, long first, float *statistics, long statisticsRow) {
  float *columns = scratch, *scores = scratch + ${size * LANES};
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
${group.map((c) => `    store(columns + ${c * 1} * LANES, o${c} * inverse);`).join("\n")}
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
 * document of `count` tokens. All pointers are to the document's first row.
 */
export function attentionText(name: string, shape: AttentionShape & { readonly statisticsRow: number }): string {
  const { heads, stride, queryRow, outRow, outColumns, statisticsRow } = shape;
  return `${queriesText(`${name}_queries`, shape)}KERNEL void ${name}(const float *query, const float *key, const float *value, float *out, float *statistics, long first, long count, float *scratch) {
  for (long head = 0; head < ${heads}; head++) {
    for (long i = first; i < count; i += LANES) {
      const long column = head * ${stride};
      ${name}_queries(query + i * ${queryRow} + column, key + column, value + column, out + i * ${outRow} + column, scratch, least(LANES, count - i), i, statistics + i * ${statisticsRow} + 2 * head, ${statisticsRow});
    }
  }
  clear_columns(out + first * ${outRow}, ${outRow}, ${outColumns}, ${outRow}, count - first);
}
`;
}

/**
 * A function (query, key, value, out, keys, values, position, scratch): appends key and value of the token at
 * `position` to the caches of its text, then out = its attention.
 */
export function cachedAttentionText(name: string, shape: AttentionShape & { readonly keyColumns: number }): string {
  const { heads, stride, keyRow, outRow, outColumns, keyColumns } = shape;
  return `${queriesText(`${name}_queries`, shape)}KERNEL void ${name}(const float *query, const float *key, const float *value, float *out, float *keys, float *values, long position, float *scratch) {
  memcpy(keys + position * ${keyRow}, key, ${keyColumns} * sizeof(float));
  memcpy(values + position * ${keyRow}, value, ${keyColumns} * sizeof(float));
  for (long head = 0; head < ${heads}; head++) {
    const long column = head * ${stride};
    ${name}_queries(query + column, keys + column, values + column, out + column, scratch, 1, position, 0, 0);
  }
  clear_columns(out, ${outRow}, ${outColumns}, ${outRow}, 1);
}
`;
}

/** Widths of the vectors that the row of a head is cut into, and where they begin. 13 → [0, 8], [8, 4], [12, 1]. */
function pieces(size: number): readonly (readonly [start: number, width: number])[] {
  const found: [number, number][] = [];
  for (let start = 0; start < size; start += found.at(-1)![1]) {
    found.push([start, [16, 8, 4, 1].find((width) => start + width <= size)!]);
  }
  return found;
}

/** The shape of the backward kernel. */
export interface AttentionGradShape extends AttentionShape {
  /** From row to row of the gradients of queries, keys and values. */
  readonly dQueryRow: number;
  /** Numbers of a row of them that are in use, all three together; the rest is padding. */
  readonly dQueryColumns: number;
  /** From row to row of the gradient of the result. */
  readonly dOutRow: number;
  /** From row to row of the statistics. */
  readonly statisticsRow: number;
}

/**
 * A function (query, key, value, out, dOut, statistics, dQuery, dKey, dValue, count, scratch): the gradients of a document
 * of `count` tokens. All pointers are to the document's first row; dKey and dValue are in the rows of dQuery.
 */
export function attentionGradText(name: string, shape: AttentionGradShape): string {
  const { heads, size, stride, queryRow, keyRow, outRow, dOutRow, dQueryRow, dQueryColumns, statisticsRow } = shape;
  const rows = range(4);
  const scale = size ** -0.5;
  const vectors = `float *k = scratch, *v = k + ${size * LANES}, *dK = v + ${size * LANES}, *dV = dK + ${size * LANES}`;
  return `KERNEL void ${name}_keys(const float *query, const float *key, const float *value, const float *dOut, const float *statistics, const float *delta, float *dQuery, float *dKey, float *dValue, long first, long count, float *scratch) {
  ${vectors};
  float *p = dV + ${size * LANES}, *ds = p + ${(BLOCK_QUERIES + 2) * LANES};
  const long n = least(LANES, count - first);
  to_columns(k, key + first * ${keyRow}, ${keyRow}, ${size}, n);
  to_columns(v, value + first * ${keyRow}, ${keyRow}, ${size}, n);
  memset(dK, 0, ${2 * size * LANES} * sizeof(float));
  for (long block = first; block < count; block += ${BLOCK_QUERIES}) {
    const long end = least(count, block + ${BLOCK_QUERIES});
    for (long i = block; i < end; i += 4) {
      const float *q = query + i * ${queryRow}, *d = dOut + i * ${dOutRow}, *s = statistics + i * ${statisticsRow};
      V ${rows.flatMap((r) => [`s${r}`, `d${r}`]).join(", ")};
      ${rows.flatMap((r) => [`s${r}`, `d${r}`]).join(" = ")} = splat(0);
      for (long c = 0; c < ${size}; c++) {
        V kc = load(k + c * LANES), vc = load(v + c * LANES);
${rows.map((r) => `        s${r} += q[${r * queryRow} + c] * kc; d${r} += d[${r * dOutRow} + c] * vc;`).join("\n")}
      }
${rows
  .map(
    (r) => `      s${r} = exp2_of((s${r} - s[${r * statisticsRow}]) * ${float(scale * Math.LOG2E)}) * s[${r * statisticsRow + 1}];
      d${r} = s${r} * ((d${r} - delta[i + ${r}]) * ${float(scale)});`,
  )
  .join("\n")}
      if (i < first + LANES - 1) {
${rows
  .map((r) => `        s${r} = choose(LANE > (int)(i + ${r} - first), splat(0), s${r}); d${r} = choose(LANE > (int)(i + ${r} - first), splat(0), d${r});`)
  .join("\n")}
      }
${rows.map((r) => `      store(p + (i + ${r} - block) * LANES, s${r}); store(ds + (i + ${r} - block) * LANES, d${r});`).join("\n")}
    }
${groups(size, COLUMNS)
  .map(
    (group) => `    {
      V ${group.flatMap((c) => [`k${c} = load(dK + ${c} * LANES)`, `v${c} = load(dV + ${c} * LANES)`]).join(", ")};
      for (long i = block; i < end; i++) {
        const float *q = query + i * ${queryRow}, *d = dOut + i * ${dOutRow};
        V pi = load(p + (i - block) * LANES), di = load(ds + (i - block) * LANES);
${group.map((c) => `        k${c} += q[${c}] * di; v${c} += d[${c}] * pi;`).join("\n")}
      }
      ${group.map((c) => `store(dK + ${c} * LANES, k${c}); store(dV + ${c} * LANES, v${c});`).join(" ")}
    }`,
  )
  .join("\n")}
    for (long i = block; i < end; i++) {
      const float *d = ds + (i - block) * LANES;
      float *to = dQuery + i * ${dQueryRow};
${pieces(size)
  .map(([start, width]) => {
    const type = width === 1 ? "float" : `F${width}`;
    const memory = width === 1 ? "float" : `F${width}InMemory`;
    return `      {
        ${type} sum = {0};
        if (first > 0) sum = *(const ${memory} *)(to + ${start});
        for (long j = 0; j < n; j++) sum += d[j] * *(const ${memory} *)(key + (first + j) * ${keyRow} + ${start});
        *(${memory} *)(to + ${start}) = sum;
      }`;
  })
  .join("\n")}
    }
  }
  to_rows(dKey + first * ${dQueryRow}, dK, ${dQueryRow}, ${size}, n);
  to_rows(dValue + first * ${dQueryRow}, dV, ${dQueryRow}, ${size}, n);
}
KERNEL void ${name}(const float *query, const float *key, const float *value, const float *out, const float *dOut, const float *statistics, float *dQuery, float *dKey, float *dValue, long count, float *scratch) {
  float *delta = scratch + ${4 * size * LANES + (2 * BLOCK_QUERIES + 4) * LANES};
  for (long head = 0; head < ${heads}; head++) {
    const long column = head * ${stride};
    for (long i = 0; i < count; i++) {
      float sum = 0;
      for (long c = column; c < column + ${size}; c++) sum += dOut[i * ${dOutRow} + c] * out[i * ${outRow} + c];
      delta[i] = sum;
    }
    for (long first = 0; first < count; first += LANES) {
      ${name}_keys(query + column, key + column, value + column, dOut + column, statistics + 2 * head, delta, dQuery + column, dKey + column, dValue + column, first, count, scratch);
    }
  }
  clear_columns(dQuery, ${dQueryRow}, ${dQueryColumns}, ${dQueryRow}, count);
}
`;
}

/** Vectors of fixed widths, for the rows of a head. */
export const HEAD_VECTORS: string = [4, 8, 16]
  .map(
    (width) =>
      `typedef float F${width} __attribute__((vector_size(${4 * width})));
typedef F${width} F${width}InMemory __attribute__((aligned(4), may_alias));
`,
  )
  .join("");
