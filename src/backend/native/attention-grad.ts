/**
 * Causal attention in C, backward, one document at a time; the forward kernel is in `attention.ts`. The attention p is
 * recomputed from the forward statistics, as in FlashAttention (Dao et al. 2022). Here the lanes of a vector are keys: two
 * of the three gradients are then sums over queries, which stay in their lanes.
 *
 * For LANES keys of a head at a time, and for them the queries from there on in blocks of `BLOCK_QUERIES`:
 *
 *   p, ds [block][LANES]  p = e^((query · key − max) / √size) / total, ds = p · (dOut · value − delta) / √size
 *   dKey, dValue [LANES] += Σ over the block of ds · query and p · dOut, one vector per column
 *   dQuery [block]       += Σ over the keys of ds · key, one row per query
 *
 * Every sum runs over keys, or over queries, in their order.
 */
import type { AttentionShape } from "./attention.ts";
import { BLOCK_QUERIES, COLUMNS, gradScratch, groups } from "./attention.ts";
import { float, range, WIDEST } from "./vectors.ts";

/** Vectors of fixed widths, for the rows of a head, and a loop over a vector of keys. */
export const HEAD_VECTORS: string = `#define EACH_KEY _Pragma("GCC unroll 16") for (int j = 0; j < LANES; j++)
${[4, 8, 16]
  .map(
    (width) =>
      `typedef float F${width} __attribute__((vector_size(${4 * width})));
typedef F${width} F${width}InMemory __attribute__((aligned(4), may_alias));
`,
  )
  .join("")}`;

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

/** The four queries of a vector of keys at a time: p and ds of a block, in scratch memory. */
function scoresText({ size, queryRow, dOutRow, statisticsRow }: AttentionGradShape): string {
  const rows = range(4);
  const eachRow = (line: (r: number) => string): string => rows.map(line).join("\n");
  const sums = rows.flatMap((r) => [`s${r}`, `d${r}`]);
  const scale = size ** -0.5;
  return `    for (long i = block; i < end; i += 4) {
      const float *q = query + i * ${queryRow}, *d = dOut + i * ${dOutRow}, *s = statistics + i * ${statisticsRow};
      V ${sums.join(", ")};
      ${sums.join(" = ")} = splat(0);
      for (long c = 0; c < ${size}; c++) {
        V kc = load(k + c * LANES), vc = load(v + c * LANES);
${eachRow((r) => `        s${r} += q[${r * queryRow} + c] * kc; d${r} += d[${r * dOutRow} + c] * vc;`)}
      }
${eachRow(
  (
    r,
  ) => `      s${r} = exp2_of((s${r} - s[${r * statisticsRow}]) * ${float(scale * Math.LOG2E)}) * s[${r * statisticsRow + 1}];
      d${r} = s${r} * ((d${r} - delta[i + ${r}]) * ${float(scale)});`,
)}
      if (i < first + LANES - 1) {
${eachRow((r) => `        I hidden${r} = LANE > (int)(i + ${r} - first);`)}
${eachRow((r) => `        s${r} = choose(hidden${r}, splat(0), s${r}); d${r} = choose(hidden${r}, splat(0), d${r});`)}
      }
${eachRow((r) => `      store(p + (i + ${r} - block) * LANES, s${r}); store(ds + (i + ${r} - block) * LANES, d${r});`)}
    }
`;
}

/** The block's terms of dKey and dValue, some columns at a time. */
const keysText = ({ size, queryRow, dOutRow }: AttentionGradShape): string =>
  groups(size, COLUMNS)
    .map(
      (columns) => `    {
      V ${columns.flatMap((c) => [`k${c} = load(dK + ${c} * LANES)`, `v${c} = load(dV + ${c} * LANES)`]).join(", ")};
      for (long i = block; i < end; i++) {
        const float *q = query + i * ${queryRow}, *d = dOut + i * ${dOutRow};
        V pi = load(p + (i - block) * LANES), di = load(ds + (i - block) * LANES);
${columns.map((c) => `        k${c} += q[${c}] * di; v${c} += d[${c}] * pi;`).join("\n")}
      }
      ${columns.map((c) => `store(dK + ${c} * LANES, k${c}); store(dV + ${c} * LANES, v${c});`).join(" ")}
    }
`,
    )
    .join("");

/**
 * The keys' terms of the block's dQuery, row by row; the rows of the keys stay in registers. Behind the last key its row is
 * read again: ds is 0 there.
 */
function queriesText({ size, keyRow, dQueryRow }: AttentionGradShape): string {
  const sums = pieces(size).map(([start, width]) => {
    const [type, memory] = width === 1 ? ["float", "float"] : [`F${width}`, `F${width}InMemory`];
    return `    {
      ${type} rows[LANES];
      EACH_KEY rows[j] = *(const ${memory} *)(key + (first + least(j, n - 1)) * ${keyRow} + ${start});
      for (long i = block; i < end; i++) {
        const float *d = ds + (i - block) * LANES;
        ${memory} *to = (${memory} *)(dQuery + i * ${dQueryRow} + ${start});
        ${type} sum = {0};
        if (first > 0) sum = *to;
        EACH_KEY sum += d[j] * rows[j];
        *to = sum;
      }
    }
`;
  });
  return sums.join("");
}

/**
 * A function (query, key, value, out, dOut, statistics, dQuery, dKey, dValue, count, scratch): the gradients of a document
 * of `count` tokens. All pointers are to the document's first row; dKey and dValue are in the rows of dQuery.
 */
export function attentionGradText(name: string, shape: AttentionGradShape): string {
  const { heads, size, stride, keyRow, outRow, dOutRow, dQueryRow, dQueryColumns } = shape;
  const area = size * WIDEST;
  return `KERNEL void ${name}_keys(const float *query, const float *key, const float *value, const float *dOut, const float *statistics, const float *delta, float *dQuery, float *dKey, float *dValue, long first, long count, float *scratch) {
  float *k = scratch, *v = k + ${area}, *dK = v + ${area}, *dV = dK + ${area};
  float *p = dV + ${area}, *ds = p + ${(BLOCK_QUERIES + 2) * WIDEST};
  const long n = least(LANES, count - first);
  to_columns(k, key + first * ${keyRow}, ${keyRow}, ${size}, n);
  to_columns(v, value + first * ${keyRow}, ${keyRow}, ${size}, n);
  memset(dK, 0, ${2 * area} * sizeof(float));
  for (long block = first; block < count; block += ${BLOCK_QUERIES}) {
    const long end = least(count, block + ${BLOCK_QUERIES});
${scoresText(shape)}${keysText(shape)}${queriesText(shape)}  }
  to_rows(dKey + first * ${dQueryRow}, dK, ${dQueryRow}, ${size}, n);
  to_rows(dValue + first * ${dQueryRow}, dV, ${dQueryRow}, ${size}, n);
}
KERNEL void ${name}(const float *query, const float *key, const float *value, const float *out, const float *dOut, const float *statistics, float *dQuery, float *dKey, float *dValue, long count, float *scratch) {
  float *delta = scratch + ${gradScratch(size)};
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
