/** The worker of the race: trains the four models one after another and says how far it is, ten times per second. */
import { TOKENIZER_KINDS } from "../../../src/text/tokenizer.ts";
import { trainOne } from "./race.ts";
import type { RaceProgress, RaceRequest, RaceResult } from "./race.ts";

/** Worker → page. */
export type RaceMessage =
  | { readonly type: "progress"; readonly progress: RaceProgress }
  | { readonly type: "result"; readonly result: RaceResult }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "done" };

const INTERVAL_MS = 100;

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
const post = (message: RaceMessage): void => postMessage(message);

async function race(request: RaceRequest): Promise<void> {
  let sentMs = 0;
  for (const kind of TOKENIZER_KINDS) {
    const result = await trainOne(kind, request, (progress) => {
      if (performance.now() - sentMs < INTERVAL_MS) return;
      sentMs = performance.now();
      post({ type: "progress", progress });
    });
    post({ type: "result", result });
  }
  post({ type: "done" });
}

addEventListener("message", ({ data }: MessageEvent<RaceRequest>) => {
  race(data).catch((error: unknown) => {
    post({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  });
});
