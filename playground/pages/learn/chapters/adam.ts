/** Chapter 9. */
import type { Chapter } from "./chapter.ts";

/** Adam. */
export const adam: Chapter = {
  name: "adam",
  title: "Adam: a step size per weight",
  summary: "m smooths the gradient, v measures its size, and their ratio is the step.",
  before: [
    "Plain gradient descent moves each weight by the same rate times its gradient. But the gradients of two weights can differ a thousandfold: the row of a is used in name after name, the row of q in few. A rate that suits one is wrong for the other.",
    "*Adam* keeps two running means per weight: m of its gradients g, and v of their squares. Each step, m = 0.85 · m + 0.15 · g: it keeps β₁ = 0.85 of what it was, and takes the rest from the new gradient; v = 0.99 · v + 0.01 · g², with β₂ = 0.99. So m is the direction with the noise of single names averaged out, √v the usual size of the gradient. The weight moves by −rate · m / √v, so each weight gets a step of its own, whatever the size of its gradients.",
  ],
  question: {
    text: "A weight's gradient is the same in every step. It becomes 100 times as large, in every step. How do Adam's steps change?",
    answers: [
      { text: "They become 100 times as large", isRight: false, why: "That is what plain gradient descent would do." },
      {
        text: "Not at all",
        isRight: true,
        why: "m and √v both become 100 times as large, and their ratio stays. With a steady gradient the ratio is 1 and the weight moves by the learning rate; the noisier the gradient, the smaller m is beside √v, and the shorter the step.",
      },
      {
        text: "They become 10 times as large",
        isRight: false,
        why: "The root is taken of v, the mean of the *squares*, so √v grows as fast as m.",
      },
    ],
  },
  task: "The curves are of a real training. Move the step, and read g, m, v and the update. Compare `lm_head[0][0]`, of the frequent letter a, with `lm_head[16][0]`, of the rare q.",
  widget: "mg-adam-trace",
  load: () => import("../widgets/adam-trace.ts"),
  after: [
    "Both means start at 0, so in the first steps they are too small. Dividing by 1 − βᵗ undoes that, where t counts the steps from 1: after the first step m̂ is g itself, v̂ is g², and the weight moves by the whole learning rate.",
    "The last rung of [the ladder](#/learn/ladder) is the same model, on the same names, with plain descent at the best rate of those tried. Adam needs less luck with the rate.",
  ],
  excerpts: [{ from: "/** Adam (Kingma", until: "── 6. " }],
};
