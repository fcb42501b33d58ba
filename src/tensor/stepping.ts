/**
 * A training step for CPU backends, which can await the result of each pass: run the passes, sum the losses, update.
 * The GPU backend (`backend/webgpu/session.ts`) has its own step, which tests on the GPU whether all numbers are finite.
 */
import { adamNumbers } from "../training/adam.ts";
import type { AdamNumbers } from "../training/adam.ts";
import type { PackedTokens, ProgramOutput, Session } from "./backend.ts";
import type { StepResult, Update } from "../training/engine.ts";
import type { Ranks, StepShare } from "../training/ranks.ts";
import type { Program } from "./program.ts";

/** A session with a separate call to update its weights, and access to its gradients between the passes and the update. */
export interface UpdatableSession extends Pick<Session, "run"> {
  /** All gradients in its memory, padding included, which is 0. */
  readonly gradients: Float32Array | Float64Array;
  /** Sum of the squares of all gradients. Call it after changing them. */
  sumSquares(): Promise<number>;
  /** Runs the program's `update` section: Adam on every weight. */
  update(program: Program, adam: AdamNumbers): Promise<void>;
}

/** Implements `Session.step`, pass by pass. Does not update if the loss or a gradient is not finite. */
export async function stepInPasses(
  session: UpdatableSession,
  program: Program,
  passes: Iterable<PackedTokens>,
  tokens: number,
  update: Update,
  share: StepShare | null,
): Promise<StepResult> {
  const { dropoutSeed = 0 } = update;
  let [lossSum, firstToken, done] = [0, share?.firstToken ?? 0, 0];
  for (const packed of passes) {
    const isLast = ++done === share?.passes;
    const afterPhase = isLast ? (phase: number): void => beginSums(session, program, phase, share.ranks) : undefined;
    const options = { firstRow: 0, lossScale: 1 / tokens, accumulate: done > 1, dropoutSeed, firstToken, afterPhase };
    const result = await session.run(program, packed, options);
    const rows = packed.documents[packed.documents.length - 1];
    lossSum += sumLosses(result, rows);
    firstToken += rows;
  }
  if (share !== null) {
    if (done === 0) {
      session.gradients.fill(0); // they are still those of the last step
      for (const phase of program.phases.keys()) beginSums(session, program, phase, share.ranks);
    }
    [lossSum] = await share.ranks.sum([lossSum]);
  }
  const gradientSquares = await session.sumSquares();
  const loss = lossSum / tokens;
  if (!Number.isFinite(loss) || !Number.isFinite(gradientSquares)) return { loss, applied: false };
  await session.update(program, adamNumbers(update, Math.sqrt(gradientSquares)));
  return { loss, applied: true };
}

/** Begins to sum the gradients that are final after a phase, over all ranks. */
function beginSums({ gradients }: UpdatableSession, { buckets }: Program, phase: number, ranks: Ranks): void {
  for (const bucket of buckets) if (bucket.phase === phase) ranks.begin(gradients.subarray(bucket.start, bucket.end));
}

/**
 * Statistics [rows, 2] → the sum of the rows' losses in nats. In f64 and in order, so that it is the same everywhere.
 */
export function sumLosses({ data, stride }: ProgramOutput, rows: number): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += Math.log(data[row * stride]) + data[row * stride + 1];
  return sum;
}

/** Statistics [rows, 2] → the loss of one row in nats. */
export const tokenLoss = ({ data, stride }: ProgramOutput, row: number): number =>
  Math.log(data[row * stride]) + data[row * stride + 1];
