/** Trains the plain core and traces one step of it, away from the page: some hundred milliseconds. */
import names from "../../../data/names.txt?raw";
import { buffersOf } from "../../../src/trace/trace.ts";
import { serveCalls } from "../../run/calls.ts";
import type { CallOf } from "../../run/calls.ts";
import { finiteDifference, learned, refusal, tracedOn } from "./learner.ts";
import type { Learner } from "./learner.ts";
import type { StepData, StepMethods } from "./protocol.ts";

/** The model before the step that was traced last, and that step's document. */
let learner: Learner | null = null;
let document = "";

function trace({ document: asked, stepsBefore }: Parameters<StepMethods["trace"]>[0]): StepData {
  if (learner?.step !== stepsBefore) learner = learned(names, stepsBefore);
  const message = refusal(learner, asked);
  if (message !== null) throw new Error(message);
  document = asked;
  return {
    step: tracedOn(learner, document),
    characters: [...learner.vocabulary.characters, "BOS"],
    meanBefore: learner.adam.mean.slice(),
    meanSquareBefore: learner.adam.meanSquare.slice(),
  };
}

function check(weight: number): number {
  if (learner === null) throw new Error("No step has been traced yet.");
  return finiteDifference(learner, document, weight);
}

const isStepData = (result: unknown): result is StepData =>
  typeof result === "object" && result !== null && "step" in result;

serveCalls<StepMethods>(
  ({ method, argument }: CallOf<StepMethods>) => (method === "trace" ? trace(argument) : check(argument)),
  (result) => (isStepData(result) ? buffersOf(result.step.trace) : []),
);
