import { spawn, spawnSync } from "node:child_process";
import { CLI } from "./microgpt.ts";

/** Whether util-linux's `script` is there, which gives a program a terminal. */
export const hasScript: boolean = spawnSync("script", ["--version"]).status === 0;

/** As long as no good run is silent, even on a busy machine. */
const SILENCE_MS = 60_000;

/**
 * Runs `microgpt` in a pseudo-terminal (util-linux's `script`); types each answer once its question is on the screen.
 * `onScreen` hears of everything that appears there.
 */
export async function inTerminal(
  args: readonly string[],
  answers: readonly (readonly [question: string, answer: string])[],
  env: NodeJS.ProcessEnv = {},
  onScreen: (screen: string) => void = () => {},
  columns: number = 100,
): Promise<{ screen: string; exitCode: number | null }> {
  const command = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(" ");
  // What vitest and CI say of colours is not what a person's terminal says.
  const { NO_COLOR: _noColor, FORCE_COLOR: _forceColor, CI: _ci, ...inherited } = process.env;
  const child = spawn("script", ["-qefc", `stty cols ${columns} rows 40; exec ${command}`, "/dev/null"], {
    env: { ...inherited, TERM: "xterm", ...env },
  });
  let screen = "";
  let seen = 0;
  let next = 0;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    screen += chunk;
    silence.refresh();
    onScreen(screen);
    while (next < answers.length && screen.indexOf(answers[next][0], seen) >= 0) {
      seen = screen.length;
      child.stdin.write(answers[next++][1]);
    }
  });
  let isStuck = false;
  const silence = setTimeout(() => {
    isStuck = true;
    child.kill("SIGKILL");
  }, SILENCE_MS);
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(silence);
  if (isStuck)
    throw new Error(`the screen waits in vain for ${JSON.stringify(answers[next]?.[0] ?? "the end")}:\n${screen}`);
  return { screen, exitCode };
}
