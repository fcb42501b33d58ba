import { spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { CLI } from "./microgpt.ts";
import { until } from "./trainer.ts";

/** A running `microgpt open` or `microgpt serve`. */
export interface RunningServer {
  /** What it has printed so far, on both outputs. */
  readonly printed: () => string;
  /** The printed address. */
  readonly url: URL;
  /** Ends it by a signal. Resolves to its exit code. */
  readonly stop: (signal: NodeJS.Signals) => Promise<number | null>;
}

/** Runs `microgpt open …` until the test ends it. */
export const openPlayground = (...args: readonly string[]): Promise<RunningServer> => startServer("open", ...args);

/** Runs a command that serves until the test ends it. */
export const startServer = (...args: readonly string[]): Promise<RunningServer> => startServerOf(CLI, ...args);

/** The same with a `cli.js` of its own. */
export async function startServerOf(cli: string, ...args: readonly string[]): Promise<RunningServer> {
  const child = spawn(process.execPath, [cli, ...args]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  }
  await until("it serves", () => /Ctrl-C ends it|"event":"open"/.test(printed));
  const [address] = /http:[^\s"]+/.exec(printed)!;
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ended = once(child, "exit");
    child.kill(signal);
    const [exitCode] = (await ended) as [number | null];
    return exitCode;
  };
  return { printed: () => printed, url: new URL(address), stop };
}
