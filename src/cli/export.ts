/** `microgpt export`: the model of a run, for other programs. */
import { basename } from "node:path";
import { showPath } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { checkExports, exportedModel, planExports, writeExport } from "../run/export.ts";
import { fileSize, jsonLine } from "../run/format.ts";
import { createReporter } from "./reporters.ts";

/** What to write, and where. */
export interface ExportFlags {
  /** Formats, by name. */
  readonly to: readonly string[];
  /** The output, or the folder for several; null: named after the run. */
  readonly out: string | null;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/** `microgpt export RUN`. Throws InputError before anything is written if a format cannot say the model. */
export async function exportRun(path: string, { to, out, json }: ExportFlags): Promise<number> {
  const plans = planExports(to, out, basename(path));
  const run = Run.open(path);
  const reporter = createReporter(json);
  const model = await exportedModel(run, (message) => reporter.warn(message));
  checkExports(plans, model);
  for (const plan of plans) {
    const { target, files, bytes } = await writeExport(plan, model);
    if (target === "stream") continue; // the output itself may be there
    const event = { event: "exported", format: plan.name, path: plan.path, bytes, files };
    process.stdout.write(
      json ? jsonLine(event) : `${plan.name.padEnd(8)} ${fileSize(bytes)}  ${showPath(plan.path)}\n`,
    );
  }
  return 0;
}
