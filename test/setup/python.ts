/** Python, for tests that compare with its libraries: MICROGPT_PYTHON, or python3. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

export const PYTHON: string = process.env.MICROGPT_PYTHON ?? "python3";

/** Whether all of these packages are there. */
export const hasPython = (...modules: readonly string[]): boolean =>
  spawnSync(PYTHON, ["-c", `import ${modules.join(", ")}`]).status === 0;

/** What the name of a test says where they are not. */
export const withoutPython = (...modules: readonly string[]): string =>
  `(skipped where MICROGPT_PYTHON, or python3, has no ${modules.join(", ")})`;

/** For scripts: no network, no files beside ours, and one thread, because idle ones of torch spin on a busy machine. */
export const PYTHON_ENV: NodeJS.ProcessEnv = {
  HF_HUB_OFFLINE: "1",
  HF_MODULES_CACHE: join(tmpdir(), `microgpt-test-hf-${process.pid}`),
  PYTHONDONTWRITEBYTECODE: "1",
  OMP_NUM_THREADS: "1",
};

/** Runs a script of this folder: JSON on its standard input and output. */
export function askPython(script: string, question: unknown): unknown {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout, stderr, status } = spawnSync(PYTHON, [path], {
    input: JSON.stringify(question),
    env: { ...process.env, ...PYTHON_ENV },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  rmSync(PYTHON_ENV.HF_MODULES_CACHE!, { recursive: true, force: true });
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}
