/** The formats of `microgpt export`, by name. Each has a file of its own. */
import { InputError, quote } from "../errors.ts";
import { gguf } from "./gguf.ts";
import { gpt2, gpt2Untied } from "./gpt2.ts";
import { html } from "./html.ts";
import type { Format } from "./model.ts";
import { onnx } from "./onnx.ts";
import { pytorch } from "./pytorch.ts";

/** Name → format, in the order of the documents. */
export const FORMATS: Readonly<Record<string, Format>> = { pytorch, onnx, gpt2, "gpt2-untied": gpt2Untied, gguf, html };

/** The format of a name. Throws InputError that lists the names. */
export function formatNamed(name: string): Format {
  if (Object.hasOwn(FORMATS, name)) return FORMATS[name];
  throw new InputError(`--to: expected one of ${Object.keys(FORMATS).join(", ")}, got ${quote(name)}`);
}
