/** What the Play page says of a loss curve. */
import { expect, test } from "vitest";
import { baselinesOf, verdictOf } from "../../playground/pages/play/milestones.ts";

const BASELINES = baselinesOf({ baselines: { uniform: 3.4, unigram: 2.9, bigram: 2.4 } });
const evaluations = (...losses: number[]) => losses.map((heldOutLoss, i) => ({ step: 100 * (i + 1), heldOutLoss }));

test.each([
  ["no evaluation", [], 3.3, /^Not evaluated yet\.$/],
  ["a model that learns", [2.8, 2.3], 2.2, /^Held-out loss 2\.300 at step 200\. By step 200 it beat counting pairs/],
  ["noise above the best", [2.3, 2.35], 1.5, /^Held-out loss 2\.350 at step 200\. By step 100 it beat/],
  ["a training that diverges", [2.3, 9], 8.7, /^Held-out loss 9\.000/],
  ["a curve that was not seen", [2.3, 9], Number.NaN, /^Held-out loss 9\.000/],
  ["a training that has hardly begun", [3.45], 3.44, /still worse than guessing blindly\.$/],
] as const)("%s is judged by its held-out loss", (_, losses, trainingLoss, says) => {
  expect(verdictOf(BASELINES, evaluations(...losses), trainingLoss)).toMatch(says);
});

test("a text that is learnt by heart is called that, beside the best loss that there was", () => {
  expect(verdictOf(BASELINES, evaluations(2.3, 2.9, 4.123), 0.0748)).toBe(
    "It has learnt the training text by heart (loss 0.075) and is lost on other text: held-out loss 4.123 at step 300; at step 100 it was 2.300. More text helps, more steps do not.",
  );
});

test("a model that was never better than guessing is compared with that", () => {
  expect(verdictOf(BASELINES, evaluations(12.289), 0.07)).toMatch(
    /held-out loss 12\.289 at step 100; guessing blindly costs 3\.400\./,
  );
});
