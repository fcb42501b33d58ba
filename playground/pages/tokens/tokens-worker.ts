/** The worker of the Tokens page: keeps the tokenizers that it learnt last. */
import { encodeAll, learnAll } from "./encodings.ts";
import type { LearntTokenizers } from "./encodings.ts";
import type { TokensCall, TokensMessage } from "./tokens-protocol.ts";

let learnt: LearntTokenizers | null = null;

function answer(call: TokensCall): TokensMessage {
  if (call.type === "learn") {
    learnt = learnAll(call.text, call.maxMerges, call.unk);
    return { type: "learnt", merges: learnt.merges };
  }
  if (learnt === null) throw new Error("no tokenizer has been learnt yet");
  return { type: "encoded", encodings: encodeAll(learnt, call.merges, call.text ?? learnt.text) };
}

addEventListener("message", ({ data }: MessageEvent<TokensCall>) => {
  let message: TokensMessage;
  try {
    message = answer(data);
  } catch (error) {
    message = { type: "failed", message: error instanceof Error ? error.message : String(error) };
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  postMessage(message);
});
