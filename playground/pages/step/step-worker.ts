/** Trains the plain core and traces one step of it, away from the page: some hundred milliseconds. */
import names from "../../../data/names.txt?raw";
import { buffersOf } from "../../../src/trace/trace.ts";
import { finiteDifference, learned, refusal, tracedOn } from "./learner.ts";
import type { Learner } from "./learner.ts";
import type { StepAnswer, StepData, StepRequest } from "./protocol.ts";

/** The model before the step that was traced last, and that step's document. */
let learner: Learner | null = null;
let document = "";

function answer(request: StepRequest): StepAnswer {
  const { id } = request;
  if (request.type === "check") {
    if (learner === null) return { type: "refused", id, message: "No step has been traced yet." };
    return { type: "checked", id, difference: finiteDifference(learner, document, request.weight) };
  }
  if (learner?.step !== request.stepsBefore) learner = learned(names, request.stepsBefore);
  const message = refusal(learner, request.document);
  if (message !== null) return { type: "refused", id, message };
  document = request.document;
  return { type: "traced", id, data: dataOf(learner) };
}

function dataOf(model: Learner): StepData {
  return {
    step: tracedOn(model, document),
    characters: [...model.vocabulary.characters, "BOS"],
    meanBefore: model.adam.mean.slice(),
    meanSquareBefore: model.adam.meanSquare.slice(),
  };
}

addEventListener("message", ({ data }: MessageEvent<StepRequest>) => {
  const reply = answer(data);
  postMessage(reply, { transfer: reply.type === "traced" ? buffersOf(reply.data.step.trace) : [] });
});
