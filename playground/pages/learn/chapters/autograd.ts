/** Chapter 4. */
import type { Chapter } from "./chapter.ts";

/** A number that remembers. */
export const autograd: Chapter = {
  name: "autograd",
  title: "A number that remembers",
  summary: "Each Value knows what it was computed from, so one walk back gives every derivative.",
  before: [
    "To make the loss smaller, we must know for every weight: if it grows a little, does the loss grow or shrink, and how fast? That is the derivative of the loss by the weight, its *gradient*. A small GPT has thousands of weights; trying each in turn would take thousands of runs.",
    "So every number of the computation is a `Value`, which remembers its children, the values it was computed from, and for each child the *local* derivative. For a·b the local derivative by a is b, and the one by b is a. `backward` starts at the result and multiplies along every path: the chain rule.",
  ],
  question: {
    text: "Let a = 2 and b = 3. How fast does a·b + a grow when a grows?",
    answers: [
      {
        text: "3, because a is multiplied by b",
        isRight: false,
        why: "That is one of two paths: a also enters the sum directly.",
      },
      {
        text: "4",
        isRight: true,
        why: "There are two paths from the result to a: through the product with b = 3, and directly with 1. The gradients of all paths add up: 3 + 1. That is why the source says `grad +=`.",
      },
      {
        text: "8, the value of the result",
        isRight: false,
        why: "The value says where the result is, the gradient how fast it changes.",
      },
    ],
  },
  task: "Run backward() and compare with the check below the graph, which moves a and computes again. Change a and b.",
  widget: "mg-value-graph",
  load: () => import("../widgets/value-graph.ts"),
  after: [
    "The whole model is made of the few operations below, each on one line: the value, its children, and the local derivatives. `dot` does in one `Value` what would take many of `mul` and `add`, for speed only.",
    "`backward` must not leave a value before every one of its parents has added to its gradient. It counts parents first, and takes a value when none is left.",
  ],
  excerpts: [{ from: "── 2. ", until: "── 3. " }],
};
