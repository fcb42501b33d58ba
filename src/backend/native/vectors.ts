/**
 * The first lines of every generated source: vectors as wide as the machine's, by the compiler's own extension (gcc and
 * clang), and the few functions on them that the kernels share. No intrinsics: the same text for every processor.
 */

import { EXP2 } from "../constants.ts";

/** Numbers of the widest vector. Rows and panels are padded to it, so that the layout does not depend on the machine. */
export const WIDEST = 16;

const lanes = (count: number, index: (lane: number) => number): string =>
  Array.from({ length: count }, (_, lane) => index(lane)).join(", ");

/** The numbers below `count`. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A number as a constant of C's type float. */
export const float = (value: number): string => `${Number.isInteger(value) ? value.toFixed(1) : value}f`;

/** Sizes of the groups of lanes that functions are written for: heads that share a vector. */
const GROUPS = [4, 8, 16];

/** Functions on groups of `size` lanes of `count`; a group that is larger than the vector is all of it. */
function groupText(count: number, size: number): string {
  if (size >= count) {
    return `static inline V sum_groups_${size}(V v) { return splat(sum_lanes(v)); }
static inline V spread_${size}(const float *p) { return splat(p[0]); }
`;
  }
  const halves = halvesOf(size).map((half) => `v += SHUFFLE(v, v, ${lanes(count, (lane) => lane ^ half)});`);
  const pairs = lanes(count, (lane) => 2 * Math.floor(lane / size));
  return `static inline V sum_groups_${size}(V v) {
  ${halves.join("\n  ")}
  return v;
}
static inline V spread_${size}(const float *p) { return SHUFFLE(load(p), load(p), ${pairs}); }
`;
}

/** 8 → [4, 2, 1]. */
function halvesOf(count: number): number[] {
  const halves: number[] = [];
  for (let half = count / 2; half >= 1; half /= 2) halves.push(half);
  return halves;
}

/** Functions whose text depends on the number of lanes: they shuffle. */
function shuffles(count: number): string {
  const turned = halvesOf(count).map((half) => `SHUFFLE(v, v, ${lanes(count, (lane) => (lane + half) % count)})`);
  const low = lanes(count, (lane) => (lane >> 1) + (lane & 1) * count);
  const high = lanes(count, (lane) => (lane >> 1) + (lane & 1) * count + count / 2);
  return `/* The sum of all lanes, always in the same order. */
static inline float sum_lanes(V v) {
${turned.map((other) => `  v += ${other};`).join("\n")}
  return v[0];
}
/* The largest of all lanes. */
static inline float largest_lane(V v) {
${turned.map((other) => `  v = largest(v, ${other});`).join("\n")}
  return v[0];
}
/* a0 b0 a1 b1 … of the first halves, and of the second halves. */
static inline V low_pairs(V a, V b) { return SHUFFLE(a, b, ${low}); }
static inline V high_pairs(V a, V b) { return SHUFFLE(a, b, ${high}); }
static const I LANE = {${lanes(count, (lane) => lane)}};
/* sum_groups_N: each lane gets the sum of its group of N lanes. spread_N: group g gets p[2 * g]; it reads a whole vector. */
${GROUPS.map((size) => groupText(count, size)).join("")}`;
}

/** The text itself. */
export const VECTORS: string = `#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

/* LANES numbers side by side. In memory they need not be aligned. */
typedef float V __attribute__((vector_size(4 * LANES)));
typedef int32_t I __attribute__((vector_size(4 * LANES)));
typedef V InMemory __attribute__((aligned(4), may_alias));

#define KERNEL static __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
#define EACH_LANE for (int lane = 0; lane < LANES; lane++)

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (I){__VA_ARGS__})
#endif

static inline V load(const float *p) { return *(const InMemory *)p; }
static inline void store(float *p, V v) { *(InMemory *)p = v; }
static inline V splat(float x) { return x - (V){0}; }
static inline long least(long a, long b) { return a < b ? a : b; }

/* The larger number in each lane; b where one is not a number. */
static inline V largest(V a, V b) {
  V v;
  EACH_LANE v[lane] = a[lane] > b[lane] ? a[lane] : b[lane];
  return v;
}
static inline V square_root(V a) {
  V v;
  EACH_LANE v[lane] = __builtin_sqrtf(a[lane]);
  return v;
}
/* a in the lanes where the mask is -1, b where it is 0. */
static inline V choose(I mask, V a, V b) { return (V)(((I)a & mask) | ((I)b & ~mask)); }

#if LANES == 16
${shuffles(16)}#elif LANES == 8
${shuffles(8)}#else
${shuffles(4)}#endif

/*
 * 2^x for x < 127: x = n + r with n = round(x); n is shifted into the exponent, 2^r is a polynomial. Below -126.5 the
 * result is 0; what is not a number stays so.
 */
#define LOWEST -3e38f
static inline V exp2_of(V x) {
  const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, in the low bits */
  x = largest(splat(-127.0f), x);
  V n = x + rounder;
  V r = x - (n - rounder);
  V y = splat(${float(EXP2[0])});
${EXP2.slice(1)
  .map((coefficient) => `  y = y * r + ${float(coefficient)};`)
  .join("\n")}
  return y * (V)(((I)n << 23) + (I)splat(1.0f));
}
`;
