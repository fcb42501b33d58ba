/** `microgpt report`: writes runs and sweeps as one HTML page. The page itself is made by `report/page.ts`. */
import { basename, resolve } from "node:path";
import { importances, ranked } from "../experiments/analysis.ts";
import type { ScoredCompletion, ReportData, ReportRun } from "../experiments/report-data.ts";
import { initialOptions, SAMPLE_OPTIONS } from "../options/config.ts";
import { InputError } from "../errors.ts";
import { readChartLibrary } from "./chart-library.ts";
import { readComparison } from "../sweep/comparison.ts";
import { writeOutput } from "../node/output.ts";
import { showPath } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { reportPage } from "../report/page.ts";
import { generate } from "../training/sample.ts";
import { readLines } from "./prompts.ts";
import { Pieces } from "../library/pieces.ts";
import { encodePrompt } from "../library/prompt.ts";
import { openWriter } from "../run/write.ts";
import { jsonLine } from "../run/format.ts";
import { VERSION } from "../options/version.ts";

/** What to write, and where. */
export interface ReportFlags {
  /** Path of the HTML file. */
  readonly out: string;
  /** A file of prompts for every run to complete; null: none. */
  readonly promptFile: string | null;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/**
 * Writes the page. Throws InputError for a path that is neither a run nor a sweep, or a file that cannot be written.
 */
export async function report(paths: readonly string[], { out, promptFile, json }: ReportFlags): Promise<number> {
  const prompts = promptFile === null ? [""] : readLines(promptFile);
  const { runs: read, pathOf } = readComparison(paths);
  const runs: ReportRun[] = [];
  for (const run of ranked(read)) {
    runs.push({ ...run, completions: await completionsOf(run, pathOf(run), prompts) });
  }
  const title = paths.length === 1 ? basename(resolve(paths[0])) : `${runs.length} runs`;
  const data: ReportData = { title, version: VERSION, runs, importance: importances(runs) };
  const target = writeOutput(out, reportPage(data, readChartLibrary()));
  // The page may be on the standard output.
  const line = json
    ? jsonLine({ event: "report", out, runs: runs.length })
    : `${showPath(out)}: ${runs.length} run${runs.length === 1 ? "" : "s"}\n`;
  (target === "file" ? process.stdout : process.stderr).write(line);
  return 0;
}

/** The best weights' completions of the prompts, with probabilities; empty if the run has no result yet. */
async function completionsOf(
  { bitsPerByte }: ReportRun,
  path: string,
  prompts: readonly string[],
): Promise<ScoredCompletion[]> {
  if (bitsPerByte === null) return [];
  const options = initialOptions(SAMPLE_OPTIONS);
  const completions: ScoredCompletion[] = [];
  try {
    for (const prompt of prompts) {
      const writer = await openWriter(Run.open(path), options.seed, () => undefined);
      const { engine, tokenizer, random } = writer;
      const { ids, open, text } = encodePrompt(writer, prompt, () => undefined);
      const tokens: ScoredCompletion["tokens"][number][] = [];
      const shown = new Pieces(tokenizer, ids, text);
      const draws = generate(engine, ids, engine.config.blockSize, random, options, open);
      for await (const { token, probability } of draws) tokens.push({ text: shown.add(token), probability });
      const rest = shown.rest();
      if (rest !== "") tokens.push({ text: rest, probability: tokens.at(-1)?.probability ?? 1 });
      completions.push({ prompt, tokens });
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error; // model.safetensors is missing or damaged: report the rest
  }
  return completions;
}
