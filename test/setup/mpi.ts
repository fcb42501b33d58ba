/** MPI launchers of this machine, by Debian's names: there may be several. */
import { createRequire } from "node:module";
import type { MpiKind } from "../../src/node/mpi-launch.ts";
import { CLI } from "./microgpt.ts";
import { isInstalled, startProgram } from "./trainer.ts";
import type { Trainer } from "./trainer.ts";

interface Installation {
  readonly kind: MpiKind;
  readonly launcher: string;
  readonly library: string;
}

const INSTALLATIONS: readonly Installation[] = [
  { kind: "MPICH", launcher: "mpirun.mpich", library: "libmpich.so.12" },
  { kind: "Open MPI", launcher: "mpirun.openmpi", library: "libmpi.so.40" },
];

function hasKoffi(): boolean {
  try {
    createRequire(import.meta.url)("koffi");
    return true;
  } catch {
    return false;
  }
}

/** Which are installed. */
export const MPI: readonly (Installation & { readonly isInstalled: boolean })[] = INSTALLATIONS.map((one) => ({
  ...one,
  isInstalled: process.platform === "linux" && hasKoffi() && isInstalled(one.launcher),
}));

/** Lets Open MPI start as root, more ranks than cores, without ssh, in a container. */
const OPEN_MPI: NodeJS.ProcessEnv = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
  OMPI_MCA_btl_vader_single_copy_mechanism: "none",
};

/** How a rank differs from others. */
export interface RankStart {
  /** Where it starts. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of node's own. */
  readonly node?: readonly string[];
}

/** Starts `microgpt …` in as many ranks as there are starts. @param input as in `startProgram`. */
export function mpirun(
  launcher: string,
  starts: readonly RankStart[],
  args: readonly string[],
  input: "ignore" | "pipe" = "ignore",
): Trainer {
  const parts = starts.map(({ cwd, env = {}, node = [] }) => {
    const place = cwd === undefined ? [] : ["-C", cwd];
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return ["-n", "1", "env", ...place, ...variables, process.execPath, ...node, CLI, ...args];
  });
  const words = parts.flatMap((part, i) => (i === 0 ? part : [":", ...part]));
  return startProgram([launcher, ...words], OPEN_MPI, input);
}

/** Ranks that start in the same way. */
export const ranks = (count: number, start: RankStart = {}): RankStart[] => Array.from({ length: count }, () => start);

/** A rank that does something to itself as soon as a file is there. @param statement of its main thread. */
export function onFile(path: string, statement: string): RankStart {
  const text = `import { existsSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
const timer = isMainThread && setInterval(() => {
  if (!existsSync(${JSON.stringify(path)})) return;
  clearInterval(timer);
  ${statement}
}, 1);
if (timer) timer.unref();`;
  return { node: ["--import", `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`] };
}
