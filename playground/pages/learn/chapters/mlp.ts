/** Chapter 8. */
import type { Chapter } from "./chapter.ts";

/** The MLP and depth. */
export const mlp: Chapter = {
  name: "mlp",
  title: "The MLP, and depth",
  summary: "Sixty-four small detectors work on what attention gathered. Then the same again, deeper.",
  before: [
    "Attention only averages what is there. To make something new of it, x passes through a small network of two layers, each letter on its own: 16 numbers → 64 hidden units → 16 numbers, which are added to x.",
    "A hidden unit is a dot product of x with a row of weights, followed by *ReLU*: below 0 it becomes 0. So a unit is a detector. It is off for most inputs, and when it is on, it adds its column of the second matrix to x.",
  ],
  question: {
    text: "What would the MLP be without ReLU?",
    answers: [
      { text: "Slower", isRight: false, why: "It would even save some operations." },
      {
        text: "No more than a single matrix",
        isRight: true,
        why: "Two matrices one after the other are one matrix, their product. However many such layers, nothing could ever depend on “this *and* that”. The bend at 0 makes the difference.",
      },
      {
        text: "Exactly the same",
        isRight: false,
        why: "A unit below 0 would then subtract its column instead of staying silent.",
      },
    ],
  },
  task: "Each cell is a hidden unit of the trained model. Choose one that is on: which letters does it make likelier? Then choose another letter of the name, and move the depth.",
  widget: "mg-hidden-units",
  load: () => import("../widgets/hidden-units.ts"),
  after: [
    "What a unit adds to each logit is exact: after the last block, x only passes through `lm_head`, which is linear, so the contributions add up.",
    "Attention and MLP together are a *block*. A deeper model repeats it with other weights, and later blocks work on what earlier ones added. This one has a single block; the smallest GPT-2 has twelve, each much wider, and differs otherwise in the details that section 4 of the source names.",
  ],
  excerpts: [{ from: "// MLP: work on", until: "/** Each head compares" }],
};
