/** Chapter 6. */
import type { Chapter } from "./chapter.ts";

/** Embeddings and the residual stream. */
export const embeddings: Chapter = {
  name: "embeddings",
  title: "A letter becomes sixteen numbers",
  summary: "Embeddings, and x, the stream that every part of the model reads and adds to.",
  before: [
    "A table of pairs treats every letter as a stranger: what it learns about a helps nothing with e. A GPT describes each token by a vector instead, here of sixteen numbers, its *embedding*, a row of `wte`. Letters that behave alike can get similar rows. A second table, `wpe`, describes the position.",
    "Their sum, normalized, is called x. It then passes through the model, and each part *adds* to it: attention adds what it found in earlier letters, the MLP adds what it makes of that. At the end, `lm_head` turns x into 27 logits.",
  ],
  question: {
    text: "Why does each part add to x, instead of replacing it?",
    answers: [
      { text: "To save memory", isRight: false, why: "A sum takes as much memory as any other operation here." },
      {
        text: "Because x would become too small otherwise",
        isRight: false,
        why: "The size is the business of `rmsnorm`, which scales a vector to a mean square of 1.",
      },
      {
        text: "So that gradients pass, and nothing is lost",
        isRight: true,
        why: "A sum has the local derivative 1, so the gradient reaches the early parts undamped, and a part with nothing to say can add almost 0. x on its way is called the *residual stream*.",
      },
    ],
  },
  task: "The rows are x on its way through a model that this page has just trained. Look at the guesses on the right: what would the model say if it ended there? Choose other letters.",
  widget: "mg-residual-stream",
  load: () => import("../widgets/residual-stream.ts"),
  after: [
    "The numbers are those of the very run: each logit is a `Value` that remembers its children, so the page walks back from the logits and reads x at every stage.",
    "All weights start as small random numbers. A matrix has one row per number that comes out, and `linear` is one `dot` per row.",
  ],
  excerpts: [
    { from: "── 3. ", until: "── 4. " },
    { from: "const linear = ", until: "/** Any numbers [n] → probabilities" },
    { from: "/** A token at position 0", until: "const project = " },
  ],
};
