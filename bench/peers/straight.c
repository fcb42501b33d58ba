/*
 * The peer: a training step for one document, written straight down in C as one who knows C would: shapes are constants, forward
 * and backward are explicit, and the compiler vectorises the loops (-O3 -march=native -ffast-math). The model is the
 * names' of bench/engine.mjs: V 27, C 16, H 4, 1 layer, T 16. f32.
 *
 * Letters of shapes: T positions, C width, H heads, V tokens. Weights are [in][out], so that both products of a layer that
 * write rows run along them.
 */
#include <math.h>
#include <string.h>

enum { V = 27, C = 16, T = 16, H = 4, HS = C / H, F = 4 * C };

/* Weights, and as many gradients and means, in this order. */
typedef struct {
  float wte[V][C], wpe[T][C], head[C][V], qkv[C][3 * C], wo[C][C], fc1[C][F], fc2[F][C];
} Weights;

static Weights weights, gradients, means, squares;
static int steps;

static struct {
  float embedded[T][C], x[T][C], normed[T][C], qkv[T][3 * C], p[H][T][T], attended[T][C], y[T][C], hidden[T][F], z[T][C], logits[T][V];
} a; /* activations; behind `hidden` the relu, behind `logits` their gradients */

static float rms(const float *x) {
  float sum = 0;
  for (int c = 0; c < C; c++) sum += x[c] * x[c];
  return 1 / sqrtf(sum / C + 1e-5f);
}

static void norm(float *out, const float *x) {
  const float r = rms(x);
  for (int c = 0; c < C; c++) out[c] = x[c] * r;
}

/* dx = the gradient of norm(x), given that of its output */
static void norm_grad(float *dx, const float *x, const float *dOut) {
  const float r = rms(x);
  float sum = 0;
  for (int c = 0; c < C; c++) sum += dOut[c] * x[c];
  const float factor = sum * r * r * r / C;
  for (int c = 0; c < C; c++) dx[c] = dOut[c] * r - x[c] * factor;
}

/* out[t] = x[t] · w for all t */
#define LINEAR(out, x, w, n, in, columns)                                                   \
  for (int t = 0; t < n; t++) {                                                            \
    float sum[columns] = {0};                                                             \
    for (int i = 0; i < in; i++) for (int j = 0; j < columns; j++) sum[j] += x[t][i] * w[i][j]; \
    memcpy(out[t], sum, sizeof sum);                                                      \
  }

/* dx[t] = w · dOut[t] and dw += x[t] dOut[t]ᵀ, for all t */
#define LINEAR_GRAD(dx, dw, dOut, x, w, n, in, columns)                                              \
  for (int t = 0; t < n; t++) for (int i = 0; i < in; i++) {                                         \
    float sum = 0;                                                                                 \
    for (int j = 0; j < columns; j++) sum += w[i][j] * dOut[t][j];                                   \
    dx[t][i] = sum;                                                                                \
  }                                                                                                \
  for (int i = 0; i < in; i++) for (int t = 0; t < n; t++) for (int j = 0; j < columns; j++) dw[i][j] += x[t][i] * dOut[t][j];

static void attend(int n) {
  for (int h = 0; h < H; h++) for (int t = 0; t < n; t++) {
    const float *q = a.qkv[t] + h * HS;
    float *p = a.p[h][t], max = -INFINITY, total = 0;
    for (int u = 0; u <= t; u++) {
      float sum = 0;
      for (int c = 0; c < HS; c++) sum += q[c] * a.qkv[u][C + h * HS + c];
      p[u] = sum * 0.5f; /* 1 / sqrt(HS) */
      max = fmaxf(max, p[u]);
    }
    for (int u = 0; u <= t; u++) total += p[u] = expf(p[u] - max);
    float out[HS] = {0};
    for (int u = 0; u <= t; u++) {
      p[u] /= total;
      for (int c = 0; c < HS; c++) out[c] += p[u] * a.qkv[u][2 * C + h * HS + c];
    }
    memcpy(a.attended[t] + h * HS, out, sizeof out);
  }
}

static void attend_grad(float dQkv[T][3 * C], float dOut[T][C], int n) {
  memset(dQkv, 0, n * sizeof dQkv[0]);
  for (int h = 0; h < H; h++) for (int t = 0; t < n; t++) {
    const float *d = dOut[t] + h * HS, *q = a.qkv[t] + h * HS, *p = a.p[h][t];
    float dp[T], delta = 0;
    for (int u = 0; u <= t; u++) {
      dp[u] = 0;
      for (int c = 0; c < HS; c++) dp[u] += d[c] * a.qkv[u][2 * C + h * HS + c];
      delta += p[u] * dp[u];
    }
    for (int u = 0; u <= t; u++) {
      const float ds = p[u] * (dp[u] - delta) * 0.5f;
      for (int c = 0; c < HS; c++) {
        dQkv[t][h * HS + c] += ds * a.qkv[u][C + h * HS + c];
        dQkv[u][C + h * HS + c] += ds * q[c];
        dQkv[u][2 * C + h * HS + c] += p[u] * d[c];
      }
    }
  }
}

/* The mean loss over n tokens; behind the logits, their gradients. */
static float loss(const int *tokens, int n) {
  float sum = 0;
  for (int t = 0; t < n; t++) {
    float *l = a.logits[t], max = l[0], total = 0, target = l[tokens[t + 1]];
    for (int v = 1; v < V; v++) max = fmaxf(max, l[v]);
    for (int v = 0; v < V; v++) total += l[v] = expf(l[v] - max);
    sum += logf(total) + max - target;
    for (int v = 0; v < V; v++) l[v] *= 1 / total / n;
    l[tokens[t + 1]] -= 1.0f / n;
  }
  return sum / n;
}

static void forward(const int *tokens, int n) {
  for (int t = 0; t < n; t++) {
    for (int c = 0; c < C; c++) a.embedded[t][c] = weights.wte[tokens[t]][c] + weights.wpe[t][c];
    norm(a.x[t], a.embedded[t]);
    norm(a.normed[t], a.x[t]);
  }
  LINEAR(a.qkv, a.normed, weights.qkv, n, C, 3 * C)
  attend(n);
  LINEAR(a.y, a.attended, weights.wo, n, C, C)
  float middle[T][C];
  for (int t = 0; t < n; t++) {
    for (int c = 0; c < C; c++) a.y[t][c] += a.x[t][c];
    norm(middle[t], a.y[t]);
  }
  LINEAR(a.hidden, middle, weights.fc1, n, C, F)
  for (int t = 0; t < n; t++) for (int f = 0; f < F; f++) a.hidden[t][f] = fmaxf(a.hidden[t][f], 0);
  LINEAR(a.z, a.hidden, weights.fc2, n, F, C)
  for (int t = 0; t < n; t++) for (int c = 0; c < C; c++) a.z[t][c] += a.y[t][c];
  LINEAR(a.logits, a.z, weights.head, n, C, V)
}

static void backward(const int *tokens, int n) {
  float dz[T][C], dHidden[T][F], dMiddle[T][C], middle[T][C], dy[T][C], dAttended[T][C], dQkv[T][3 * C], dNormed[T][C], dx[C], dEmbedded[C];
  LINEAR_GRAD(dz, gradients.head, a.logits, a.z, weights.head, n, C, V)
  LINEAR_GRAD(dHidden, gradients.fc2, dz, a.hidden, weights.fc2, n, F, C)
  for (int t = 0; t < n; t++) {
    for (int f = 0; f < F; f++) dHidden[t][f] = a.hidden[t][f] > 0 ? dHidden[t][f] : 0;
    norm(middle[t], a.y[t]);
  }
  LINEAR_GRAD(dMiddle, gradients.fc1, dHidden, middle, weights.fc1, n, C, F)
  for (int t = 0; t < n; t++) {
    norm_grad(dy[t], a.y[t], dMiddle[t]);
    for (int c = 0; c < C; c++) dy[t][c] += dz[t][c];
  }
  LINEAR_GRAD(dAttended, gradients.wo, dy, a.attended, weights.wo, n, C, C)
  attend_grad(dQkv, dAttended, n);
  LINEAR_GRAD(dNormed, gradients.qkv, dQkv, a.normed, weights.qkv, n, C, 3 * C)
  for (int t = 0; t < n; t++) {
    norm_grad(dx, a.x[t], dNormed[t]);
    for (int c = 0; c < C; c++) dx[c] += dy[t][c];
    norm_grad(dEmbedded, a.embedded[t], dx);
    for (int c = 0; c < C; c++) {
      gradients.wte[tokens[t]][c] += dEmbedded[c];
      gradients.wpe[t][c] += dEmbedded[c];
    }
  }
}

static void adam(float learningRate) {
  float *w = (float *)&weights, *g = (float *)&gradients, *m = (float *)&means, *v = (float *)&squares;
  const float step = learningRate / (1 - powf(0.85f, steps)), scale = 1 / (1 - powf(0.99f, steps));
  for (int i = 0; i < (int)(sizeof(Weights) / sizeof(float)); i++) {
    m[i] = 0.85f * m[i] + 0.15f * g[i];
    v[i] = 0.99f * v[i] + 0.01f * g[i] * g[i];
    w[i] -= step * m[i] / (sqrtf(v[i] * scale) + 1e-8f);
    g[i] = 0;
  }
}

/* Number of weights. */
int size(void) { return sizeof(Weights) / sizeof(float); }

/* Starts anew from these weights, in the order of the struct. */
void start(const float *from) {
  memcpy(&weights, from, sizeof weights);
  memset(&gradients, 0, sizeof gradients);
  memset(&means, 0, sizeof means);
  memset(&squares, 0, sizeof squares);
  steps = 0;
}

/* A step per document, `count` in all, one document after the other of `documents`: each T + 2 integers, its number of
 * tokens, then the tokens. The losses go to `losses`. */
void train(const int *documents, int number, int count, double learningRate, float *losses) {
  for (int i = 0; i < count; i++) {
    const int *tokens = documents + steps % number * (T + 2) + 1, all = tokens[-1] - 1, n = all < T ? all : T;
    steps++;
    forward(tokens, n);
    losses[i] = loss(tokens, n);
    backward(tokens, n);
    adam(learningRate);
  }
}
