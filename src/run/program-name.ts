/** What a user types to start this program here: for commands to copy. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * `microgpt` where a shell finds it, else `npx microgpt`, as in a clone. npm and npx add folders to PATH that the user's own
 * shell does not have.
 */
export function programName(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.npm_command !== undefined) return "npx microgpt";
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const names = process.platform === "win32" ? ["microgpt.cmd"] : ["microgpt"];
  return folders.some((folder) => names.some((name) => isExecutable(join(folder, name)))) ? "microgpt" : "npx microgpt";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
