/** What `microgpt tokenize` says of the encodings of its texts: which each is in, how that is known, and what else it could be. */
import { showPath } from "../errors.ts";
import type { Detection } from "../node/charset.ts";
import type { TextSource } from "../node/text.ts";
import { grouped, jsonLine } from "../run/format.ts";

/** More texts are counted only. */
const MAX_LISTED = 10;

const HOW: Readonly<Record<Detection["by"], string>> = {
  mark: "by its byte order mark",
  declaration: "as declared",
  form: "by the form of its bytes",
  guess: "guessed",
};

/** A line per text that is not in UTF-8; `""` if all are. Throws InputError as `TextSource.detection`. */
export function encodingLines(sources: readonly TextSource[], json: boolean): string {
  const found = sources
    .map(({ name, detection }) => ({ text: name, ...detection }))
    .filter(({ encoding }) => encoding !== "utf-8");
  if (found.length === 0) return "";
  if (json) return jsonLine({ event: "encodings", encodings: found });
  const lines = found.slice(0, MAX_LISTED).map(({ text, encoding, by, runnerUp }) => {
    const next = runnerUp === null ? "" : `; next likeliest: ${runnerUp}; --encoding NAME overrides`;
    return `${showPath(text)}: read as ${encoding} (${HOW[by]}${next})\n`;
  });
  const more = found.length - lines.length;
  return lines.join("") + (more > 0 ? `and ${grouped(more)} more texts that are not in UTF-8\n` : "") + "\n";
}
