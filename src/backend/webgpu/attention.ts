/**
 * WGSL of causal attention within documents, forward and backward, as flash attention has it (Dao et al. 2022): scores
 * are computed where they are needed and never lie in memory.
 *
 * A team of a few invocations keeps a row in registers, each some of the head's numbers, and walks along the other rows
 * of the document: a query past the keys before it, a key past the queries after it. Neighbours walk together, so that
 * what one reads is in the cache for all.
 */
import type { Buffer, Heads, InstructionOf, View } from "../../tensor/instructions.ts";
import { inRows, unroll } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Scalars, Shader } from "./shader.ts";

/** Invocations of a workgroup. */
const SIZE = 64;

/** How a head is divided: each of `lanes` has `vectors`, every `lanes`-th. */
interface Walk {
  readonly lanes: number;
  readonly vectors: number;
  readonly heads: Heads;
}

/** Few numbers in each lane, so that they stay in registers; sums over lanes need subgroups. */
function walkOf(shader: Shader, heads: Heads): Walk {
  const all = heads.stride / 4;
  const most = Math.min(8, shader.target.subgroup);
  let lanes = 1;
  while (2 * lanes <= most && all / lanes > 4 && all % (2 * lanes) === 0) lanes *= 2;
  return { lanes, vectors: all / lanes, heads };
}

/** Defines `team_sum`, over the lanes of a row. */
function defineTeamSum(shader: Shader, { lanes }: Walk): void {
  const steps: string[] = [];
  for (let distance = 1; distance < lanes; distance *= 2) {
    steps.push(`  all += subgroupShuffleXor(all, ${distance}u);`);
  }
  shader.define(
    "team_sum",
    `fn team_sum(value: vec4f) -> vec4f {\n  var all = value;\n${steps.join("\n")}\n  return all;\n}`,
  );
}

const groupsOf =
  ({ lanes, heads }: Walk): ShaderKernel["groups"] =>
  ({ from, to }) => {
    const [x, y] = inRows(Math.ceil((to - from) / (SIZE / lanes)));
    return [x, y, heads.count];
  };

/** `row`, `valid`, and the first vector of this lane in the columns of the head. */
const begin = ({ lanes, heads }: Walk): string => `
  let place = run.begin + (group.x + group.y * groups.x) * ${SIZE / lanes}u + local / ${lanes}u;
  let valid = place < run.end;
  let row = min(place, run.end - 1u);
  let head = group.z;
  let first = head * ${heads.stride / 4}u + local % ${lanes}u;`;

/** The vectors of this lane: `name0`, `name1`, … */
const fetch = (walk: Walk, name: string, matrix: ShaderMatrix, row: string): string =>
  unroll(walk.vectors, (i) => `  let ${name}${i} = ${matrix.load(row, at(walk, i))};`);

const at = ({ lanes }: Walk, index: number): string => `first + ${index * lanes}u`;

/** a · b over the vectors of this lane. */
const dots = ({ vectors }: Walk, a: string, b: string): string =>
  Array.from({ length: vectors }, (_, i) => `dot(${a}${i}, ${b}${i})`).join(" + ");

const zeros = ({ vectors }: Walk, name: string): string => unroll(vectors, (i) => `  var ${name}${i} = vec4f();`);

const scaleOf = ({ heads }: Walk): string => (1 / Math.sqrt(heads.size)).toPrecision(9);

/** Rows that are looked at in one go. */
const AT_ONCE = 4;

/**
 * A loop over rows, four in one go, and what is left one by one. `body` is given how many, as letters a, b, …, in whose
 * names `row_a`, `row_b`, … it finds them.
 */
function walkAlong(from: string, to: string, body: (letters: readonly string[]) => string): string {
  const loop = (count: number): string => {
    const letters = Array.from({ length: count }, (_, i) => "abcd"[i]);
    return `  for (; j + ${count - 1}u < last; j += ${count}u) {
${letters.map((letter, i) => `  let row_${letter} = j + ${i}u;`).join("\n")}
${body(letters)}
  }`;
  };
  return `  var j = ${from};\n  let last = ${to};\n${loop(AT_ONCE)}\n${loop(1)}`;
}

/** A vec4 of up to four texts; `rest` for those that are missing. */
const vectorOf = (texts: readonly string[], rest = "0.0"): string =>
  `vec4f(${Array.from({ length: 4 }, (_, i) => texts[i] ?? rest).join(", ")})`;

const component = (letter: string): string => "xyzw"["abcd".indexOf(letter)];

export function attention(shader: Shader, { to, from, heads }: InstructionOf<"attention">): ShaderKernel {
  const walk = walkOf(shader, heads);
  const [out, statistics] = [shader.write(to.out), shader.scalars(to.statistics.buffer, true)];
  const [query, key, value] = [from.query, from.key, from.value].map((view) => shader.read(view));
  defineTeamSum(shader, walk);
  // The largest so far, `top`, and what is summed under it; more that is larger makes both smaller.
  const body = (letters: readonly string[]): string => `
${letters.map((letter) => fetch(walk, `k${letter}`, key, `row_${letter}`)).join("\n")}
  let scores = team_sum(${vectorOf(letters.map((letter) => dots(walk, "q", `k${letter}`)))});
  let higher = max(top, ${letters.map((letter) => `scores.${component(letter)}`).reduce((a, b) => `max(${a}, ${b})`)});
  let fade = exp((top - higher) * ${scaleOf(walk)});
  top = higher;
  let weights = exp((scores - higher) * ${scaleOf(walk)});
  total = total * fade + ${letters.map((letter) => `weights.${component(letter)}`).join(" + ")};
${letters.map((letter) => fetch(walk, `v${letter}`, value, `row_${letter}`)).join("\n")}
${unroll(walk.vectors, (i) => `  o${i} *= fade;`)}
${letters
  .map((letter) =>
    unroll(walk.vectors, (i) => `  o${i} = fma(vec4f(weights.${component(letter)}), v${letter}${i}, o${i});`),
  )
  .join("\n")}`;
  return shader.kernel(
    `${begin(walk)}
${fetch(walk, "q", query, "row")}
${zeros(walk, "o")}
  var top = -3.4028234e38;
  var total = 0.0;
${walkAlong("start_of(row)", "row + 1u", body)}
  let inverse = 1.0 / total;
  if (valid) {
${unroll(walk.vectors, (i) => `    ${out.store("row", at(walk, i), `o${i} * inverse`)}`)}
    ${statistics.at("row", "2u * head")} = top;
    ${statistics.at("row", "2u * head + 1u")} = inverse;
  }`,
    SIZE,
    groupsOf(walk),
  );
}

/** ds = p·(dp − along)·scale with p = exp(s − largest)·inverse and along = do·o, which `dQuery` leaves for `dKeyValue`. */
const slopes = (scale: string): string => `
  let slope = p * (dp - along) * ${scale};`;

/** dQuery: each query past the keys before it. `along` [T, H] keeps do·o of each query. */
export function attentionQueryGrad(
  shader: Shader,
  { to, from, heads }: InstructionOf<"attentionGrad">,
  along: Buffer,
): ShaderKernel {
  const walk = walkOf(shader, heads);
  const dQuery = shader.write(to.dQuery);
  const [query, key, value] = [from.query, from.key, from.value].map((view) => shader.read(view));
  const [dOut, out] = [shader.read(from.dOut), shader.read(from.out)];
  const [statistics, alongs] = [shader.scalars(from.statistics.buffer, false), shader.scalars(along, true)];
  defineTeamSum(shader, walk);
  const body = (letters: readonly string[]): string => `
${letters.map((letter) => fetch(walk, `k${letter}`, key, `row_${letter}`)).join("\n")}
${letters.map((letter) => fetch(walk, `v${letter}`, value, `row_${letter}`)).join("\n")}
  let s = team_sum(${vectorOf(letters.map((letter) => dots(walk, "q", `k${letter}`)))});
  let dp = team_sum(${vectorOf(letters.map((letter) => dots(walk, "g", `v${letter}`)))});
  let p = exp((s - largest) * ${scaleOf(walk)}) * inverse;
${slopes(scaleOf(walk))}
${letters
  .map((letter) =>
    unroll(walk.vectors, (i) => `  d${i} = fma(vec4f(slope.${component(letter)}), k${letter}${i}, d${i});`),
  )
  .join("\n")}`;
  return shader.kernel(
    `${begin(walk)}
${fetch(walk, "q", query, "row")}
${fetch(walk, "g", dOut, "row")}
${fetch(walk, "o", out, "row")}
${zeros(walk, "d")}
  let along = team_sum(vec4f(${dots(walk, "g", "o")})).x;
  let largest = ${statistics.at("row", "2u * head")};
  let inverse = ${statistics.at("row", "2u * head + 1u")};
${walkAlong("start_of(row)", "row + 1u", body)}
  if (valid) {
${unroll(walk.vectors, (i) => `    ${dQuery.store("row", at(walk, i), `d${i}`)}`)}
    ${alongs.at("row", "head")} = along;
  }`,
    SIZE,
    groupsOf(walk),
  );
}

/** dKey and dValue: each key past the queries from it to its document's end. */
export function attentionKeyValueGrad(
  shader: Shader,
  { to, from, heads }: InstructionOf<"attentionGrad">,
  along: Buffer,
): ShaderKernel {
  const walk = walkOf(shader, heads);
  const [dKey, dValue] = [shader.write(to.dKey), shader.write(to.dValue)];
  const [query, key, value, dOut] = [from.query, from.key, from.value, from.dOut].map((view) => shader.read(view));
  const [statistics, alongs] = [shader.scalars(from.statistics.buffer, false), shader.scalars(along, false)];
  defineTeamSum(shader, walk);
  const ofRows = (letters: readonly string[], numbers: Scalars, column: string): string =>
    vectorOf(letters.map((letter) => numbers.at(`row_${letter}`, column)));
  const body = (letters: readonly string[]): string => `
${letters.map((letter) => fetch(walk, `q${letter}`, query, `row_${letter}`)).join("\n")}
${letters.map((letter) => fetch(walk, `g${letter}`, dOut, `row_${letter}`)).join("\n")}
  let s = team_sum(${vectorOf(letters.map((letter) => dots(walk, "k", `q${letter}`)))});
  let dp = team_sum(${vectorOf(letters.map((letter) => dots(walk, "v", `g${letter}`)))});
  let largest = ${ofRows(letters, statistics, "2u * head")};
  let along = ${ofRows(letters, alongs, "head")};
  let p = exp((s - largest) * ${scaleOf(walk)}) * ${ofRows(letters, statistics, "2u * head + 1u")};
${slopes(scaleOf(walk))}
${letters
  .map((letter) =>
    unroll(
      walk.vectors,
      (i) => `  dk${i} = fma(vec4f(slope.${component(letter)}), q${letter}${i}, dk${i});
  dv${i} = fma(vec4f(p.${component(letter)}), g${letter}${i}, dv${i});`,
    ),
  )
  .join("\n")}`;
  return shader.kernel(
    `${begin(walk)}
${fetch(walk, "k", key, "row")}
${fetch(walk, "v", value, "row")}
${zeros(walk, "dk")}
${zeros(walk, "dv")}
${walkAlong("row", "end_of(row)", body)}
  if (valid) {
${unroll(walk.vectors, (i) => `    ${dKey.store("row", at(walk, i), `dk${i}`)}`)}
${unroll(walk.vectors, (i) => `    ${dValue.store("row", at(walk, i), `dv${i}`)}`)}
  }`,
    SIZE,
    groupsOf(walk),
  );
}

/** A view of all of a buffer. */
export const wholeOf = (buffer: Buffer): View => ({ buffer, column: 0, columns: buffer.columns });
