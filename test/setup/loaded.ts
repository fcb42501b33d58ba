/** What a command loads until it ends: modules and system libraries. A start pays for each of them. */
import { expect } from "vitest";
import { microgpt } from "./microgpt.ts";

const LISTER = `import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => (console.error(url), next(url, context)) });
process.on("exit", () => console.error(process.report.getReport().sharedObjects.join("\\n")));`;

/** Runs a command to its end. Returns the URLs of modules and the paths of libraries that it loads. */
export function loadedBy(args: readonly string[]): string[] {
  const env = { NODE_OPTIONS: `--import data:text/javascript;base64,${Buffer.from(LISTER).toString("base64")}` };
  const { exitCode, stderr } = microgpt(args, { env });
  expect(exitCode).toBe(0);
  const all = stderr.split("\n");
  expect(all).toEqual(expect.arrayContaining([expect.stringMatching(/\/cli\.js$/), expect.stringMatching(/libc\.so/)]));
  return all;
}
