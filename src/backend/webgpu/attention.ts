/**
 * WGSL of causal attention within documents, forward and backward, by FlashAttention's method (Dao et al. 2022): scores
 * are recomputed where they are needed, and the [T, T] matrix is never stored.
 *
 *              keys of the document
 *              0  1  2  3  4
 *   query  0   ■                       Forward and dQuery: a row group holds one query in registers and
 *          1   ■  ■                    loops over a row of this triangle.
 *          2   ■  ■  ■                 dKey and dValue: a row group holds one key and one value and loops
 *          3   ■  ■  ■  ■              over a column of it.
 *          4   ■  ■  ■  ■  ■
 *
 * A row group is 1 to 8 invocations that share the columns of one head. Neighbouring row groups loop over the same rows
 * at about the same time, so most of their reads hit the cache.
 */
import type { Buffer, Heads, InstructionOf } from "../../tensor/instructions.ts";
import { dispatchOf, unroll } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Scalars, Shader } from "./shader.ts";

/** Invocations per workgroup. */
const SIZE = 64;

/** How a row of a head is divided among the lanes of a row group. */
interface HeadSplit {
  /** Invocations per row. */
  readonly lanes: number;
  /** Vectors per lane: lane l has the vectors l, l + lanes, l + 2 · lanes, … of the head. */
  readonly vectors: number;
  /** All heads of the layer. */
  readonly heads: Heads;
}

/**
 * Doubles the lanes until each has at most four vectors, which stay in registers. Summing over lanes takes subgroups;
 * without them one lane has the whole head.
 */
function splitHead(shader: Shader, heads: Heads): HeadSplit {
  const all = heads.stride / 4;
  const most = Math.min(8, shader.target.subgroup);
  let lanes = 1;
  while (2 * lanes <= most && all / lanes > 4 && all % (2 * lanes) === 0) lanes *= 2;
  return { lanes, vectors: all / lanes, heads };
}

/** Defines `row_sum(value)`: the sum over the lanes of a row group, for four values at a time. */
function defineRowSum(shader: Shader, { lanes }: HeadSplit): void {
  const levels: string[] = [];
  for (let distance = 1; distance < lanes; distance *= 2) {
    levels.push(`  all += subgroupShuffleXor(all, ${distance}u);`);
  }
  shader.define(
    "row_sum",
    `fn row_sum(value: vec4f) -> vec4f {\n  var all = value;\n${levels.join("\n")}\n  return all;\n}`,
  );
}

/** A row group per row and head; the head is `group.z`. */
const dispatchSizeOf =
  ({ lanes, heads }: HeadSplit): ShaderKernel["dispatchSize"] =>
  ({ from, to }) => {
    const [x, y] = dispatchOf(Math.ceil((to - from) / (SIZE / lanes)));
    return [x, y, heads.count];
  };

/** Statements that set `row`, `valid`, `head` and `first`, this lane's first vector in a row of all heads. */
const findRowAndHead = ({ lanes, heads }: HeadSplit): string => `
  let own_row = run.begin + (group.x + group.y * groups.x) * ${SIZE / lanes}u + local / ${lanes}u;
  let valid = own_row < run.end;
  let row = min(own_row, run.end - 1u);
  let head = group.z;
  let first = head * ${heads.stride / 4}u + local % ${lanes}u;`;

/** Statements that load this lane's vectors of a row: `name0`, `name1`, … */
const loadVectors = (split: HeadSplit, name: string, matrix: ShaderMatrix, row: string): string =>
  unroll(split.vectors, (i) => `  let ${name}${i} = ${matrix.load(row, at(split, i))};`);

/** Index of this lane's vector `index` in a row of all heads. */
const at = ({ lanes }: HeadSplit, index: number): string => `first + ${index * lanes}u`;

/** This lane's share of a dot product a · b. */
const dots = ({ vectors }: HeadSplit, a: string, b: string): string =>
  Array.from({ length: vectors }, (_, i) => `dot(${a}${i}, ${b}${i})`).join(" + ");

/** Statements that declare `name0`, `name1`, … = 0. */
const zeros = ({ vectors }: HeadSplit, name: string): string => unroll(vectors, (i) => `  var ${name}${i} = vec4f();`);

/** 1 / √(head size), as a literal. */
const scaleOf = ({ heads }: HeadSplit): string => (1 / Math.sqrt(heads.size)).toPrecision(9);

/** Rows per iteration: their loads overlap, and a vec4 holds their four scores. */
const UNROLLED = 4;

/**
 * A loop over the rows `from` ≤ j < `to`, four per iteration, then one per iteration.
 * @param body WGSL of an iteration, given a letter per row: row a is the variable `row_a`.
 */
function loopOverRows(from: string, to: string, body: (letters: readonly string[]) => string): string {
  const loop = (count: number): string => {
    const letters = Array.from({ length: count }, (_, i) => "abcd"[i]);
    return `  for (; j + ${count - 1}u < last; j += ${count}u) {
${letters.map((letter, i) => `  let row_${letter} = j + ${i}u;`).join("\n")}
${body(letters)}
  }`;
  };
  return `  var j = ${from};\n  let last = ${to};\n${loop(UNROLLED)}\n${loop(1)}`;
}

/** WGSL: a vec4f of up to four expressions, filled up with `rest`. */
const vectorOf = (texts: readonly string[], rest = "0.0"): string =>
  `vec4f(${Array.from({ length: 4 }, (_, i) => texts[i] ?? rest).join(", ")})`;

/** The component of a vec4 that belongs to a row's letter: b → y. */
const component = (letter: string): string => "xyzw"["abcd".indexOf(letter)];

/**
 * out = softmax(query · keyᵀ / √size) · value, causal, per head, in one pass (online softmax). statistics [T, 2·H]: per
 * head the largest query · key of the row, and 1 / Σ exp((query · key − largest) / √size).
 */
export function attention(shader: Shader, { to, from, heads }: InstructionOf<"attention">): ShaderKernel {
  const split = splitHead(shader, heads);
  const [out, statistics] = [shader.write(to.out), shader.scalars(to.statistics.buffer, true)];
  const [query, key, value] = [from.query, from.key, from.value].map((view) => shader.read(view));
  defineRowSum(shader, split);
  // Online softmax: `top` is the largest score so far. A larger one scales the sums so far by `fade`.
  const body = (letters: readonly string[]): string => `
${letters.map((letter) => loadVectors(split, `k${letter}`, key, `row_${letter}`)).join("\n")}
  let scores = row_sum(${vectorOf(letters.map((letter) => dots(split, "q", `k${letter}`)))});
  let higher = max(top, ${letters.map((letter) => `scores.${component(letter)}`).reduce((a, b) => `max(${a}, ${b})`)});
  let fade = exp((top - higher) * ${scaleOf(split)});
  top = higher;
  let weights = exp((scores - higher) * ${scaleOf(split)});
  total = total * fade + ${letters.map((letter) => `weights.${component(letter)}`).join(" + ")};
${letters.map((letter) => loadVectors(split, `v${letter}`, value, `row_${letter}`)).join("\n")}
${unroll(split.vectors, (i) => `  o${i} *= fade;`)}
${letters
  .map((letter) =>
    unroll(split.vectors, (i) => `  o${i} = fma(vec4f(weights.${component(letter)}), v${letter}${i}, o${i});`),
  )
  .join("\n")}`;
  return shader.kernel(
    `${findRowAndHead(split)}
${loadVectors(split, "q", query, "row")}
${zeros(split, "o")}
  var top = -3.4028234e38;
  var total = 0.0;
${loopOverRows("start_of(row)", "row + 1u", body)}
  let inverse = 1.0 / total;
  if (valid) {
${unroll(split.vectors, (i) => `    ${out.store("row", at(split, i), `o${i} * inverse`)}`)}
    ${statistics.at("row", "2u * head")} = top;
    ${statistics.at("row", "2u * head + 1u")} = inverse;
  }`,
    SIZE,
    dispatchSizeOf(split),
  );
}

/**
 * WGSL: the gradient of a score, `slope` = p · (dp − dOut · out) · scale, with the probability p and its gradient
 * dp = dOut · value (Dao et al. 2022, algorithm 4).
 */
const scoreGrad = (scale: string): string => `
  let slope = p * (dp - out_dot) * ${scale};`;

/**
 * dQuery = Σ over the keys up to the query: slope · key.
 * @param outDots [T, H], receives dOut · out of each query, which `attentionKeyValueGrad` reads.
 */
export function attentionQueryGrad(
  shader: Shader,
  { to, from, heads }: InstructionOf<"attentionGrad">,
  outDots: Buffer,
): ShaderKernel {
  const split = splitHead(shader, heads);
  const dQuery = shader.write(to.dQuery);
  const [query, key, value] = [from.query, from.key, from.value].map((view) => shader.read(view));
  const [dOut, out] = [shader.read(from.dOut), shader.read(from.out)];
  const [statistics, dotsOfOut] = [shader.scalars(from.statistics.buffer, false), shader.scalars(outDots, true)];
  defineRowSum(shader, split);
  const body = (letters: readonly string[]): string => `
${letters.map((letter) => loadVectors(split, `k${letter}`, key, `row_${letter}`)).join("\n")}
${letters.map((letter) => loadVectors(split, `v${letter}`, value, `row_${letter}`)).join("\n")}
  let s = row_sum(${vectorOf(letters.map((letter) => dots(split, "q", `k${letter}`)))});
  let dp = row_sum(${vectorOf(letters.map((letter) => dots(split, "g", `v${letter}`)))});
  let p = exp((s - largest) * ${scaleOf(split)}) * inverse;
${scoreGrad(scaleOf(split))}
${letters
  .map((letter) =>
    unroll(split.vectors, (i) => `  d${i} = fma(vec4f(slope.${component(letter)}), k${letter}${i}, d${i});`),
  )
  .join("\n")}`;
  return shader.kernel(
    `${findRowAndHead(split)}
${loadVectors(split, "q", query, "row")}
${loadVectors(split, "g", dOut, "row")}
${loadVectors(split, "o", out, "row")}
${zeros(split, "d")}
  let out_dot = row_sum(vec4f(${dots(split, "g", "o")})).x;
  let largest = ${statistics.at("row", "2u * head")};
  let inverse = ${statistics.at("row", "2u * head + 1u")};
${loopOverRows("start_of(row)", "row + 1u", body)}
  if (valid) {
${unroll(split.vectors, (i) => `    ${dQuery.store("row", at(split, i), `d${i}`)}`)}
    ${dotsOfOut.at("row", "head")} = out_dot;
  }`,
    SIZE,
    dispatchSizeOf(split),
  );
}

/**
 * dKey = Σ slope · query and dValue = Σ p · dOut, over the queries from the key to the end of its document.
 * @param outDots [T, H], as written by `attentionQueryGrad`.
 */
export function attentionKeyValueGrad(
  shader: Shader,
  { to, from, heads }: InstructionOf<"attentionGrad">,
  outDots: Buffer,
): ShaderKernel {
  const split = splitHead(shader, heads);
  const [dKey, dValue] = [shader.write(to.dKey), shader.write(to.dValue)];
  const [query, key, value, dOut] = [from.query, from.key, from.value, from.dOut].map((view) => shader.read(view));
  const [statistics, dotsOfOut] = [shader.scalars(from.statistics.buffer, false), shader.scalars(outDots, false)];
  defineRowSum(shader, split);
  const ofRows = (letters: readonly string[], numbers: Scalars, column: string): string =>
    vectorOf(letters.map((letter) => numbers.at(`row_${letter}`, column)));
  const body = (letters: readonly string[]): string => `
${letters.map((letter) => loadVectors(split, `q${letter}`, query, `row_${letter}`)).join("\n")}
${letters.map((letter) => loadVectors(split, `g${letter}`, dOut, `row_${letter}`)).join("\n")}
  let s = row_sum(${vectorOf(letters.map((letter) => dots(split, "k", `q${letter}`)))});
  let dp = row_sum(${vectorOf(letters.map((letter) => dots(split, "v", `g${letter}`)))});
  let largest = ${ofRows(letters, statistics, "2u * head")};
  let out_dot = ${ofRows(letters, dotsOfOut, "head")};
  let p = exp((s - largest) * ${scaleOf(split)}) * ${ofRows(letters, statistics, "2u * head + 1u")};
${scoreGrad(scaleOf(split))}
${letters
  .map((letter) =>
    unroll(
      split.vectors,
      (i) => `  dk${i} = fma(vec4f(slope.${component(letter)}), q${letter}${i}, dk${i});
  dv${i} = fma(vec4f(p.${component(letter)}), g${letter}${i}, dv${i});`,
    ),
  )
  .join("\n")}`;
  return shader.kernel(
    `${findRowAndHead(split)}
${loadVectors(split, "k", key, "row")}
${loadVectors(split, "v", value, "row")}
${zeros(split, "dk")}
${zeros(split, "dv")}
${loopOverRows("row", "end_of(row)", body)}
  if (valid) {
${unroll(split.vectors, (i) => `    ${dKey.store("row", at(split, i), `dk${i}`)}`)}
${unroll(split.vectors, (i) => `    ${dValue.store("row", at(split, i), `dv${i}`)}`)}
  }`,
    SIZE,
    dispatchSizeOf(split),
  );
}
