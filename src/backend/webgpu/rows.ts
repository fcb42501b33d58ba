/**
 * WGSL of the kernels whose result for a row depends on that row alone: RMSNorm, ReLU, sums, embeddings, the loss.
 * Products are in `matmul.ts`; attention, which reads other rows, is in `attention.ts`.
 */
import { RMSNORM_EPSILON } from "../constants.ts";
import type { Buffer, InstructionOf, View } from "../../tensor/instructions.ts";
import { dropThreshold, HASH_ROUNDS, keptScale } from "../../training/dropout.ts";
import { add, defineReduction, dispatchOf, findRow, maximum, rowGroupDispatch, rowGroupFor } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader, RowGroup } from "./shader.ts";

/** A loop of a row group over the vectors `c` of its row. */
const overVectors = ({ vectors }: ShaderMatrix, { lanes }: RowGroup, body: string): string =>
  `  for (var c = lane; c < ${vectors}u; c += ${lanes}u) {\n${body}\n  }`;

/** out = x · r, with r = (mean of x² over the row + 1e-5)^-½ */
export function rmsnorm(shader: Shader, { to, from }: InstructionOf<"rmsnorm">): ShaderKernel {
  const [out, x] = [shader.write(to.out), shader.read(from.x)];
  const rowGroup = rowGroupFor(x.vectors);
  defineReduction(shader, "row_sum", rowGroup, add);
  return shader.kernel(
    `${findRow(rowGroup)}
${inverseRoot(x, rowGroup)}
  if (valid) {
${overVectors(x, rowGroup, `    ${out.store("row", "c", `${x.load("row", "c")} * r`)}`)}
  }`,
    rowGroup.size,
    rowGroupDispatch(rowGroup),
  );
}

/** Statements that set `r` = (mean of x² over the row + 1e-5)^-½. */
const inverseRoot = (x: ShaderMatrix, rowGroup: RowGroup): string => `
  var squares = 0.0;
${overVectors(x, rowGroup, `    let v = ${x.load("row", "c")};\n    squares += dot(v, v);`)}
  let r = inverseSqrt(row_sum(squares, local) / ${x.columns}.0 + ${RMSNORM_EPSILON});`;

/** out = dOut · r − x · r³ · (dOut · x) / C [+ plus], with r as in `rmsnorm` */
export function rmsnormGrad(shader: Shader, { to, from }: InstructionOf<"rmsnormGrad">): ShaderKernel {
  const [out, x, dOut] = [shader.write(to.out), shader.read(from.x), shader.read(from.dOut)];
  const plus = from.plus === undefined ? "" : ` + ${shader.read(from.plus).load("row", "c")}`;
  const rowGroup = rowGroupFor(x.vectors);
  defineReduction(shader, "row_sum", rowGroup, add);
  const own = `${dOut.load("row", "c")} * r - ${x.load("row", "c")} * slope`;
  return shader.kernel(
    `${findRow(rowGroup)}
${inverseRoot(x, rowGroup)}
  var dot_product = 0.0;
${overVectors(x, rowGroup, `    dot_product += dot(${dOut.load("row", "c")}, ${x.load("row", "c")});`)}
  let slope = r * r * r * row_sum(dot_product, local) / ${x.columns}.0;
  if (valid) {
${overVectors(x, rowGroup, `    ${out.store("row", "c", own + plus)}`)}
  }`,
    rowGroup.size,
    rowGroupDispatch(rowGroup),
  );
}

/** A kernel with one invocation per vector of `to`. @param value WGSL, given how to read the same vector of a view. */
function vectorwise(shader: Shader, to: View, value: (at: (from: View) => string) => string): ShaderKernel {
  const out = shader.write(to);
  const text = value((from) => shader.read(from).load("row", "c"));
  return shader.kernel(
    `  let index = (group.x + group.y * groups.x) * 64u + local;
  let row = run.begin + index / ${out.vectors}u;
  let c = index % ${out.vectors}u;
  if (row < run.end) {
    ${out.store("row", "c", text)}
  }`,
    64,
    (rows) => dispatchOf(Math.ceil(((rows.to - rows.from) * out.vectors) / 64)),
  );
}

/** out = max(0, x) */
export const relu = (shader: Shader, { to, from }: InstructionOf<"relu">): ShaderKernel =>
  vectorwise(shader, to.out, (at) => reluOf(at(from.x)));

/** WGSL: ReLU of a vec4f. Written as a comparison so that NaN stays NaN: `max` may turn it into 0 and hide it. */
export const reluOf = (value: string): string => `select(${value}, vec4f(), ${value} < vec4f())`;

/** out = dOut where y > 0, else 0 */
export const reluGrad = (shader: Shader, { to, from }: InstructionOf<"reluGrad">): ShaderKernel =>
  vectorwise(shader, to.out, (at) => `select(vec4f(), ${at(from.dOut)}, ${at(from.y)} > vec4f())`);

/** WGSL function: `hash32` of `training/dropout.ts`, four at once. */
const HASH = `fn hash32(value: vec4u) -> vec4u {
  var x = value;
${HASH_ROUNDS.map(({ shift, factor }) => `  x = (x ^ (x >> vec4u(${shift}u))) * ${factor}u;`).join("\n")}
  return x;
}`;

/** out = x / (1 − rate) where kept, 0 where dropped [+ plus]. @param siteNumber a buffer that holds the site's number. */
export function dropout(
  shader: Shader,
  { to, from, dropout: { rate } }: InstructionOf<"dropout">,
  siteNumber: Buffer,
): ShaderKernel {
  const site = shader.scalars(siteNumber, false).at("0u", "0u");
  shader.define("hash32", HASH);
  shader.define(
    "kept",
    `fn kept(site: u32, row: u32, c: u32) -> vec4f {
  let site_seed = hash32(vec4u(run.dropout_seed ^ site));
  let row_seed = hash32(site_seed ^ vec4u(run.first_token + row));
  let bits = hash32(row_seed ^ (vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u)));
  return select(vec4f(), vec4f(${Math.fround(keptScale(rate))}), bits >= vec4u(${dropThreshold(rate)}u));
}`,
  );
  const plus = from.plus === undefined ? "" : ` + ${shader.read(from.plus).load("row", "c")}`;
  return vectorwise(shader, to.out, (at) => `${at(from.x)} * kept(u32(${site}), row, c)${plus}`);
}

/** out = a + b */
export const sum = (shader: Shader, { to, from }: InstructionOf<"add">): ShaderKernel =>
  vectorwise(shader, to.out, (at) => `${at(from.a)} + ${at(from.b)}`);

/** out[t] = tokenTable[token of t] + positionTable[position of t] */
export function embed(shader: Shader, instruction: InstructionOf<"embed">): ShaderKernel {
  const { to, tokenTable, positionTable } = instruction;
  const [tokens, positions] = [tokenTable, positionTable].map(({ data }) =>
    shader.read({ buffer: data, column: 0, columns: data.columns }),
  );
  return vectorwise(
    shader,
    to.out,
    () => `${tokens.load("token_at(row)", "c")} + ${positions.load("position_at(row)", "c")}`,
  );
}

/** statistics[t] = [Σ exp(logit − top), top − target's logit], top being the largest: loss = log(first) + second */
export function crossEntropy(shader: Shader, { to, from }: InstructionOf<"crossEntropy">): ShaderKernel {
  const [statistics, logits] = [shader.write(to.statistics), shader.read(from.logits)];
  return lossKernel(shader, statistics, logits, null);
}

/**
 * The same statistics, and dLogits = (softmax − one-hot of the target) · run.loss_scale.
 * @param scale WGSL that follows `run.loss_scale`: "", or ` * …` with the scale of f16 gradients.
 */
export function crossEntropyGrad(
  shader: Shader,
  { to, from }: InstructionOf<"crossEntropyGrad">,
  scale: string,
): ShaderKernel {
  const statistics = shader.write(to.statistics);
  return lossKernel(shader, statistics, shader.read(from.logits), shader.write(to.dLogits), scale);
}

/** The lowest finite f32: the maximum over nothing. */
const LOWEST = "-3.4028234e38";

function lossKernel(
  shader: Shader,
  statistics: ShaderMatrix,
  logits: ShaderMatrix,
  dLogits: ShaderMatrix | null,
  scale = "",
): ShaderKernel {
  const rowGroup = rowGroupFor(logits.vectors, 256);
  defineReduction(shader, "row_sum", rowGroup, add);
  defineReduction(shader, "row_max", rowGroup, maximum);
  const { columns } = logits;
  // Padding is read as 0, which may be larger than every logit.
  const real = columns % 4 === 0 ? "v" : `select(vec4f(${LOWEST}), v, indexes < vec4u(${columns}u))`;
  const read = `    let v = ${logits.load("row", "c")};
    let indexes = vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u);`;
  const gradient =
    dLogits === null
      ? ""
      : `
  if (valid) {
${overVectors(
  logits,
  rowGroup,
  `${read}
    let hot = select(vec4f(), vec4f(1.0), indexes == vec4u(goal));
    ${dLogits.store("row", "c", `(exp(${real} - top) / total - hot) * (run.loss_scale${scale})`)}`,
)}
  }`;
  return shader.kernel(
    `${findRow(rowGroup)}
  let goal = target_at(row);
  var highest = ${LOWEST};
  var wanted = 0.0;
${overVectors(
  logits,
  rowGroup,
  `${read}
    let w = ${real};
    highest = max(highest, max(max(w.x, w.y), max(w.z, w.w)));
    if (goal / 4u == c) { wanted = v[goal % 4u]; }`,
)}
  let top = row_max(highest, local);
  let logit = row_sum(wanted, local);
  var exponentials = 0.0;
${overVectors(logits, rowGroup, `${read}\n    exponentials += dot(exp(${real} - top), vec4f(1.0));`)}
  let total = row_sum(exponentials, local);
  if (valid && lane == 0u) {
    ${statistics.store("row", "0u", "vec4f(total, top - logit, 0.0, 0.0)")}
  }${gradient}`,
    rowGroup.size,
    rowGroupDispatch(rowGroup),
  );
}
