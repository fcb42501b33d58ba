/** Chapter 2. */
import type { Chapter } from "./chapter.ts";

/** Counting pairs. */
export const counting: Chapter = {
  name: "counting",
  title: "A first model: count pairs",
  summary: "After q comes u. Counting what follows what already is a language model.",
  before: [
    "A language model is a function: *the tokens so far → how likely each next token is*. The simplest useful one forgets everything but the last letter and counts: of all the times an m occurs in the training names, how often does an a follow?",
    "Divide the counts of a row by their sum, and you have probabilities. No weights, no gradients, no training.",
  ],
  question: {
    text: "There are 27 × 27 = 729 possible pairs. How many of them occur in thousands of names?",
    answers: [
      {
        text: "fewer than 300",
        isRight: false,
        why: "Names are more varied than that: they come from many languages.",
      },
      {
        text: "about 500",
        isRight: true,
        why: "501. The others never occur in the training names, but a held-out name may still contain one. A model that calls it impossible would be infinitely wrong there, so each row gives a little of its probability to what it has not seen. That is called *smoothing*.",
      },
      { text: "all 729", isRight: false, why: "Many never meet, such as q and z." },
    ],
  },
  task: "Find the row of q. Then find the letter that most often begins a name, in the row of ·, and the one that most often ends one, in the column of ·.",
  widget: "mg-pair-map",
  load: () => import("../widgets/pair-map.ts"),
  after: [
    "The names that this model invents are poor, but far better than random letters: compare the first three rungs of [the ladder](#/learn/ladder).",
    "It can't improve, however much text it reads, because one letter says too little. To look back further by counting, the table would need 27 times the rows for each further letter, and most of them would stay empty. The model of the source has the same form, tokens so far → a score per next token, but it *computes* the scores from far fewer numbers than a table would need.",
  ],
  excerpts: [
    { from: "── 4. ", until: "const linear = " },
    { from: "/** A token at position 0", until: "let x = rmsnorm" },
  ],
};
