/**
 * The files of a run with copies of its texts, so that a page, which cannot read them from the disk, can resume it, and with
 * its losses so far, so that the page can draw them. Differs from `node/run-files.ts`, which reads the run's directory only.
 */
import { join } from "node:path";
import { InputError } from "../errors.ts";
import type { RunFiles } from "../library/run-files.ts";
import { toJsonText } from "../library/json-text.ts";
import { newestCheckpoint } from "../library/run-files.ts";
import { isEvaluationLine, METRICS_NAME, metricsFile, thinned } from "../library/run-metrics.ts";
import { linesUpTo } from "../node/metrics.ts";
import { Run } from "../node/run-directory.ts";
import { readRunFiles } from "../node/run-files.ts";
import type { TextSource } from "../node/text.ts";
import type { DocumentKind } from "../text/dataset.ts";
import { runSources } from "./sources.ts";

/** The most characters of text that are copied: a page holds them in memory, with their tokens. */
const MAX_CHARACTERS = 100e6;

/** Files, and what the caller should say of them. */
export interface PortableRun {
  /** The run's files, with its texts in `pages/`, and its losses, thinned to some thousand steps. */
  readonly files: RunFiles;
  /** Why there are no texts; null: there are. */
  readonly withoutTexts: string | null;
}

/**
 * Reads a run, as far as another process needs it, its texts and its losses. Only reads. Throws InputError that names the
 * run's file at fault; texts and losses that cannot be read are left out.
 */
export async function readPortableRun(path: string): Promise<PortableRun> {
  const files = new Map(readRunFiles(path));
  const metrics = metricsUpTo(path, files);
  if (metrics !== null) files.set(METRICS_NAME, metrics);
  try {
    const run = Run.open(path);
    const texts = textsOf(await runSources(run), run.options.documents);
    for (const name of files.keys()) if (name.startsWith("pages/")) files.delete(name);
    const encoder = new TextEncoder();
    for (const [i, { text }] of texts.entries()) {
      files.set(`pages/${String(i + 1).padStart(4, "0")}.txt`, encoder.encode(text));
    }
    files.set("pages/pages.json", encoder.encode(toJsonText(texts.map(({ name }) => ({ name })))));
    return { files, withoutTexts: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { files, withoutTexts: error.message };
  }
}

/** The losses up to the checkpoint, which a training that is under way is ahead of; null: they cannot be read. */
function metricsUpTo(path: string, files: RunFiles): Uint8Array | null {
  const step = newestCheckpoint(files)?.step ?? 0;
  try {
    return metricsFile(thinned(linesUpTo(join(path, METRICS_NAME), { step, evaluation: { step } }), isEvaluationLine));
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

interface NamedText {
  readonly name: string;
  readonly text: string;
}

const SEPARATOR: Readonly<Record<DocumentKind, string | null>> = { line: "\n", paragraph: "\n\n", file: null };

/** Each source as one text; of a table whose rows are documents, each row. Throws InputError if they are too long. */
function textsOf(sources: readonly TextSource[], documents: DocumentKind): readonly NamedText[] {
  let characters = 0;
  const chunksOf = (source: TextSource): string[] => {
    const chunks: string[] = [];
    for (const chunk of source.chunks()) {
      chunks.push(chunk);
      if ((characters += chunk.length) > MAX_CHARACTERS)
        throw new InputError(`the texts have more than ${MAX_CHARACTERS / 1e6} million characters`);
    }
    return chunks;
  };
  return sources.flatMap((source) => {
    const chunks = chunksOf(source);
    const separator = source.hasRows ? SEPARATOR[documents] : "";
    const texts = separator === null ? chunks : [chunks.join(separator)];
    return texts.map((text) => ({ name: source.name, text }));
  });
}
