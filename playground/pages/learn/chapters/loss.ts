/** Chapter 3. */
import type { Chapter } from "./chapter.ts";

/** The loss. */
export const loss: Chapter = {
  name: "loss",
  title: "How wrong is a guess?",
  summary: "−log of the probability that the model gave to what came: one number to make small.",
  before: [
    "To compare two models, and later to improve one, a single number must say how good its guesses are. The model gave each of the 27 tokens a probability; then one of them came. Only the probability p of that one counts.",
    "The *loss* is −log p, here with the natural logarithm, so its unit is called nat. The loss of a name is the mean over its letters, and the loss of a model the mean over many letters.",
  ],
  question: {
    text: "A model guesses blindly: every token has probability 1/27. What is its loss?",
    answers: [
      {
        text: "26/27, since it is wrong that often",
        isRight: false,
        why: "That would be the share of wrong guesses. The loss asks how much probability the right token got.",
      },
      {
        text: "ln 27, about 3.3",
        isRight: true,
        why: "−ln(1/27) = ln 27 = 3.296. Every training on these names starts near it, and whatever is below it has been learned.",
      },
      {
        text: "It depends on the letters",
        isRight: false,
        why: "A blind guess gives every letter the same probability, so the loss is the same whatever comes.",
      },
    ],
  },
  task: "Move the probability. What does it cost to be sure and wrong?",
  widget: "mg-surprise",
  load: () => import("../widgets/surprise.ts"),
  after: [
    "Why the logarithm? The probability of a whole name is the product of its letters' probabilities, and the logarithm makes a sum of it. It also punishes false certainty: as p goes to 0, the loss grows without limit.",
    "A model's last step produces a score per token, any number, called *logit*. `softmax` makes probabilities of them: e to the power of each, divided by the sum. `documentLoss` then takes −log of the right one at every position, and averages.",
  ],
  excerpts: [
    { from: "/** Any numbers [n] → probabilities", until: "/** Per layer, [positions]" },
    { from: "/** The mean of −log p(next token)", until: "/** Adam (Kingma" },
  ],
};
