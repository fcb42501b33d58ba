/**
 * Kernels in C over weights: gradients of the embedding tables, sums of squares, Adam's step. Each works on the rows of
 * one slice; products with weights are in `products.ts`, kernels over tokens in `rows.ts`.
 */

/** The inline functions. */
export const WEIGHTS: string = `/* grad[ids[t]] += dOut[t] for each token whose id is in [begin, end); these rows are set to 0 first, unless \`add\`. */
INLINE void embed_grad(float *grad, const float *dOut, const int *ids, long tokens, long begin, long end, int add, long row) {
  if (!add) memset(grad + begin * row, 0, (end - begin) * row * sizeof(float));
  for (long t = 0; t < tokens; t++, dOut += row) {
    if (ids[t] < begin || ids[t] >= end) continue;
    float *to = grad + ids[t] * row;
    for (long j = 0; j < row; j += LANES) store(to + j, load(to + j) + load(dOut + j));
  }
}

/* The sum of the squares of \`count\` numbers, a multiple of 16. */
KERNEL float squares(const float *x, long count) {
  V sums[4] = {splat(0), splat(0), splat(0), splat(0)};
  long i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES) {
    for (int n = 0; n < 4; n++) sums[n] += load(x + i + n * LANES) * load(x + i + n * LANES);
  }
  for (; i < count; i += LANES) sums[0] += load(x + i) * load(x + i);
  return sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/* The numbers of one step of Adam (\`training/adam.ts\`), rounded to f32. */
typedef struct {
  float stepSize, squareScale, shrink, gradientScale, beta1, beta2, epsilon, oneMinusBeta1, oneMinusBeta2;
} Adam;

/*
 * With g = grad * gradientScale:
 *   mean = beta1 * mean + (1 - beta1) * g        meanSquare = beta2 * meanSquare + (1 - beta2) * g * g
 *   weight = weight * shrink - stepSize * mean / (sqrt(meanSquare * squareScale) + epsilon)
 */
KERNEL void adam(float *weight, const float *grad, float *mean, float *meanSquare, long count, const Adam *a) {
  const float stepSize = a->stepSize, squareScale = a->squareScale, shrink = a->shrink, gradientScale = a->gradientScale;
  const float beta1 = a->beta1, beta2 = a->beta2, epsilon = a->epsilon;
  const float oneMinusBeta1 = a->oneMinusBeta1, oneMinusBeta2 = a->oneMinusBeta2;
  for (long i = 0; i < count; i += LANES) {
    V g = load(grad + i) * gradientScale;
    V m = beta1 * load(mean + i) + oneMinusBeta1 * g;
    V v = beta2 * load(meanSquare + i) + oneMinusBeta2 * (g * g);
    store(mean + i, m);
    store(meanSquare + i, v);
    store(weight + i, load(weight + i) * shrink - stepSize * m / (square_root(v * squareScale) + epsilon));
  }
}
`;
