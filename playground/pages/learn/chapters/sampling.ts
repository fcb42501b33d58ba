/** Chapter 10. */
import type { Chapter } from "./chapter.ts";

/** Sampling. */
export const sampling: Chapter = {
  name: "sampling",
  title: "Dreaming: the model writes",
  summary: "Draw a letter from the probabilities, read it back in, repeat until BOS.",
  before: [
    "A trained model gives probabilities for the next letter. To write, start with BOS, draw a letter at random with those probabilities, read it as if it had been given, and draw the next, until BOS comes: the name is over.",
    "Before drawing, the logits may be divided by a *temperature*. Below 1, differences grow and likely letters become likelier still; above 1, they shrink.",
  ],
  question: {
    text: "At a temperature near 0, what does the model write?",
    answers: [
      {
        text: "Random letters",
        isRight: false,
        why: "That happens at the other end: at a very high temperature all tokens become equally likely.",
      },
      {
        text: "The same name again and again",
        isRight: true,
        why: "The likeliest letter gets almost all the probability at every step, so each draw gives the same. Variety needs chance.",
      },
      {
        text: "Only names from the training text",
        isRight: false,
        why: "The model keeps no list of names. The likeliest letters in a row may or may not form a known one.",
      },
    ],
  },
  task: "Draw a name letter by letter at temperature 1, then at 0.3 and at 2. Type a beginning of your own.",
  widget: "mg-temperature",
  load: () => import("../widgets/temperature.ts"),
  after: [
    "That is the whole algorithm. The large models differ in size, in data, in pieces of words instead of letters, and in much engineering; the loop of guess, loss, gradient, step is this one.",
    "Next: [train one yourself](#/play), [watch a single step number by number](#/step), or [break a line and see what happens](#/break).",
  ],
  excerpts: [{ from: "── 6. ", until: "── 7. " }],
};
