/** Which run a file belongs to. */
import type { TrainingData } from "../library/training-data.ts";
import type { Run } from "../node/run-directory.ts";
import { sha256 } from "../training/checkpoint.ts";
import type { Origin } from "../training/checkpoint.ts";

/** The origin that every checkpoint and model file of a run carries. @param step the step of the file. */
export async function originOf(
  { config, dataHash }: TrainingData,
  run: Pick<Run, "tokenizerText" | "optionsTextAt">,
  step: number,
): Promise<Origin> {
  const [tokenizerHash, optionsHash] = [await sha256(run.tokenizerText), await sha256(run.optionsTextAt(step))];
  return { config, dataHash, tokenizerHash, optionsHash };
}
