/** Chapter 5. */
import type { Chapter } from "./chapter.ts";

/** Gradient descent. */
export const descent: Chapter = {
  name: "descent",
  title: "Learning: a step against the gradient",
  summary: "A table of pairs learns by gradient descent what counting knows at once.",
  before: [
    "The gradient says in which direction the loss grows. So move every weight a little in the *other* direction, compute the loss again, and repeat. That is gradient descent, and it is how every model from here on learns.",
    "Take the table of pairs again, but don't count. Start with 729 logits of 0, let `softmax` make probabilities of each row, compute the loss on the names, call `backward`, and move each logit by −learning rate · gradient.",
  ],
  question: {
    text: "After many steps, which probabilities does the table of pairs come to?",
    answers: [
      {
        text: "Better ones than counting gives",
        isRight: false,
        why: "On the names it learns from, no table of pairs can have a lower loss than the shares that counting gives.",
      },
      {
        text: "Those that counting gives",
        isRight: true,
        why: "The lowest loss that a table of pairs can have belongs to the counted shares. Gradient descent finds them without being told how to count. For larger models nobody knows what to count, and it works all the same.",
      },
      {
        text: "All pairs end equally likely",
        isRight: false,
        why: "They start so. The first step already moves each logit by how far its probability is from the share in the names.",
      },
    ],
  },
  task: "Take single steps, then run. Start again with a learning rate of 1, and with 200.",
  widget: "mg-pair-descent",
  load: () => import("../widgets/pair-descent.ts"),
  after: [
    "A step that is too small wastes time, and one that is too large jumps over the valley. Frequent letters learn fast, rare ones slowly, because the gradient of a row is in proportion to how often the row occurs. Chapter 9 has a remedy.",
    "`main` is the whole program: read the names, draw the weights, then per step one name, its loss, `backward`, a move of all weights. The learning rate falls to 0 on the way, so that the last steps settle instead of jumping about.",
  ],
  excerpts: [
    { from: "── 5. ", until: "/** The mean of −log p(next token)" },
    { from: "── 7. ", until: "// As a command" },
  ],
};
