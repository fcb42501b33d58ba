/** Trains one core, away from the page. One message starts it; it reports each evaluation, then the outcome. */
import { cores } from "virtual:variants";
import names from "../../../data/names.txt?raw";
import * as intact from "../../../src/microgpt.ts";
import { trial } from "./trial.ts";
import type { Outcome, Point } from "./trial.ts";
import type { VariantName } from "./variants.ts";

/** Page → worker. */
export interface TrialRequest {
  /** null: intact. */ readonly variant: VariantName | null;
  /** Of the first weights. */ readonly seed: number;
}

/** Worker → page. */
export type TrialMessage =
  | { readonly type: "point"; readonly point: Point }
  | { readonly type: "done"; readonly outcome: Outcome };

async function run({ variant, seed }: TrialRequest): Promise<void> {
  const core = variant === null ? intact : await cores[variant]();
  const running = trial({ core, intact }, names, seed);
  const post = (message: TrialMessage): void => postMessage(message);
  let next = running.next();
  for (; next.done !== true; next = running.next()) post({ type: "point", point: next.value });
  post({ type: "done", outcome: next.value });
}

addEventListener("message", ({ data }: MessageEvent<TrialRequest>) => void run(data));
