/**
 * The files around the weights that Hugging Face's libraries read, in Python and in JavaScript: `tokenizer.json`,
 * `tokenizer_config.json`, `generation_config.json`. What the architecture is called, `config.json`, differs by format.
 *
 * Every text begins with BOS here, and a client must add it by itself. Two places say so, and both are needed: a
 * `TemplateProcessing` in `tokenizer.json`, and `add_bos_token` in `tokenizer_config.json`, without which the pipeline of
 * transformers.js writes other texts and fails on an empty prompt.
 */
import { toJsonText } from "../library/json-text.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { bosName, toHuggingFace } from "../text/tokenizers/hugging-face.ts";
import { UNK } from "../text/tokenizers/vocabulary.ts";
import { bytesOf } from "./model.ts";
import type { ExportedFiles, ExportedModel } from "./model.ts";

/** What `tokenizer.json` cannot say of a tokenizer. */
export function tokenizerRefusals({ tokenizer }: Pick<ExportedModel, "tokenizer">): string[] {
  if (tokenizer.kind !== "word" || tokenizer.unk !== null) return [];
  return [
    "Hugging Face's tokenizer.json cannot skip unknown words, as this tokenizer does; train with --unk, which gives them a token",
  ];
}

/** What goes another way there than here, by the tokenizer's kind: sentences for the model card. */
export function tokenizerLimits({ tokenizer }: Pick<ExportedModel, "tokenizer">): string[] {
  const name = bosName(tokenizer);
  const special = `A text that contains \`${name}\` is read as if the text ended there.`;
  switch (tokenizer.kind) {
    case "word":
      return [special, "Decoding puts spaces around quotes: the format cannot count which of them open."];
    case "bpe":
      return [
        special,
        "A word ends with a space, also the last of a prompt. Pipelines that decode prompt and continuation apart lose the space between them: decode all tokens together.",
      ];
    case "char":
    case "byte-bpe":
      return [special];
  }
  return tokenizer.kind satisfies never;
}

/** The fields of `config.json` that every architecture has. Ids as transformers calls them. */
export function sharedConfig({ tokenizer, config }: Pick<ExportedModel, "tokenizer" | "config">): object {
  return {
    vocab_size: config.vocabSize,
    bos_token_id: tokenizer.bos,
    eos_token_id: tokenizer.bos,
    pad_token_id: tokenizer.bos,
    tie_word_embeddings: false,
    dtype: "float32",
  };
}

/** `tokenizer.json`, `tokenizer_config.json` and `generation_config.json`. */
export function tokenizerFiles({ tokenizer, config }: Pick<ExportedModel, "tokenizer" | "config">): ExportedFiles {
  const { bos } = tokenizer;
  const name = bosName(tokenizer);
  const tokenizerConfig = {
    tokenizer_class: "PreTrainedTokenizerFast",
    add_bos_token: true,
    bos_token: name,
    eos_token: name,
    pad_token: name,
    ...(tokenizer.unk === null ? {} : { unk_token: UNK }),
    clean_up_tokenization_spaces: false,
    model_max_length: config.blockSize,
  };
  const generation = {
    bos_token_id: bos,
    eos_token_id: bos,
    pad_token_id: bos,
    max_new_tokens: config.blockSize,
  };
  return new Map([
    ["tokenizer.json", bytesOf(toJsonText(withBos(tokenizer)))],
    ["tokenizer_config.json", bytesOf(toJsonText(tokenizerConfig))],
    ["generation_config.json", bytesOf(toJsonText(generation))],
  ]);
}

/** `tokenizer.json` with BOS in front of every text. */
function withBos(tokenizer: Tokenizer): object {
  const name = bosName(tokenizer);
  const special = { SpecialToken: { id: name, type_id: 0 } };
  const text = (id: string): object => ({ Sequence: { id, type_id: 0 } });
  return {
    ...toHuggingFace(tokenizer),
    post_processor: {
      type: "TemplateProcessing",
      single: [special, text("A")],
      pair: [special, text("A"), special, text("B")],
      special_tokens: { [name]: { id: name, ids: [tokenizer.bos], tokens: [name] } },
    },
  };
}
