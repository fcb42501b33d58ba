/** Chapter 1. */
import type { Chapter } from "./chapter.ts";

/** Documents become tokens. */
export const tokens: Chapter = {
  name: "tokens",
  title: "A name becomes numbers",
  summary: "The model sees integers only. Each character is one, and one more marks both ends of a name.",
  before: [
    "Everything on these pages learns from 8,403 first names, one per line. A line is a *document*. The model's only task is to guess, letter by letter, how a document continues; a model that guesses well can also invent.",
    "A model calculates, so letters must become numbers first. Each distinct character of the text gets an integer, its *token*: a is 0, b is 1, up to z, which is 25.",
  ],
  question: {
    text: "The names use 26 letters. How many tokens does the model need?",
    answers: [
      {
        text: "26",
        isRight: false,
        why: "Then nothing could say that a name is over, and every invention would run on forever.",
      },
      {
        text: "27",
        isRight: true,
        why: "26 letters and BOS, “beginning of sequence”. One token serves both ends: before the first letter it means “begin”, and when the model predicts it, the name is over.",
      },
      {
        text: "28",
        isRight: false,
        why: "A beginning and an end of their own would work, too. One is enough: the model never has to tell them apart, because the end is only predicted and the beginning only read.",
      },
    ],
  },
  task: "Type a name and read its tokens. Try an empty field, and a letter with an accent.",
  widget: "mg-name-tokens",
  load: () => import("../widgets/name-tokens.ts"),
  after: [
    "A name of four letters asks five questions: what comes first, what after the first letter, and so on, and finally whether the name ends. Those questions are the whole training data.",
    "`buildVocabulary` collects the characters and sorts them, so the same text always gives the same tokens. `encode` looks each character up and puts BOS at both ends.",
  ],
  excerpts: [{ from: "── 1. ", until: "── 2. " }],
};
