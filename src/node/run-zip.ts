/** The files of a run as one .zip: what `microgpt open` serves and the playground downloads. Only packs; the playground unpacks. */
import { zipSync } from "fflate";
import type { Zippable } from "fflate";
import type { RunFiles } from "../library/run-files.ts";

/** The first date that a .zip can hold, in place of the time of day: the same files are the same bytes. */
const NO_DATE = "1980-01-01T00:00:00";

/**
 * Packs the files of a run. Weights are stored as they are, because compressing them saves a tenth and takes longest.
 * @param folder a folder that all files are in, such as the run's name; "" for none.
 */
export function zipRun(files: RunFiles, folder: string = ""): Uint8Array<ArrayBuffer> {
  const prefix = folder === "" ? "" : `${folder}/`;
  const entries = [...files].map(([path, bytes]): [string, Zippable[string]] => {
    return [prefix + path, [bytes, { level: path.endsWith(".safetensors") ? 0 : 6 }]];
  });
  return zipSync(Object.fromEntries(entries), { mtime: NO_DATE });
}
