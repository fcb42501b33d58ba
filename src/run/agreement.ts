/** What all ranks of a training must have in common, compared by hash before the first step. */
import { InputError } from "../errors.ts";
import { optionsTextOf } from "../library/run-config.ts";
import { tokenizerTextOf } from "../library/run-files.ts";
import type { TrainingData } from "../library/training-data.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { VERSION } from "../options/version.ts";
import { sha256 } from "../training/checkpoint.ts";
import type { Ranks } from "../training/ranks.ts";
import type { Progress } from "../training/train.ts";

/** Throws InputError, on all ranks, if one of them has another version, other options, other data or another tokenizer. */
export async function mustBeSame(ranks: Ranks, options: ResolvedOptions, data: TrainingData): Promise<void> {
  await mustAgree(ranks, [
    ["another version of microgpt", VERSION],
    ["other options", optionsTextOf(options)],
    ["other data", data.dataHash],
    ["another tokenizer", tokenizerTextOf(data.tokenizer)],
  ]);
}

/** The same for the checkpoints from which the ranks resume. */
export async function mustResumeSame(ranks: Ranks, progress: Progress): Promise<void> {
  await mustAgree(ranks, [["another checkpoint", JSON.stringify(progress)]]);
}

async function mustAgree(ranks: Ranks, texts: readonly (readonly [difference: string, text: string])[]): Promise<void> {
  for (const [difference, text] of texts) {
    const other = await ranks.findOther(await sha256(text));
    if (other === null) continue;
    throw new InputError(`rank ${other} has ${difference} than rank 0; give all ranks the same command and files`);
  }
}
