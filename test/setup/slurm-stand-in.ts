/** A Slurm that runs its jobs as processes of this machine, and fails as it is told: see `slurm-stand-in.mjs`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { workspace } from "./microgpt.ts";
import { until } from "./trainer.ts";

const PROGRAM = fileURLToPath(new URL("slurm-stand-in.mjs", import.meta.url));
const COMMANDS = ["sbatch", "squeue", "sacct", "scontrol", "scancel"] as const;

/** How the calls of each command are answered, in turn; the last answer is also that of all later calls. */
export type Scenario = Partial<Record<(typeof COMMANDS)[number], readonly string[]>>;

export interface StandIn {
  /** What a process must find in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The directory of its state: `1_0.pid` is the process of a task. */
  readonly directory: string;
  /** Answers otherwise from now on; the calls are counted anew. */
  play(scenario: Scenario): void;
  /** The arguments of each call of a command so far. */
  calls(command: (typeof COMMANDS)[number]): string[];
}

/** Ends what still runs, and waits until its last file is written. */
async function endTasks(directory: string): Promise<void> {
  const names = readdirSync(directory).flatMap((name) => (name.endsWith(".pid") ? [join(directory, name)] : []));
  for (const name of names) {
    const end = name.replace(/pid$/, "end");
    await until("a task is known", () => existsSync(end) || readFileSync(name, "utf8").endsWith("\n"));
    if (existsSync(end)) continue;
    try {
      process.kill(Number(readFileSync(name, "utf8")), "SIGKILL");
    } catch {
      // it has just ended
    }
    await until("a task has ended", () => existsSync(end) && readFileSync(end, "utf8").endsWith("\n"));
  }
}

/** A cluster for one test; directories that its tasks write to must have been made before, to be gone after them. */
export function standIn(scenario: Scenario): StandIn {
  const directory = workspace();
  onTestFinished(() => endTasks(directory));
  const bin = join(directory, "bin");
  mkdirSync(bin);
  for (const command of COMMANDS) {
    const text = `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" ${command} "$@"\n`;
    writeFileSync(join(bin, command), text, { mode: 0o755 });
  }
  const file = (command: string): string => join(directory, `calls-${command}`);
  const play = (next: Scenario): void => {
    for (const command of COMMANDS) writeFileSync(file(command), "");
    writeFileSync(join(directory, "scenario.json"), JSON.stringify(next));
  };
  play(scenario);
  return {
    env: { PATH: `${bin}${delimiter}${process.env.PATH}`, SLURM_STAND_IN: directory },
    directory,
    play,
    calls: (command) => (existsSync(file(command)) ? readFileSync(file(command), "utf8").split("\n").slice(0, -1) : []),
  };
}
