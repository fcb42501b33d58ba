/**
 * Kernels in C that work row by row on activations: embedding, RMSNorm, sums, dropout, loss. Each is an inline function
 * over any shape; `compiler.ts` wraps it, once per shape, with the shape as constants.
 *
 * Rows are padded with zeros to whole vectors, and every kernel keeps the padding of its output at zero, because the
 * products read it. The mean of RMSNorm and the softmax of the loss use the true number of columns.
 */
import { RMSNORM_EPSILON } from "../constants.ts";
import { HASH_ROUNDS } from "../../training/dropout.ts";
import { float } from "./vectors.ts";

const hash = HASH_ROUNDS.map(({ shift, factor }) => {
  const mixed = `  x ^= x >> ${shift};`;
  return factor === 1 ? mixed : `${mixed}\n  x *= ${factor}u;`;
}).join("\n");

/** The inline functions. */
export const ROWS: string = `/* out[t] = tokenTable[tokens[t]] + positionTable[positions[t]] */
INLINE void embed(float *out, const int *tokens, const int *positions, const float *tokenTable, const float *positionTable, long rows, long row) {
  for (long t = 0; t < rows; t++, out += row) {
    const float *a = tokenTable + tokens[t] * row, *b = positionTable + positions[t] * row;
    for (long j = 0; j < row; j += LANES) store(out + j, load(a + j) + load(b + j));
  }
}

/* (mean of x * x + epsilon)^-1/2 of a row; the padding is 0 and adds nothing. */
INLINE float inverse_root_mean_square(const float *x, long row, long columns) {
  V sum = splat(0);
  for (long j = 0; j < row; j += LANES) sum += load(x + j) * load(x + j);
  return 1 / sqrtf(sum_lanes(sum) * (float)(1.0 / columns) + ${float(RMSNORM_EPSILON)});
}

INLINE void rmsnorm(float *out, const float *x, long rows, long row, long columns) {
  for (long t = 0; t < rows; t++, out += row, x += row) {
    V r = splat(inverse_root_mean_square(x, row, columns));
    for (long j = 0; j < row; j += LANES) store(out + j, load(x + j) * r);
  }
}

/* out = dOut * r - x * r^3 / n * sum(dOut * x) [+ plus]. The row of \`plus\` is as long as the others. */
INLINE void rmsnorm_grad(float *out, const float *x, const float *dOut, const float *plus, long rows, long row, long columns, int hasPlus) {
  for (long t = 0; t < rows; t++, out += row, x += row, dOut += row, plus += row) {
    float root = inverse_root_mean_square(x, row, columns);
    V dots = splat(0);
    for (long j = 0; j < row; j += LANES) dots += load(dOut + j) * load(x + j);
    V r = splat(root), factor = splat(sum_lanes(dots) * (root * root) * (root * (float)(-1.0 / columns)));
    for (long j = 0; j < row; j += LANES) {
      V dx = load(x + j) * factor + load(dOut + j) * r;
      store(out + j, hasPlus ? dx + load(plus + j) : dx);
    }
  }
}

INLINE void add(float *out, const float *a, const float *b, long rows, long row) {
  for (long i = 0; i < rows * row; i += LANES) store(out + i, load(a + i) + load(b + i));
}

INLINE void relu(float *out, const float *x, long rows, long row) {
  for (long i = 0; i < rows * row; i += LANES) {
    V v = load(x + i);
    store(out + i, (V)((I)v & (v > 0)));
  }
}

INLINE void relu_grad(float *out, const float *dOut, const float *y, long rows, long row) {
  for (long i = 0; i < rows * row; i += LANES) store(out + i, (V)((I)load(dOut + i) & (load(y + i) > 0)));
}

typedef uint32_t U __attribute__((vector_size(4 * LANES)));
static inline uint32_t hash32(uint32_t x) {
${hash}
  return x;
}
static inline U hash32_of(U x) {
${hash}
  return x;
}

/* out = x * scale where the hash is at least the threshold, else 0 [+ plus]. \`token\` is that of the first row. */
INLINE void dropout(float *out, const float *x, const float *plus, long rows, uint32_t siteSeed, uint32_t token, long row, uint32_t threshold, float scale, int hasPlus) {
  for (long t = 0; t < rows; t++, out += row, x += row, plus += row) {
    uint32_t rowSeed = hash32(siteSeed ^ (token + (uint32_t)t));
    for (long j = 0; j < row; j += LANES) {
      U bits = hash32_of(rowSeed ^ ((U)LANE + (uint32_t)j));
      V factor = (V)((I)splat(scale) & (I)(bits >= threshold));
      V kept = load(x + j) * factor;
      store(out + j, hasPlus ? kept + load(plus + j) : kept);
    }
  }
}

/*
 * Per row of logits, with the powers e^(logit - max) and their sum: statistics = [sum, max - logit of the target]. With
 * isGrad the logits become (power / sum - [1 for the target]) * scale. Powers below 2^-100 become 0: multiplied by the
 * scale they would be denormal, and arithmetic on denormals is many times slower.
 */
INLINE void cross_entropy(float *statistics, float *logits, const int *targets, long rows, float scale, long statisticsRow, long row, long columns, int isGrad) {
  const V log2e = splat(${float(Math.LOG2E)});
  for (long t = 0; t < rows; t++, logits += row, statistics += statisticsRow) {
    V maxima = splat(LOWEST), sums = splat(0);
    for (long j = 0; j < columns; j += LANES) {
      V v = load(logits + j);
      if (j + LANES > columns) v = choose(LANE < (int)(columns - j), v, splat(LOWEST));
      maxima = largest(v, maxima);
    }
    V max = splat(largest_lane(maxima));
    float target = logits[targets[t]];
    for (long j = 0; j < columns; j += LANES) {
      V x = (load(logits + j) - max) * log2e;
      V power = exp2_of(x);
      power = (V)((I)power & ~(x < -100));
      if (j + LANES > columns) power = (V)((I)power & (LANE < (int)(columns - j)));
      sums += power;
      if (isGrad) store(logits + j, power);
    }
    float sum = sum_lanes(sums);
    statistics[0] = sum;
    statistics[1] = max[0] - target;
    if (!isGrad) continue;
    V factor = splat(scale / sum);
    for (long j = 0; j < columns; j += LANES) store(logits + j, load(logits + j) * factor);
    logits[targets[t]] -= scale;
  }
}
`;
