/** WGSL of the kernels that work on rows of the batch, each on its own: RMSNorm, ReLU, sums, embeddings, the loss. */
import type { InstructionOf, View } from "../../tensor/instructions.ts";
import { add, defineReduction, inRows, largest, rowGroupFor, teamGroups, teamRow } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader, RowGroup } from "./shader.ts";

const EPSILON = "1e-5";

/** A loop of the row's lanes over its vectors. */
const overVectors = ({ vectors }: ShaderMatrix, { lanes }: RowGroup, body: string): string =>
  `  for (var c = lane; c < ${vectors}u; c += ${lanes}u) {\n${body}\n  }`;

export function rmsnorm(shader: Shader, { to, from }: InstructionOf<"rmsnorm">): ShaderKernel {
  const [out, x] = [shader.write(to.out), shader.read(from.x)];
  const team = rowGroupFor(x.vectors);
  defineReduction(shader, "sum", team, add);
  return shader.kernel(
    `${teamRow(team)}
${inverseRoot(x, team)}
  if (valid) {
${overVectors(x, team, `    ${out.store("row", "c", `${x.load("row", "c")} * r`)}`)}
  }`,
    team.size,
    teamGroups(team),
  );
}

/** `r` = (mean of x² + 1e-5)^-½ */
const inverseRoot = (x: ShaderMatrix, team: RowGroup): string => `
  var squares = 0.0;
${overVectors(x, team, `    let v = ${x.load("row", "c")};\n    squares += dot(v, v);`)}
  let r = inverseSqrt(sum(squares, local) / ${x.columns}.0 + ${EPSILON});`;

export function rmsnormGrad(shader: Shader, { to, from }: InstructionOf<"rmsnormGrad">): ShaderKernel {
  const [out, x, dOut] = [shader.write(to.out), shader.read(from.x), shader.read(from.dOut)];
  const plus = from.plus === undefined ? "" : ` + ${shader.read(from.plus).load("row", "c")}`;
  const team = rowGroupFor(x.vectors);
  defineReduction(shader, "sum", team, add);
  const own = `${dOut.load("row", "c")} * r - ${x.load("row", "c")} * slope`;
  return shader.kernel(
    `${teamRow(team)}
${inverseRoot(x, team)}
  var along = 0.0;
${overVectors(x, team, `    along += dot(${dOut.load("row", "c")}, ${x.load("row", "c")});`)}
  let slope = r * r * r * sum(along, local) / ${x.columns}.0;
  if (valid) {
${overVectors(x, team, `    ${out.store("row", "c", own + plus)}`)}
  }`,
    team.size,
    teamGroups(team),
  );
}

/** A kernel of which every invocation writes one vector of `out`. */
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
    (rows) => inRows(Math.ceil(((rows.to - rows.from) * out.vectors) / 64)),
  );
}

export const relu = (shader: Shader, { to, from }: InstructionOf<"relu">): ShaderKernel =>
  vectorwise(shader, to.out, (at) => reluOf(at(from.x)));

/** As written, what is no number stays none: `max` would make 0 of it, and nobody would see it. */
export const reluOf = (value: string): string => `select(${value}, vec4f(), ${value} < vec4f())`;

export const reluGrad = (shader: Shader, { to, from }: InstructionOf<"reluGrad">): ShaderKernel =>
  vectorwise(shader, to.out, (at) => `select(vec4f(), ${at(from.dOut)}, ${at(from.y)} > vec4f())`);

export const sum = (shader: Shader, { to, from }: InstructionOf<"add">): ShaderKernel =>
  vectorwise(shader, to.out, (at) => `${at(from.a)} + ${at(from.b)}`);

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

export function crossEntropy(shader: Shader, { to, from }: InstructionOf<"crossEntropy">): ShaderKernel {
  const [statistics, logits] = [shader.write(to.statistics), shader.read(from.logits)];
  return lossKernel(shader, statistics, logits, null);
}

/** @param scale what gradients are multiplied by on their way, in text. */
export function crossEntropyGrad(
  shader: Shader,
  { to, from }: InstructionOf<"crossEntropyGrad">,
  scale: string,
): ShaderKernel {
  const statistics = shader.write(to.statistics);
  return lossKernel(shader, statistics, shader.read(from.logits), shader.write(to.dLogits), scale);
}

/** The least number of f32, for a maximum over nothing. */
const LEAST = "-3.4028234e38";

function lossKernel(
  shader: Shader,
  statistics: ShaderMatrix,
  logits: ShaderMatrix,
  dLogits: ShaderMatrix | null,
  scale = "",
): ShaderKernel {
  const team = rowGroupFor(logits.vectors, 256);
  defineReduction(shader, "sum", team, add);
  defineReduction(shader, "most", team, largest);
  const { columns } = logits;
  // Behind the last column there is 0, which may be larger than every logit.
  const real = columns % 4 === 0 ? "v" : `select(vec4f(${LEAST}), v, indexes < vec4u(${columns}u))`;
  const read = `    let v = ${logits.load("row", "c")};
    let indexes = vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u);`;
  const gradient =
    dLogits === null
      ? ""
      : `
  if (valid) {
${overVectors(
  logits,
  team,
  `${read}
    let hot = select(vec4f(), vec4f(1.0), indexes == vec4u(goal));
    ${dLogits.store("row", "c", `(exp(${real} - top) / total - hot) * (run.loss_scale${scale})`)}`,
)}
  }`;
  return shader.kernel(
    `${teamRow(team)}
  let goal = target_at(row);
  var highest = ${LEAST};
  var wanted = 0.0;
${overVectors(
  logits,
  team,
  `${read}
    let w = ${real};
    highest = max(highest, max(max(w.x, w.y), max(w.z, w.w)));
    if (goal / 4u == c) { wanted = v[goal % 4u]; }`,
)}
  let top = most(highest, local);
  let logit = sum(wanted, local);
  var exponentials = 0.0;
${overVectors(logits, team, `${read}\n    exponentials += dot(exp(${real} - top), vec4f(1.0));`)}
  let total = sum(exponentials, local);
  if (valid && lane == 0u) {
    ${statistics.store("row", "0u", "vec4f(total, top - logit, 0.0, 0.0)")}
  }${gradient}`,
    team.size,
    teamGroups(team),
  );
}
