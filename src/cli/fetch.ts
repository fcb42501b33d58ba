/**
 * `microgpt fetch`: prints the cleaned text of pages.
 */
import type { FetchOptions, TrainOptions } from "../options/train-options.ts";
import { Corpus } from "../text/corpus.ts";
import { InputError } from "../errors.ts";
import { writeOutput } from "../node/output.ts";
import { showPath } from "../errors.ts";
import { TextSet } from "../text/text-set.ts";
import { cleaningText, counted } from "../run/cleaning.ts";
import { cleaningOf } from "../text/corpus.ts";
import { PageLog } from "./downloads.ts";
import { RUNS_DIRECTORY } from "./flags.ts";
import { gather, locate, sourcesOf } from "../run/sources.ts";
import { createReporter } from "./reporters.ts";
import { jsonLine, printable } from "../run/format.ts";

/** Where the text goes, and how. */
export interface FetchFlags {
  /** A file; null: standard output. */
  readonly path: string | null;
  /** Whether standard output gets events, the documents among them, in place of the text. */
  readonly json: boolean;
}

/** Writes the text to a file or standard output; messages go to standard error. */
export async function fetchTexts(
  options: FetchOptions & Pick<TrainOptions, "urls">,
  { path, json }: FetchFlags,
): Promise<number> {
  if (options.urls.length === 0 && options.urlFile === null) {
    throw new InputError("fetch: no page is named; give addresses, or --url-file");
  }
  const log = new PageLog(process.stderr);
  const pages = locate({ ...options, data: [], field: null, encoding: null });
  const listener = json ? createReporter(true) : log;
  const sources = sourcesOf(await gather(pages, listener, RUNS_DIRECTORY), pages);
  const corpus = new Corpus(sources, { ...options, reference: false });
  const seen = new TextSet();
  const documents: string[] = [];
  let count = 0;
  for (const document of corpus.read()) {
    count++;
    if (seen.add(document) || options.keepDuplicates) documents.push(document);
  }
  const end = options.documents === "line" ? "\n" : "\n\n";
  const text = documents.map((document) => document + end).join("");
  if (path !== null) writeOutput(path, text);
  if (json) {
    const events = path === null ? documents.map((document) => ({ event: "document", text: document })) : [];
    const result = { event: "result", documents: documents.length, duplicates: count - documents.length, out: path };
    process.stdout.write([...events, result].map(jsonLine).join(""));
    return 0;
  }
  log.say(`${counted(documents.length, "document")}, ${counted(count - documents.length, "duplicate")} dropped`);
  const cleaned = cleaningText(cleaningOf(corpus, sources));
  if (cleaned !== "") log.say(`cleaned    ${cleaned}`);
  if (path !== null) {
    log.say(`written to ${showPath(path)}`);
  } else {
    // A file or a pipe gets the text unchanged.
    process.stdout.write(process.stdout.isTTY ? printable(text) : text);
  }
  return 0;
}
