/** Chapter 7. */
import type { Chapter } from "./chapter.ts";

/** Attention. */
export const attention: Chapter = {
  name: "attention",
  title: "Attention: which earlier letters matter",
  summary: "Each letter asks a question of all letters before it, and reads the answers by how well they match.",
  before: [
    "So far, a letter knows itself and its position. Attention is the one place where it learns about the letters before it.",
    "Each letter computes three vectors from its x: a *query*, what it looks for; a *key*, what it is found by; and a *value*, what is read from it. The query is compared with every key so far by a dot product. `softmax` makes weights of the scores, and the answer is the average of the values with those weights. Four *heads* do that side by side, each with a quarter of the numbers, so a letter can look for four things at once.",
  ],
  question: {
    text: "While it learns from “emma”, may the letter e look at the two m's?",
    answers: [
      {
        text: "Yes, during training they are known",
        isRight: false,
        why: "Then the model could read the answer instead of predicting it, and would know nothing when it writes, letter by letter.",
      },
      {
        text: "No, only at BOS and itself",
        isRight: true,
        why: "The keys and values are put into a cache as the letters are read. When e is read, the cache holds BOS and e; what is not there can't be seen.",
      },
      {
        text: "Only at the first m",
        isRight: false,
        why: "That is the letter it should predict: seeing it would give the answer away.",
      },
    ],
  },
  task: "Type a name and choose the letter that looks back. Do the heads look at different letters? Which one looks at the letter itself, or at the one before?",
  widget: "mg-attention-view",
  load: () => import("../widgets/attention-view.ts"),
  after: [
    "Nobody told the heads what to look for. The matrices of query, key and value began as random numbers, and gradient descent shaped them.",
    "How much is it worth? [The ladder](#/learn/ladder) has the same model with its cache emptied before every letter. Its loss is higher, and yet below that of counting pairs: the position alone tells much. After so short a training, one head and four differ by next to nothing; more steps and longer texts give them more to do.",
  ],
  excerpts: [
    { from: "/** Per layer, [positions]", until: "/** A token at position 0" },
    { from: "const project = ", until: "// MLP: work on" },
    { from: "/** Each head compares", until: "── 5. " },
  ],
};
