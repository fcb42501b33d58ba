/**
 * Ways to break the algorithm: each changes one line of src/microgpt.ts. The build makes a module of each (`build/variants.ts`);
 * a test checks that each line occurs once, that each variant compiles, and that its losses differ.
 */

/** Names of the variants, as in addresses. */
export type VariantName = "no-mask" | "no-residual" | "no-position" | "no-zero-grad" | "learning-rate" | "no-scale";

/** A change of one line. */
export interface Variant {
  /** As in addresses. */ readonly name: VariantName;
  /** What is missing. */ readonly title: string;
  /** The line of the source, whole. */ readonly from: string;
  /** The lines in its place; none to remove it. */ readonly to: readonly string[];
  /** What the line is for, and what its change does, without saying how it ends. */ readonly about: string;
  /** Why it ends as it does. */ readonly why: string;
}

const POSITIONS = "  const positions = Math.min(config.blockSize, tokens.length - 1);";

/** All variants, in the order of the page. */
export const VARIANTS: readonly [Variant, ...Variant[]] = [
  {
    name: "no-mask",
    title: "No mask",
    from: POSITIONS,
    to: [POSITIONS, "  for (let p = 1; p < positions; p++) gpt(weights, config, tokens[p], p, cache); // reads ahead"],
    about:
      "The core reads token by token, and a token attends to what is in the cache: that is its mask. The new line reads the " +
      "rest of the document before, so keys and values of the future are in the cache from the start. (What has been read " +
      "again is there twice; what matters is that the future is there at all.)",
    why:
      "The answer is in the cache: attention finds the next token's own value and copies it. That is the shortest way to a " +
      "small loss, and it teaches nothing about names. When the model writes, there is no future to copy from.",
  },
  {
    name: "no-residual",
    title: "No residual around attention",
    from: '    x = addVectors(project(attended, "attn_wo"), x); // residual: x itself stays, so gradients pass undamped',
    to: ['    x = project(attended, "attn_wo");'],
    about: "The residual keeps x and lets attention add to it. Without it, only what attention gathered is left of x.",
    why:
      "A token now reaches the rest of the model only as one of the values that attention averages, through two matrices " +
      "that begin as small random numbers. Which token was read last is the best hint for the next one, and it is blurred.",
  },
  {
    name: "no-position",
    title: "No position",
    from: "  let x = rmsnorm(addVectors(weights.wte[token], weights.wpe[position])); // [nEmbd]",
    to: ["  let x = rmsnorm(weights.wte[token]); // [nEmbd]"],
    about: "Each position has a vector that is added to the token's. Without it, attention sees a bag of letters.",
    why:
      "The residual carries the last letter, so the model still knows which one it is. What it loses is the order of the " +
      "letters before, and how far a name has come. A model this young hardly uses either yet.",
  },
  {
    name: "no-zero-grad",
    title: "Forgotten zero-grad",
    from: "      param.grad = 0;",
    to: [],
    about:
      "Gradients add up. The line clears them after each step; without it, each step sees the sum of all gradients so far.",
    why:
      "Adam gets the sum of all gradients since the first step: old directions, from weights that have long changed, never " +
      "fade. They act like a momentum without friction, so weights shoot past their goal and come back too late.",
  },
  {
    name: "learning-rate",
    title: "Learning rate × 100",
    from: "      param.data -= (learningRate * mHat) / (vHat ** 0.5 + epsilon);",
    to: ["      param.data -= (100 * learningRate * mHat) / (vHat ** 0.5 + epsilon);"],
    about: "m̂ / √v̂ is about 1 in size, so the learning rate is how far each weight moves: 0.01 at first, here 1.",
    why:
      "Weights begin at about 0.08 in size, and each step moves every one of them by about 1: the first step wipes out what " +
      "they were. A gradient holds only nearby, and no step stays nearby.",
  },
  {
    name: "no-scale",
    title: "No 1/√d",
    from: "    const scores = keys.map((key) => scale(dot(slice(query), slice(key)), headDim ** -0.5)); // [positions]",
    to: ["    const scores = keys.map((key) => dot(slice(query), slice(key))); // [positions]"],
    about: "Scores are dot products of d numbers, which grow with d; dividing by √d keeps the softmax from saturating.",
    why:
      "Each head here has d = 4 numbers, so the factor is only 1/2, and learned weights can make up for it. In a head of 64 " +
      "or 128 numbers, scores would be eight or eleven times as large.",
  },
];

/** The variant of an address; the first for any other text. */
export const variantOf = (name: string): Variant => VARIANTS.find((variant) => variant.name === name) ?? VARIANTS[0];

/** The source with one line changed. Throws Error unless the line occurs once. */
export function broken(source: string, { name, from, to }: Variant): string {
  const lines = source.split("\n");
  const at = lines.indexOf(from);
  if (at < 0 || lines.includes(from, at + 1))
    throw new Error(`variant ${name}: its line must occur once in microgpt.ts`);
  return [...lines.slice(0, at), ...to, ...lines.slice(at + 1)].join("\n");
}

/** A line of a difference. */
export interface DiffLine {
  /** "−" is removed, "+" is new, " " stays. */ readonly mark: " " | "−" | "+";
  /** Its number in the source; null for a new line. */ readonly line: number | null;
  /** The line. */ readonly text: string;
}

/** The difference, with `context` lines around it. */
export function differenceOf(source: string, { from, to }: Variant, context: number): DiffLine[] {
  const lines = source.split("\n");
  const at = lines.indexOf(from);
  const stays = (start: number, end: number): DiffLine[] =>
    lines.slice(start, end).map((text, i) => ({ mark: " ", line: start + i + 1, text }));
  const changed: DiffLine[] = to.includes(from)
    ? [{ mark: " ", line: at + 1, text: from }]
    : [{ mark: "−", line: at + 1, text: from }];
  const added = to.filter((text) => text !== from).map((text): DiffLine => ({ mark: "+", line: null, text }));
  return [...stays(Math.max(0, at - context), at), ...changed, ...added, ...stays(at + 1, at + 1 + context)];
}
