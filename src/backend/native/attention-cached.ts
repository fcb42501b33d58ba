/**
 * Attention of texts that are written token by token, in C: one query at a time, against caches of keys and values. Lanes
 * are columns where the heads allow it, as in `attention-short.ts`; else one query is in a vector of `attention.ts`.
 */
import { blockText, canBeShort, queryText } from "./attention-short.ts";
import { queriesText } from "./attention.ts";
import type { AttentionShape } from "./attention.ts";

/** The statement for all heads of a query that sees `keys` keys. */
function headsText(name: string, shape: AttentionShape): string {
  const { heads, size, stride } = shape;
  if (canBeShort(shape)) {
    return `  ${blockText(shape)}
  for (long column = 0; column < ${heads * size}; column += COLUMNS) {
    ${name}_query(query + column, keys + column, values + column, out + column, 0, position + 1, scratch);
  }`;
  }
  return `  for (long head = 0; head < ${heads}; head++) {
    const long column = head * ${stride};
    ${name}_query(query + column, keys + column, values + column, out + column, scratch, 1, position, 0, 0);
  }`;
}

/**
 * A function (query, key, value, out, keys, values, position, scratch): appends key and value of the token at
 * `position` to the caches of its text, then out = its attention.
 */
export function cachedAttentionText(name: string, shape: AttentionShape & { readonly keyColumns: number }): string {
  const { keyRow, outRow, outColumns, keyColumns } = shape;
  const ofQuery = canBeShort(shape) ? queryText : queriesText;
  return `${ofQuery(`${name}_query`, shape)}KERNEL void ${name}(const float *query, const float *key, const float *value, float *out, float *keys, float *values, long position, float *scratch) {
  memcpy(keys + position * ${keyRow}, key, ${keyColumns} * sizeof(float));
  memcpy(values + position * ${keyRow}, value, ${keyColumns} * sizeof(float));
${headsText(name, shape)}
  clear_columns(out, ${outRow}, ${outColumns}, ${outRow}, 1);
}
`;
}
