/**
 * A sweep as a job array of Slurm (https://slurm.schedmd.com/job_array.html): the script that `sbatch` takes. Text from
 * data; nothing here asks Slurm anything.
 */
import { InputError, isRecord, quote } from "../errors.ts";

/** What is passed through to `sbatch`, as it writes it; null: the cluster's own default. */
export interface SlurmSettings {
  readonly time: string | null;
  readonly mem: string | null;
  readonly gres: string | null;
  readonly partition: string | null;
  readonly cpusPerTask: string | null;
  /** Whatever else a cluster asks for, as `--account=me`. */
  readonly sbatch: readonly string[];
}

/** Nothing but what a formula says of the memory. */
export const NO_SLURM_SETTINGS: SlurmSettings = {
  time: null,
  mem: null,
  gres: null,
  partition: null,
  cpusPerTask: null,
  sbatch: [],
};

export interface ScriptInput {
  readonly settings: SlurmSettings;
  /** Of the sweep, as the queue shows it. */
  readonly jobName: string;
  /** The sweep's directory, absolute. */
  readonly directory: string;
  /** Runs, in the order of the array's indices. */
  readonly names: readonly string[];
  /** How far to train, as a share of all steps. */
  readonly share: number;
  /** Tasks at once; null: as many as the cluster has room for. */
  readonly jobs: number | null;
  /** What one run needs at most, by the formula; asked for where no `--mem` is given. */
  readonly bytes: number;
  /** The program: Node, what it is told, and the command line's file. */
  readonly program: readonly string[];
  /** What else each task is told. */
  readonly more: readonly string[];
}

/** What a formula can't know: libraries, a collector that is late. */
const SPARE_MEMORY = 1.25;
/** Slurm's own limit to an index (MaxArraySize) is 1,001 where nobody has changed it. */
export const MAX_ARRAY = 1000;
/** Seconds between two lines that a task writes of its steps: whoever follows reads them from a shared disk. */
const TASK_SECONDS = 2;

/** Throws InputError for what would not be one word of the script's `#SBATCH` lines. */
export function checkSlurm(settings: SlurmSettings): SlurmSettings {
  const { sbatch, ...named } = settings;
  for (const [key, value] of Object.entries(named)) {
    if (value === null || /^[\w.:,=+@%*()[\]/-]+$/.test(value)) continue;
    throw new InputError(`--${dashed(key)}: expected one word, as sbatch takes it, got ${quote(value)}`);
  }
  for (const value of sbatch) {
    if (/^--?[\w-]+(?:=[\w.:,=+@%*()[\]/&|-]+)?$/.test(value)) continue;
    throw new InputError(`--sbatch: expected an option of sbatch, as --account=me, got ${quote(value)}`);
  }
  return settings;
}

/** Settings as JSON has them. Throws InputError. */
export function readSlurm(json: unknown): SlurmSettings {
  const { sbatch, ...fields } = isRecord(json) ? json : {};
  const named = Object.fromEntries(
    Object.keys(NO_SLURM_SETTINGS).map((key) => [key, typeof fields[key] === "string" ? fields[key] : null]),
  );
  const more = Array.isArray(sbatch) ? sbatch.map(String) : [];
  return checkSlurm({ ...NO_SLURM_SETTINGS, ...named, sbatch: more });
}

/** → the script; its lines are those of `names`, so a task knows its run by its index alone. */
export function slurmScript(input: ScriptInput): string {
  const { settings, jobName, directory, names, share, jobs, program, more } = input;
  const { sbatch, mem, ...named } = settings;
  const megabytes = Math.ceil((SPARE_MEMORY * input.bytes) / 1e8) * 100;
  const asked = Object.entries({ ...named, mem: mem ?? `${megabytes}M` }).flatMap(([key, value]) =>
    value === null ? [] : [`--${dashed(key)}=${value}`],
  );
  const options = [
    `--job-name=${jobName.replace(/[^\w.-]/g, "-")}`,
    `--array=0-${names.length - 1}${jobs === null ? "" : `%${jobs}`}`,
    "--nodes=1",
    "--ntasks=1",
    "--requeue",
    "--open-mode=append",
    "--output=/dev/null",
    ...asked,
    ...sbatch,
  ];
  const command = [...program, "sweep-task", directory].map(quoted).join(" ");
  const told = ["--share", String(share), "--every", String(TASK_SECONDS), "--json", ...more].map(quoted).join(" ");
  return `#!/bin/bash
${options.map((option) => `#SBATCH ${option}`).join("\n")}

# A task of the array is a run of the sweep. One that is preempted, or killed, and started again goes on from its
# checkpoint; a SIGTERM, as before the end of its time, lets it save.
runs=(
${names.map((name) => `  ${quoted(name)}`).join("\n")}
)
run=\${runs[$SLURM_ARRAY_TASK_ID]}
exec >>${quoted(`${directory}/logs/`)}"$run.log" 2>&1
export MICROGPT_CORES="\${SLURM_CPUS_PER_TASK:-1}"
exec ${command} "$run" ${told}
`;
}

const dashed = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** One word for a shell, whatever is in it. */
const quoted = (text: string): string => (/^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
