/** uPlot's own files, as text, for a page that embeds them. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { ChartLibrary } from "../report/page.ts";

/** Reads uPlot's files from node_modules. */
export function readChartLibrary(): ChartLibrary {
  const directory = join(dirname(createRequire(import.meta.url).resolve("uplot/package.json")), "dist");
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  return { script: read("uPlot.iife.min.js"), style: read("uPlot.min.css") };
}
