/**
 * Causal attention in C over documents of a few tokens, such as names; for longer ones see `attention.ts`. There the lanes of a
 * vector are queries, most of which would be empty here. Here they are columns, so that rows are read as they are, and
 * a vector has one head, a part of one, or several:
 *
 *   query   [ a0 a1 a2 a3  b0 b1 b2 b3  c0 c1 c2 c3  d0 d1 d2 d3 ]   4 heads of 4 numbers in 16 lanes
 *   key     [ …                                                  ]
 *   score   [ a  a  a  a   b  b  b  b   c  c  c  c   d  d  d  d  ]   the product's sum within each group of lanes
 *
 * A block is the columns that are worked on at once: LANES of them, or a whole head. Sums run over keys, or over queries,
 * in their order.
 */
import type { AttentionShape } from "./attention.ts";
import type { AttentionGradShape } from "./attention-grad.ts";
import { float } from "./vectors.ts";

/** Most tokens of a document that these kernels are the faster ones for. */
export const SHORT = 16;

/** Whether the kernels work for these heads: vectors must not cut across heads, nor reach into the next view. */
export const canBeShort = ({ heads, size, stride }: AttentionShape): boolean =>
  [4, 8, 16, 32, 64, 128].includes(size) && stride === size && (heads * size) % 16 === 0;

/** Declares, for a block: its vectors, columns and heads. */
export const blockText = ({ size }: AttentionShape): string =>
  `enum { PARTS = ${size} > LANES ? ${size} / LANES : 1, COLUMNS = PARTS * LANES, HEADS = COLUMNS / ${size} };`;

const eachPart = (statement: string): string => `_Pragma("GCC unroll 8") for (int p = 0; p < PARTS; p++) ${statement}`;

const group = ({ size }: AttentionShape): number => Math.min(size, 16);

/** The inner function (query, key, value, out, statistics, keys, scores): one query's block of columns. */
export function queryText(name: string, shape: AttentionShape): string {
  const { size, keyRow } = shape;
  return `INLINE void ${name}(const float *query, const float *key, const float *value, float *out, float *statistics, long keys, float *scores) {
  ${blockText(shape)}
  V q[PARTS], sums[PARTS], max = splat(LOWEST), total = splat(0);
  ${eachPart("q[p] = load(query + p * LANES);")}
  for (long j = 0; j < keys; j++) {
    V products = splat(0);
    ${eachPart(`products += q[p] * load(key + j * ${keyRow} + p * LANES);`)}
    V score = sum_groups_${group(shape)}(products);
    store(scores + j * LANES, score);
    max = largest(score, max);
  }
  ${eachPart("sums[p] = splat(0);")}
  for (long j = 0; j < keys; j++) {
    V power = exp2_of((load(scores + j * LANES) - max) * ${float(size ** -0.5 * Math.LOG2E)});
    total += power;
    ${eachPart(`sums[p] += power * load(value + j * ${keyRow} + p * LANES);`)}
  }
  V inverse = 1.0f / total;
  ${eachPart("store(out + p * LANES, sums[p] * inverse);")}
  if (statistics == 0) return;
  for (int head = 0; head < HEADS; head++) {
    statistics[2 * head] = max[head * ${size} % LANES];
    statistics[2 * head + 1] = inverse[head * ${size} % LANES];
  }
}
`;
}

/** A function (query, key, value, out, statistics, first, count, scratch), as that of `attentionText`. */
export function shortAttentionText(name: string, shape: AttentionShape & { readonly statisticsRow: number }): string {
  const { heads, size, queryRow, outRow, statisticsRow } = shape;
  return `${queryText(`${name}_query`, shape)}KERNEL void ${name}(const float *query, const float *key, const float *value, float *out, float *statistics, long first, long count, float *scratch) {
  ${blockText(shape)}
  for (long column = 0; column < ${heads * size}; column += COLUMNS) {
    for (long i = first; i < count; i++) {
      ${name}_query(query + i * ${queryRow} + column, key + column, value + column, out + i * ${outRow} + column, statistics + i * ${statisticsRow} + column / COLUMNS * 2 * HEADS, i + 1, scratch);
    }
  }
}
`;
}

/** A function as that of `attentionGradText`; it needs no scratch memory. */
export function shortGradText(name: string, shape: AttentionGradShape): string {
  const { heads, size, queryRow, keyRow, outRow, dOutRow, dQueryRow, statisticsRow } = shape;
  const [sum, spread] = [`sum_groups_${group(shape)}`, `spread_${group(shape)}`];
  const scale = size ** -0.5;
  return `INLINE void ${name}_query(const float *query, const float *key, const float *value, const float *out, const float *dOut, const float *statistics, float *dQuery, float *dKey, float *dValue, long keys) {
  ${blockText(shape)}
  V q[PARTS], d[PARTS], dq[PARTS], products = splat(0), max = ${spread}(statistics), inverse = ${spread}(statistics + 1);
  ${eachPart("q[p] = load(query + p * LANES);")}
  ${eachPart("d[p] = load(dOut + p * LANES);")}
  ${eachPart("products += d[p] * load(out + p * LANES);")}
  ${eachPart("dq[p] = splat(0);")}
  V delta = ${sum}(products);
  /* This query is the first that sees the last of the keys. */
  ${eachPart(`store(dKey + (keys - 1) * ${dQueryRow} + p * LANES, splat(0));`)}
  ${eachPart(`store(dValue + (keys - 1) * ${dQueryRow} + p * LANES, splat(0));`)}
  for (long j = 0; j < keys; j++) {
    const float *k = key + j * ${keyRow}, *v = value + j * ${keyRow};
    float *dk = dKey + j * ${dQueryRow}, *dv = dValue + j * ${dQueryRow};
    V scores = splat(0), dPowers = splat(0);
    ${eachPart("scores += q[p] * load(k + p * LANES);")}
    ${eachPart("dPowers += d[p] * load(v + p * LANES);")}
    V power = exp2_of((${sum}(scores) - max) * ${float(scale * Math.LOG2E)}) * inverse;
    V ds = power * ((${sum}(dPowers) - delta) * ${float(scale)});
    ${eachPart("dq[p] += ds * load(k + p * LANES);")}
    ${eachPart("store(dk + p * LANES, load(dk + p * LANES) + ds * q[p]);")}
    ${eachPart("store(dv + p * LANES, load(dv + p * LANES) + power * d[p]);")}
  }
  ${eachPart("store(dQuery + p * LANES, dq[p]);")}
}
KERNEL void ${name}(const float *query, const float *key, const float *value, const float *out, const float *dOut, const float *statistics, float *dQuery, float *dKey, float *dValue, long count, float *scratch) {
  ${blockText(shape)}
  (void)scratch;
  for (long column = 0; column < ${heads * size}; column += COLUMNS) {
    for (long i = 0; i < count; i++) {
      ${name}_query(query + i * ${queryRow} + column, key + column, value + column, out + i * ${outRow} + column, dOut + i * ${dOutRow} + column, statistics + i * ${statisticsRow} + column / COLUMNS * 2 * HEADS, dQuery + i * ${dQueryRow} + column, dKey + column, dValue + column, i + 1);
    }
  }
}
`;
}
